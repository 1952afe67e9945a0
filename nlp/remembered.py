"""Vectors of what was said lately, so that a matter's words are encoded once and not with every message that may belong to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nlp.evidence import Vectors
from nlp.schema import MatterSketch

KEPT = 60_000
"""Texts, 0.8 KB each: what is told of about two thousand lively chats."""
LATEST = 5
"""Of a matter its first words and so many of its last are compared."""


class RememberedVectors:
    """Safe to share between threads. `encode`: one text → float32 [d] of length 1."""

    def __init__(self, encode: Callable[[str], NDArray[np.float32]]) -> None:
        self._of: Callable[[str], NDArray[np.float16]] = lru_cache(KEPT)(lambda text: encode(text).astype(np.float16))

    def compare(self, text: str, sketches: Sequence[MatterSketch]) -> Vectors | None:
        """What nlp.match and nlp.thread take as `vectors`; None where there is nothing to compare."""
        told = {s.id: list(dict.fromkeys(t for t in (*s.texts[:1], *s.texts[-LATEST:]) if t.strip())) for s in sketches}
        if not text.strip() or not any(told.values()):
            return None
        rows = {i: np.stack([self._of(t) for t in texts]).astype(np.float32) for i, texts in told.items() if texts}
        return Vectors(self._of(text).astype(np.float32), rows)
