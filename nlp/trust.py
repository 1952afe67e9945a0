"""How far a base can be trusted to hold the answer to a question: a calibrated probability, with or without an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from nlp.bm25 import Bm25
from nlp.readings import readings
from nlp.terms import fold, named, other_names, subject, terms

SIGNS = ("passage", "terms", "longest", "stands_out", "title")
MEANING, READING = "meaning", "reading"
_LONGEST = 12


def signs(question: str, heading: str, passage: str, words: Bm25, scores: NDArray[np.float32]) -> dict[str, float]:
    """What speaks for an answer, by name: the share of the question's words that the best passage holds, by rarity (`passage`) and by
    number (`terms`), that its `heading` holds (`title`), the `longest` run of the question found in it (12 characters are 1), and how
    far the best of the base's `scores` `stands_out` (tenths of their deviation). Shares, so that bases of any size compare.
    """
    found = _Piece(set(terms(passage)), set(terms(heading)), fold(passage), words)
    best = max((_best_said(one, found) for one in readings(question)), key=_met)
    return best | {"stands_out": float((scores.max() - scores.mean()) / (scores.std() + 1e-6)) / 10}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A passage and what stands above it, as words; `words` is the base's index."""

    here: set[str]
    above: set[str]
    text: str
    words: Bm25


def _best_said(question: str, piece: _Piece) -> dict[str, float]:
    """The shares of a question in whichever names of its things the passage knows them by."""
    said = fold(question)
    best = _shares(subject(said), piece)
    for word in named(said):
        again = [said.replace(word, other) for other in other_names(word) if other not in said]
        for other_said, found in [(one, _shares(subject(one), piece)) for one in again]:
            if _met(found) > _met(best):
                said, best = other_said, found
    return best


def _met(found: Mapping[str, float]) -> float:
    return found["terms"] + found["longest"]


def _shares(asked_about: str, piece: _Piece) -> dict[str, float]:
    rarity = {term: piece.words.idf_of(term) for term in set(terms(asked_about))}
    shared = rarity.keys() & piece.here
    total = max(sum(rarity.values()), 1e-6)
    plain = "".join(c for c in asked_about if c.isalnum())
    return {
        "passage": sum(rarity[t] for t in shared) / total,
        "terms": len(shared) / max(len(rarity), 1),
        "longest": min(longest_run(plain, piece.text), _LONGEST) / _LONGEST,
        "title": sum(rarity[t] for t in shared & piece.above) / total,
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
