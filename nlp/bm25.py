"""Words: an inverted index with Okapi BM25 weights, kept as flat arrays so that it is stored and read back without pickle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EMPTY_ROWS = np.empty(0, np.int32)
_EMPTY_WEIGHTS = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Bm25:
    """`rows[starts[t]:starts[t + 1]]` are the texts that hold word `t`, `weights` its saturated frequency in each, `idf[t]` its rarity."""

    words: dict[str, int]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    weights: NDArray[np.float32]
    idf: NDArray[np.float32]
    size: int

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]], k1: float, b: float) -> Bm25:
        """One sequence of words a text, in order. An empty base is a base that finds nothing."""
        words: dict[str, int] = {}
        ids: list[NDArray[np.int32]] = []
        counts: list[NDArray[np.int32]] = []
        lengths: list[int] = []
        for text in texts:
            found, times = np.unique(np.array([words.setdefault(w, len(words)) for w in text], np.int32), return_counts=True)
            ids.append(found.astype(np.int32))
            counts.append(times.astype(np.int32))
            lengths.append(len(text))
        size = len(lengths)
        word = np.concatenate(ids) if ids else _EMPTY_ROWS
        row = np.repeat(np.arange(size, dtype=np.int32), [len(i) for i in ids]) if ids else _EMPTY_ROWS
        often = np.concatenate(counts).astype(np.float32) if ids else _EMPTY_WEIGHTS
        length = np.asarray(lengths, np.float32)
        norm = k1 * (1 - b + b * length / max(float(length.mean()) if size else 1.0, 1.0))
        order = np.argsort(word, kind="stable")
        seen = np.bincount(word, minlength=len(words)).astype(np.float32)
        starts = np.concatenate(([0], np.cumsum(seen))).astype(np.int64)
        saturated = (often * (k1 + 1) / (often + norm[row])).astype(np.float32)[order] if size else _EMPTY_WEIGHTS
        idf = np.log1p((size - seen + 0.5) / (seen + 0.5)).astype(np.float32)
        return cls(words, starts, row[order], saturated, idf, size)

    def idf_of(self, word: str) -> float:
        """How rare a word is; a word nobody wrote is as rare as can be."""
        at = self.words.get(word)
        return float(np.log1p((self.size + 0.5) / 0.5)) if at is None else float(self.idf[at])

    def postings(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Rows that hold the word and its saturated frequency in each."""
        at = self.words.get(word)
        if at is None:
            return _EMPTY_ROWS, _EMPTY_WEIGHTS
        span = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return self.rows[span], self.weights[span]

    def scores(self, query: Iterable[str]) -> NDArray[np.float32]:
        """float32 [size]; a word asked twice counts once."""
        total = np.zeros(self.size, np.float32)
        for word in dict.fromkeys(query):
            rows, weights = self.postings(word)
            if len(rows):
                total[rows] += weights * self.idf[self.words[word]]
        return total
