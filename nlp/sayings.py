"""Matters by how residents say them: for those added to the catalogue since the models were trained."""

from __future__ import annotations

import numpy as np

from nlp.encoder import Encoder, Floats
from nlp.linear import softmax
from nlp.taxonomy import Taxonomy

SHARPNESS = 30.0
"""Cosines times this are the logits over matters. Set by judgement, not measured: a new matter is found by its sayings and known ones
keep their place in tests/nlp/test_sayings.py."""


class Sayings:
    """The vectors of every matter's `says` and name. Immutable."""

    def __init__(self, taxonomy: Taxonomy, encoder: Encoder) -> None:
        told = [(m.id, words) for m in taxonomy.matters if m.replaced_by is None for words in (*m.says, m.name)]
        self._vectors = encoder.encode([words for _, words in told])
        self._ids = tuple(dict.fromkeys(matter for matter, _ in told))
        self._starts = np.array([next(i for i, (m, _) in enumerate(told) if m == matter) for matter in self._ids])

    def shares(self, vector: Floats) -> dict[str, float]:
        """Matter → share of belief that a text of this vector tells of it, by its nearest saying; they sum to 1."""
        nearest = np.maximum.reduceat(self._vectors @ vector, self._starts)
        found: Floats = softmax(np.asarray(SHARPNESS * nearest, np.float32))
        return dict(zip(self._ids, found.tolist(), strict=True))
