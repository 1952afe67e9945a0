"""How far a base can be trusted to hold the answer to a question: a calibrated probability, with or without an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

import numpy as np
from numpy.typing import NDArray

from nlp.bm25 import Bm25
from nlp.terms import fold, subject, terms, variants

SIGNS = ("passage", "terms", "longest", "stands_out")
MEANING = "meaning"
_LONGEST = 12


def signs(question: str, passage: str, words: Bm25, scores: NDArray[np.float32]) -> dict[str, float]:
    """What speaks for an answer, by name: the share of the question's words that the best passage holds, by rarity (`passage`) and by
    number (`terms`), the `longest` run of the question found in it (12 characters are 1), and how far the best of the
    base's `scores` `stands_out` (tenths of their deviation). Shares, so that bases of any size compare.
    """
    here, text = set(terms(passage)), fold(passage)
    every = [_shares(subject(one), here, text, words) for one in variants(question)]
    best = max(every, key=lambda found: found["terms"] + found["longest"])
    return best | {"stands_out": float((scores.max() - scores.mean()) / (scores.std() + 1e-6)) / 10}


def _shares(asked_about: str, here: set[str], text: str, words: Bm25) -> dict[str, float]:
    asked = set(terms(asked_about))
    shared = asked & here
    plain = "".join(c for c in asked_about if c.isalnum())
    return {
        "passage": sum(map(words.idf_of, shared)) / max(sum(map(words.idf_of, asked)), 1e-6),
        "terms": len(shared) / max(len(asked), 1),
        "longest": min(longest_run(plain, text), _LONGEST) / _LONGEST,
    }


def probability(found: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Logistic regression over the signs that `weights` has a number for, beside its `constant`."""
    total = weights["constant"] + sum(weight * found[name] for name, weight in weights.items() if name != "constant")
    return 1 / (1 + exp(-max(-30.0, min(30.0, total))))


def longest_run(question: str, text: str) -> int:
    """Length of the longest run of characters of `question` that stands in `text`."""
    best = 0
    for start in range(len(question)):
        while start + best < len(question) and question[start : start + best + 1] in text:
            best += 1
    return best
