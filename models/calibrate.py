"""Turns scores into probabilities that can be believed, and finds from where on they may pass without a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WANTED_PRECISION = 0.95
# A category with few examples leans on the pooled precision with the weight of so many examples.
_PRIOR = 12.0


def softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares


def temperature(logits: Array, right: Array) -> float:
    """The divisor that makes the right answers likeliest. `right` [n, labels] bool: several labels may be right."""
    grid = np.exp(np.linspace(np.log(0.02), np.log(5), 80))
    losses = [-np.log((softmax(logits / t) * right).sum(axis=1) + 1e-9).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])


def calibration_error(confidence: Array, hit: Array) -> float:
    """Expected calibration error over ten bins."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    return float(sum(abs((confidence[bins == b] - hit[bins == b]).sum()) for b in range(10)) / max(len(hit), 1))


def coverage(confidence: Array, hit: Array, precision: float = WANTED_PRECISION) -> float:
    """Largest share of answers that can pass, most confident first, at the wanted precision."""
    order = np.argsort(-confidence)
    running = np.cumsum(hit[order]) / np.arange(1, len(hit) + 1)
    passing = np.flatnonzero(running >= precision)
    return float((passing[-1] + 1) / len(hit)) if len(passing) else 0.0


def threshold(confidence: Array, hit: Array, precision: float = WANTED_PRECISION) -> float:
    """The lowest confidence from which on answers are right often enough; 1.01 (never) when there is none."""
    order = np.argsort(-confidence)
    running = np.cumsum(hit[order]) / np.arange(1, len(hit) + 1)
    passing = np.flatnonzero(running >= precision)
    return float(confidence[order][passing[-1]]) if len(passing) else 1.01


def thresholds(labels: Sequence[str], predicted: Array, confidence: Array, hit: Array) -> tuple[float, dict[str, float]]:
    """(pooled, per label): a label's own threshold is at least the pooled one and higher where its answers err more."""
    pooled = threshold(confidence, hit, WANTED_PRECISION + 0.01)
    own = {}
    for index, label in enumerate(labels):
        mine = predicted == index
        if not mine.any():
            continue
        order = np.argsort(-confidence[mine])
        hits, sure = hit[mine][order], confidence[mine][order]
        smoothed = (np.cumsum(hits) + _PRIOR * 0.97) / (np.arange(1, len(hits) + 1) + _PRIOR)
        failing = np.flatnonzero(smoothed < WANTED_PRECISION)
        lowest = float(sure[failing[0]]) + 1e-4 if len(failing) else 0.0
        if lowest > pooled:
            own[label] = round(min(lowest, 1.01), 4)
    return round(pooled, 4), own
