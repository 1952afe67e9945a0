"""What tickets' words mean: encoded once, kept as bytes in the database beside the ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import structlog

from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.matter_index import RANGE, Floats
from nlp.pipeline import newest

_STEPS = 127 / RANGE
_NO_ENCODER_DIMENSIONS = 8
log = structlog.get_logger()


@lru_cache(maxsize=1)
def _load(models_dir: Path) -> Encoder | None:
    folder = newest(models_dir, "encoder")
    try:
        return load_encoder(folder) if folder else None
    except EncoderError as error:
        log.warning("model.missing", fault=str(error))
        return None


class Vectors:
    """The shipped encoder's view of words; without an encoder every vector is None and places and times decide alone."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._encoder: Encoder | None = None
        self._recent: dict[bytes, Floats] = {}

    async def dimensions(self) -> int:
        """Loads the encoder."""
        self._encoder = await asyncio.to_thread(_load, self._models_dir)
        return self._encoder.dimensions if self._encoder else _NO_ENCODER_DIMENSIONS

    @property
    def can_encode(self) -> bool:
        return self._encoder is not None

    def kept(self, encoder: str | None, digest: bytes | None, vector: bytes | None, text: str) -> Floats | None:
        """The vector that was kept, float32 [d]; None where another encoder, or other words, made it."""
        if self._encoder is None or vector is None or encoder != self._encoder.name or digest != _digest(text):
            return None
        return np.frombuffer(vector, np.int8).astype(np.float32) / np.float32(_STEPS)

    async def encode(self, texts: Sequence[str]) -> list[Floats]:
        assert self._encoder is not None  # noqa: S101  # can_encode was asked
        vectors = list(await asyncio.to_thread(self._encoder.encode, texts))
        self._recent = {_digest(text): vector for text, vector in zip(texts, vectors, strict=True)}
        return vectors

    async def of(self, text: str) -> Floats | None:
        """The vector of words to ask with."""
        if self._encoder is None or not text:
            return None
        known = self._recent.get(_digest(text))
        return known if known is not None else (await asyncio.to_thread(self._encoder.encode, [text]))[0]

    def row(self, ticket_id: str, text: str, vector: Floats) -> dict[str, object]:
        """What `queries.keep_vectors` keeps."""
        name = self._encoder.name if self._encoder else ""
        steps = np.clip(np.rint(vector * _STEPS), -127, 127).astype(np.int8)
        return {"ticket_id": ticket_id, "encoder": name[:100], "digest": _digest(text), "vector": steps.tobytes()}


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
