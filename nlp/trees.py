"""The runtime of shipped boosted trees: all trees walked at once, numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Trees:
    """Sums of tree leaves, one sum a label. Nodes of all trees lie in one row of arrays; a leaf points at itself.

    `feature` int16, `limit` float32 (at most: left; NaN goes where `missing_left` says), `left` and `right` int32,
    `leaf` float32 [nodes]; `root` int32 [trees], `label` int16 [trees], `start` float32 [labels].
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]], depth: int) -> None:
        """Raises KeyError for a missing array, ValueError for one that points outside."""
        self._limit = tensors["limit"].astype(np.float32)
        self._next = np.stack([tensors["right"], tensors["left"]]).astype(np.intp)
        # which of what `_known_and_least` gives a node looks at
        self._slot = 2 * tensors["feature"].astype(np.intp) + tensors["missing_left"].astype(bool)
        self._leaf, self._root = tensors["leaf"].astype(np.float32), tensors["root"].astype(np.intp)
        self._label, self._start = tensors["label"].astype(np.intp), tensors["start"].astype(np.float32)
        self._depth = depth
        nodes = len(self._leaf)
        if self._next.min(initial=0) < 0 or self._next.max(initial=0) >= nodes or self._root.max(initial=0) >= nodes:
            raise ValueError("a branch leads outside the trees")

    def logits(self, features: Floats) -> Floats:
        """[features] float32 (NaN: unknown) → [labels] float32."""
        values = _known_and_least(features[None]).ravel()
        at = self._root
        for _ in range(self._depth):
            left = values.take(self._slot.take(at)) <= self._limit.take(at)
            at = self._next[left.view(np.int8), at]
        total: Floats = self._start + np.bincount(self._label, self._leaf[at], len(self._start)).astype(np.float32)
        return total

    def sums(self, features: Floats, first: int = 0, last: int | None = None) -> Floats:
        """[rows, features] → [rows] float32 of the trees `first` to `last` of a model with one label; its start is the first tree's."""
        root, rows = self._root[first:last], len(features)
        values, branches, nodes = _known_and_least(features).ravel(), self._next.ravel(), len(self._leaf)
        ends = np.tile(root, rows)
        walking, at = np.arange(len(ends)), ends
        row = np.repeat(np.arange(rows) * 2 * features.shape[1], len(root))
        for _ in range(self._depth):  # most leaves are far nearer than the deepest: only who is still on the way goes on
            left = values.take(row + self._slot.take(at)) <= self._limit.take(at)
            below = branches.take(at + nodes * left)
            ends[walking] = below
            on = (branches.take(below) != below).nonzero()[0]
            walking, at, row = walking.take(on), below.take(on), row.take(on)
        leaves = self._leaf.take(ends).reshape(rows, len(root))
        total: Floats = leaves.sum(1, dtype=np.float32) + (self._start[0] if first == 0 else np.float32(0))
        return total


def _known_and_least(features: Floats) -> Floats:
    """[rows, features] → [rows, features, 2]: each as it is, and with the least for what is unknown."""
    return np.stack([features, np.where(np.isnan(features), np.float32(-np.inf), features)], axis=2)
