"""The policy base of a running assistant: fetched from the API, rebuilt beside the work when it changed, asked off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Protocol

import structlog

from bot.channels.stopping import heed_cancel
from intake_api.client import IntakeError
from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.kept_vectors import KeptVectors
from nlp.retrieve import Base, text_to_encode
from nlp.schema import Answer, Passage

log = structlog.get_logger()

# a change in the console reaches the chats within this
FRESH_EVERY_S = 20.0
# vectors are kept in memory only: the base itself lives behind the API
_NOWHERE = Path("/nonexistent/vectors")


class Knowledge(Protocol):
    """Where passages come from. `passages(version)` is None when the base is still at that version."""

    async def passages(self, known_version: int) -> tuple[int, list[Passage]] | None: ...


def encoder_in(models_dir: Path, named: str) -> Encoder | None:
    """The encoder named by the setting, else the shipped one; None (words alone retrieve then) where neither can be used."""
    try:
        return load_encoder(named or models_dir / "encoder_v1")
    except EncoderError as error:
        log.warning("encoder.missing", error=str(error))
        return None


class LivePolicy:
    """Answers nothing until the base has been fetched; keeps the last base while the API is away."""

    def __init__(self, source: Knowledge, encoder: Callable[[], Encoder | None]) -> None:
        self._source = source
        self._make_encoder = encoder
        self._encoder: Encoder | None = None
        self._vectors: KeptVectors | None = None
        self._base: Base | None = None
        self._version = -1

    async def answer(self, question: str, *, today: date, area: str) -> Answer | None:
        base = self._base
        if base is None:
            return None
        return await asyncio.to_thread(base.answer, question, today=today.isoformat(), area=area)

    async def keep_fresh(self) -> None:
        """Until cancelled."""
        while True:
            heed_cancel()
            try:
                await self.refresh()
            except IntakeError as error:
                log.info("knowledge.not_fetched", code=error.code)
            except Exception:  # the outermost door of this task: the base that stands goes on answering
                log.exception("knowledge.not_rebuilt")
            await asyncio.sleep(FRESH_EVERY_S if self._base is not None else 1.0)

    async def refresh(self) -> None:
        """Fetch and rebuild when the version changed. Raises IntakeError when the API is away."""
        found = await self._source.passages(self._version)
        if found is None:
            return
        version, passages = found
        if self._base is None:  # words answer until the vectors are there: a large base takes minutes to encode
            self._base = await asyncio.to_thread(Base.build, passages)
        self._base = await asyncio.to_thread(self._build, passages)
        self._version = version
        log.info("knowledge.loaded", version=version, passages=len(passages))

    def _build(self, passages: list[Passage]) -> Base:
        """Only passages that are new since the last time are encoded."""
        if self._vectors is None and passages:
            self._encoder = self._make_encoder()
            self._vectors = KeptVectors(_NOWHERE, self._encoder, writable=False) if self._encoder else None
        if self._vectors is None:
            return Base.build(passages)
        return Base.build(passages, self._encoder, self._vectors.vectors([text_to_encode(p) for p in passages]))
