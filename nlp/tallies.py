"""Many texts at once as sparse tables of their character n-grams: numpy all the way, seconds for thousands of letters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[Any]
_GAP = "\x00"
_MIX = np.uint64(1_000_003)


@dataclass(frozen=True, slots=True)
class Tally:
    """Every n-gram of `texts` texts: `rows[k]` is the text, `codes[k]` a hash of the n-gram, equal for equal n-grams."""

    texts: int
    rows: Array
    codes: Array

    def spread(self) -> tuple[Array, Array]:
        """Distinct codes, ascending, and in how many texts each stands."""
        order = np.lexsort((self.rows, self.codes))
        codes, rows = self.codes[order], self.rows[order]
        first = np.ones(len(codes), bool)
        first[1:] = (codes[1:] != codes[:-1]) | (rows[1:] != rows[:-1])
        distinct, spread = np.unique(codes[first], return_counts=True)
        return distinct, spread

    def only(self, codes: Array) -> Tally:
        keep = np.isin(self.codes, codes)
        return Tally(self.texts, self.rows[keep], self.codes[keep])


def tally(texts: Sequence[str], sizes: Iterable[int]) -> Tally:
    """n-grams of the given sizes; none crosses punctuation, white space or the end of a text."""
    cleaned = [re.sub(r"[\W_]+", _GAP, t) for t in texts]
    points = np.frombuffer(_GAP.join(cleaned).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(t) + 1 for t in cleaned])[: len(points)]
    rows, codes = [], []
    for size in sizes:
        last = len(points) - size + 1
        if last <= 0:
            continue
        code, whole = np.full(last, size, np.uint64), np.ones(last, bool)
        for k in range(size):
            part = points[k : k + last]
            code, whole = code * _MIX + part, whole & (part != 0)
        rows.append(owner[:last][whole])
        codes.append(code[whole])
    return Tally(len(texts), _joined(rows, np.int64), _joined(codes, np.uint64))


def tally_words(texts: Sequence[Sequence[str]]) -> Tally:
    """The same of texts already cut into words."""
    number: dict[str, int] = {}
    rows = np.repeat(np.arange(len(texts)), [len(t) for t in texts])
    codes = np.array([number.setdefault(w, len(number)) for t in texts for w in t], dtype=np.uint64)
    return Tally(len(texts), rows, codes)


def _joined(parts: list[Array], kind: Any) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def counts(found: Tally, codes: Array) -> sparse.csr_matrix:
    """[texts, codes] how often each of these codes (ascending) stands in each text."""
    place = np.searchsorted(codes, found.codes)
    known = (place < len(codes)) & (codes[np.minimum(place, len(codes) - 1)] == found.codes) if len(codes) else np.zeros(0, bool)
    rows, columns = (found.rows[known], place[known]) if len(codes) else (found.rows[:0], found.rows[:0])
    table = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(found.texts, max(1, len(codes))))
    table.sum_duplicates()
    return table


def tfidf(found: Tally, least: int = 2, once: bool = False) -> sparse.csr_matrix:
    """tf-idf rows of length 1 over codes that stand in `least` texts or more; `once`: how often does not count."""
    codes, spread = found.spread()
    keep = spread >= least
    table = counts(found, codes[keep])
    idf = np.log((1 + found.texts) / (1 + spread[keep])) + 1
    table.data = np.ones_like(table.data) if once else 1 + np.log(table.data)
    if keep.any():
        table = table @ sparse.diags(idf.astype(np.float32))
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(lengths, 1e-9)) @ table, dtype=np.float32)


def products(one: sparse.csr_matrix, two: sparse.csr_matrix) -> Array:
    """Row by row dot products of two tables of one shape."""
    return np.asarray(one.multiply(two).sum(axis=1)).ravel()


def surprise(texts: int, spread: Array) -> Array:
    """How much it tells that a text holds a code: ln((1 + texts) / (1 + spread))."""
    return np.asarray(np.log((1 + texts) / (1 + spread)))
