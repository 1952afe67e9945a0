"""Meaning: passages as vectors in a faiss index, compared with a question by cosine after the common part is taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.encoder import Encoder

Floats = NDArray[np.float32]
CHUNK = 64
_SAMPLE = 256
_OPENING_CHARS = 30
_TAUGHT = 10_000
"""Vectors that the index sees at a time; as many, evenly drawn, set the range of its bytes."""
_COARSE_FROM = 20_000
"""Passages from which vectors are kept as bytes: a quarter of the memory, the same first ten."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Vectors of a base's passages. `common` is the mean of passages, `asked` that of questions: what all texts share says nothing."""

    encoder: Encoder
    index: Any
    common: Floats
    asked: Floats
    size: int

    @classmethod
    def build(cls, encoder: Encoder, texts: Sequence[str], vectors: Floats) -> Meaning:
        """`vectors` float32 [n, d] are those of `texts` as passages, each of length 1. Openings of passages stand in for questions."""
        import faiss

        faiss.omp_set_num_threads(1)  # a question has one row: a second thread would find nothing to do and spin
        common = vectors.mean(0) if len(vectors) else np.zeros(encoder.dimensions, np.float32)
        step = max(1, len(texts) // _SAMPLE)
        openings = [text[:_OPENING_CHARS] for text in texts[::step][:_SAMPLE]]
        asked = encoder.encode(openings, "query").mean(0) if openings else common
        kind = faiss.ScalarQuantizer.QT_8bit if len(vectors) >= _COARSE_FROM else faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexScalarQuantizer(encoder.dimensions, kind, faiss.METRIC_INNER_PRODUCT)
        if len(vectors):
            index.train(unit(vectors[:: -(-len(vectors) // _TAUGHT)] - common))
            for start in range(0, len(vectors), _TAUGHT):  # never all of them twice in memory
                index.add(unit(vectors[start : start + _TAUGHT] - common))
        return cls(encoder, index, common, asked, len(vectors))

    def cosines(self, question: str, nearest: int) -> Floats:
        """float32 [passages]: the cosine of the `nearest` passages; all others have that of the last of them."""
        asked = unit(self.encoder.encode([question], "query") - self.asked)
        found, rows = self.index.search(asked, min(nearest, self.size))
        out = np.full(self.size, found[0][-1] if self.size else 0.0, np.float32)
        out[rows[0]] = found[0]
        return out


def encode_passages(encoder: Encoder, texts: Sequence[str], done: Callable[[int], None] = lambda n: None) -> Floats:
    """float32 [n, d] in order; `done(n)` is told after every chunk how many texts are encoded."""
    parts = []
    for start in range(0, len(texts), CHUNK):
        parts.append(encoder.encode(texts[start : start + CHUNK], "passage"))
        done(min(start + CHUNK, len(texts)))
    return np.concatenate(parts) if parts else np.zeros((0, encoder.dimensions), np.float32)


def unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)
