"""Words: an inverted index with Okapi BM25 weights in flat arrays, over passages and, gathered, over whole documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST = 255
_EMPTY_ROWS = np.empty(0, np.int32)
_EMPTY_COUNTS = np.empty(0, np.uint8)
_EMPTY_WEIGHTS = np.empty(0, np.float16)


@dataclass(frozen=True, slots=True)
class Bm25:
    """`rows[starts[t]:starts[t + 1]]` are the texts with word `t`, in order; `counts` how often, at most 255; `weights` what BM25
    makes of that beside the text's length; `idf[t]` how rare the word is. Seven bytes a pair of word and text.
    """

    words: dict[str, int]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint8]
    weights: NDArray[np.float16]
    idf: NDArray[np.float32]
    lengths: NDArray[np.float32]

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]], k1: float, b: float) -> Bm25:
        """One sequence of words a text, in order. An empty base is a base that finds nothing."""
        words: dict[str, int] = {}
        ids, counts = [_EMPTY_ROWS], [_EMPTY_COUNTS]
        lengths: list[int] = []
        for text in texts:
            found, times = np.unique(np.array([words.setdefault(w, len(words)) for w in text], np.int32), return_counts=True)
            ids.append(found)
            counts.append(np.minimum(times, _MOST).astype(np.uint8))
            lengths.append(len(text))
        row = np.repeat(np.arange(len(lengths), dtype=np.int32), [len(i) for i in ids[1:]])
        word, often = np.concatenate(ids), np.concatenate(counts)
        ids.clear()
        counts.clear()
        order = np.argsort(word, kind="stable")
        return cls._weighed(words, word[order], row[order], often[order], np.asarray(lengths, np.float32), k1, b)

    def gathered(self, group_of: NDArray[np.int32], groups: int, k1: float, b: float) -> Bm25:
        """The same words over whole groups of texts: text i belongs to group `group_of[i]`; neighbours must lie together."""
        word = np.repeat(np.arange(len(self.idf), dtype=np.int32), np.diff(self.starts))
        group = group_of[self.rows]
        opens = np.ones(len(group), bool)
        opens[1:] = (word[1:] != word[:-1]) | (group[1:] != group[:-1])
        first = np.flatnonzero(opens)
        often = np.add.reduceat(self.counts, first, dtype=np.int64) if len(first) else np.empty(0, np.int64)
        lengths = np.bincount(group_of, self.lengths, groups).astype(np.float32)
        return self._weighed(self.words, word[first], group[first], np.minimum(often, _MOST).astype(np.uint8), lengths, k1, b)

    @classmethod
    def _weighed(
        cls,
        words: dict[str, int],
        word: NDArray[np.int32],
        row: NDArray[np.int32],
        often: NDArray[np.uint8],
        lengths: NDArray[np.float32],
        k1: float,
        b: float,
    ) -> Bm25:
        size = len(lengths)
        norm = k1 * (1 - b + b * lengths / max(float(lengths.mean()) if size else 1.0, 1.0))
        seen = np.bincount(word, minlength=len(words))
        starts = np.concatenate(([0], np.cumsum(seen))).astype(np.int64)
        weights = (often * np.float32(k1 + 1) / (often + norm[row])).astype(np.float16)
        idf = np.log1p((size - seen + 0.5) / (seen + 0.5)).astype(np.float32)
        return cls(words, starts, row, often, weights, idf, lengths)

    @property
    def size(self) -> int:
        return len(self.lengths)

    def idf_of(self, word: str) -> float:
        """How rare a word is; a word nobody wrote is as rare as can be."""
        at = self.words.get(word)
        return float(np.log1p((self.size + 0.5) / 0.5)) if at is None else float(self.idf[at])

    def postings(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.float16]]:
        """Texts that hold the word, in order, and its weight in each before its rarity."""
        at = self.words.get(word)
        if at is None:
            return _EMPTY_ROWS, _EMPTY_WEIGHTS
        span = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return self.rows[span], self.weights[span]

    def holds(self, word: str, row: int) -> bool:
        """Whether a text holds a word."""
        rows, _ = self.postings(word)
        at = int(np.searchsorted(rows, row))
        return at < len(rows) and int(rows[at]) == row

    def scores(self, query: Iterable[str]) -> NDArray[np.float32]:
        """float32 [size]; a word asked twice counts once."""
        total = np.zeros(self.size, np.float32)
        for word in dict.fromkeys(query):
            rows, weights = self.postings(word)
            if len(rows):
                total[rows] += weights * self.idf[self.words[word]]
        return total
