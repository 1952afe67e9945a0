"""The policy base of a running assistant: fetched from the API, rebuilt beside the work when it changed, asked off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Protocol

import structlog

from intake_api.client import IntakeError
from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.retrieve import Base
from nlp.schema import Answer, Passage

log = structlog.get_logger()

# a change in the console reaches the chats within this
FRESH_EVERY_S = 20.0


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
            try:
                await self.refresh()
            except IntakeError as error:
                log.info("knowledge.not_fetched", code=error.code)
            await asyncio.sleep(FRESH_EVERY_S if self._base is not None else 1.0)

    async def refresh(self) -> None:
        """Fetch and rebuild when the version changed. Raises IntakeError when the API is away."""
        found = await self._source.passages(self._version)
        if found is None:
            return
        version, passages = found
        self._base = await asyncio.to_thread(self._build, passages)
        self._version = version
        log.info("knowledge.loaded", version=version, passages=len(passages))

    def _build(self, passages: list[Passage]) -> Base:
        if self._encoder is None and passages:
            self._encoder = self._make_encoder()
        return Base.build(passages, self._encoder)
