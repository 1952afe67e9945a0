"""How far a base can be trusted to hold the answer to a question: a calibrated probability from words alone, base or no model."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

import numpy as np
from numpy.typing import NDArray

from nlp.bm25 import Bm25
from nlp.terms import fold, terms

SIGNS = ("passage", "terms", "longest", "stands_out")
_LONGEST = 12


def signs(question: str, passage: str, words: Bm25, scores: NDArray[np.float32]) -> dict[str, float]:
    """What speaks for an answer, by name: the share of the question's words that the best passage holds, by rarity (`passage`) and by
    number (`terms`), the `longest` run of the question found in it (12 characters are 1), and how far the best of the
    base's `scores` `stands_out` (tenths of their deviation). Shares, so that bases of any size compare.
    """
    asked = set(terms(question))
    shared = asked & set(terms(passage))
    plain = "".join(c for c in fold(question) if c.isalnum())
    return {
        "passage": sum(map(words.idf_of, shared)) / max(sum(map(words.idf_of, asked)), 1e-6),
        "terms": len(shared) / max(len(asked), 1),
        "longest": min(longest_run(plain, fold(passage)), _LONGEST) / _LONGEST,
        "stands_out": float((scores.max() - scores.mean()) / (scores.std() + 1e-6)) / 10,
    }


def probability(found: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Logistic regression over the signs; `weights` has one number a sign and `constant`."""
    total = weights["constant"] + sum(weights[name] * found[name] for name in SIGNS)
    return 1 / (1 + exp(-max(-30.0, min(30.0, total))))


def longest_run(question: str, text: str) -> int:
    """Length of the longest run of characters of `question` that stands in `text`."""
    best = 0
    for start in range(len(question)):
        while start + best < len(question) and question[start : start + best + 1] in text:
            best += 1
    return best
