"""The policy base of a running assistant: fetched in pages, rebuilt beside the work when it changed, asked off the loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import structlog

from bot.channels.stopping import heed_cancel
from intake_api.client import IntakeError
from intake_api.contracts import PassagesView
from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.kept_vectors import KeptVectors
from nlp.pipeline import newest
from nlp.reader import PassageReader, load_reader
from nlp.retrieve import Base, is_fitted
from nlp.schema import Answer, Passage

log = structlog.get_logger()

# a change in the console reaches the chats within this
FRESH_EVERY_S = 20.0
# passages encoded between two looks for changes: some ten seconds of one core
ENCODED_AT_ONCE = 512


class Knowledge(Protocol):
    """Where passages come from: pages of what changed since a version (-1: everything)."""

    async def changed_passages(self, version: int, cursor: str = "") -> PassagesView: ...


def encoder_in(models_dir: Path, named: str) -> Encoder | None:
    """The encoder named by the setting, else the shipped one of documents; None (words alone retrieve then) where neither can be used."""
    try:
        return load_encoder(named or newest(models_dir, "documents") or models_dir / "documents")
    except EncoderError as error:
        log.warning("encoder.missing", error=str(error))
        return None


def reader_in(models_dir: Path) -> PassageReader | None:
    """The shipped reader, which two cores use; None (passages stay in the order in which they were found) where it cannot be used."""
    try:
        return load_reader(models_dir)
    except EncoderError as error:
        log.warning("reader.missing", error=str(error))
        return None


class LivePolicy:
    """Answers nothing until the base has been fetched; keeps the last base while the API is away.

    A new base is asked by words at once; vectors of what is new are encoded slice by slice and kept in `folder`, so that a restart
    encodes nothing again. Of several assistants that share the folder one writes. A small change waits for its vectors.
    """

    def __init__(
        self,
        source: Knowledge,
        encoder: Callable[[], Encoder | None],
        folder: Path | None = None,
        reader: Callable[[], PassageReader | None] = lambda: None,
    ) -> None:
        """The encoder and the reader are loaded when the first base comes."""
        self._source = source
        self._make_encoder = encoder
        self._make_reader = reader
        self._folder = folder
        self._encoder: Encoder | None = None
        self._reader: PassageReader | None = None
        self._vectors: KeptVectors | None = None
        self._held: dict[str, list[Passage]] = {}
        self._version = -1
        self._words: Base | None = None
        self._base: Base | None = None

    @property
    def base(self) -> tuple[int, Base] | None:
        """The version that was read last and the base that answers."""
        return (self._version, self._base) if self._base is not None else None

    async def answer(self, question: str, *, earlier: Sequence[str] = (), today: date, area: str, for_staff: bool = False) -> Answer | None:
        base = self._base
        if base is None:
            return None
        day = today.isoformat()
        return await asyncio.to_thread(base.answer, question, earlier=earlier, today=day, area=area, for_staff=for_staff)

    async def keep_fresh(self) -> None:
        """Until cancelled."""
        while True:
            heed_cancel()
            pause_s = FRESH_EVERY_S if self._base is not None else 1.0
            try:
                await self.refresh()
                if await self.encode_some():
                    pause_s = 0.0
            except IntakeError as error:
                log.info("knowledge.not_fetched", code=error.code)
            except Exception:  # the outermost door of this task: the base that stands goes on answering
                log.exception("knowledge.not_rebuilt")
            await asyncio.sleep(pause_s)

    async def refresh(self) -> None:
        """Fetch what changed; afterwards it is found, by words at least. Raises IntakeError when the API is away."""
        changed, version, whole = await self._fetch()
        if version == self._version and not changed and self._base is not None:
            return
        held = {} if whole else dict(self._held)
        for doc, passages in changed.items():
            held.pop(doc, None)
            if passages:
                held[doc] = passages
        self._words = await asyncio.to_thread(Base.build, [p for passages in held.values() for p in passages])
        self._held, self._version = held, version
        log.info("knowledge.loaded", version=version, passages=len(self._words.passages), documents_changed=len(changed))
        try:
            missing = await asyncio.to_thread(self._missing)
        except Exception:  # an encoder may fail to load in any way; words alone answer then
            log.exception("knowledge.no_vectors")
            missing = None
        if missing is None or self._base is None or len(missing) > ENCODED_AT_ONCE:
            self._base = self._words
        if missing is not None:
            await self.encode_some()

    async def encode_some(self) -> bool:
        """Encode one slice of what has no vectors yet; once nothing is left the base is asked by meaning, too. False: all is done."""
        words, vectors = self._words, self._vectors
        if words is None or vectors is None or self._encoder is None or self._base_is_whole():
            return False
        missing = await asyncio.to_thread(vectors.missing, words.texts())
        await asyncio.to_thread(vectors.vectors, missing[:ENCODED_AT_ONCE])
        if len(missing) > ENCODED_AT_ONCE:
            log.info("knowledge.encoding", left=len(missing) - ENCODED_AT_ONCE)
            return True
        self._base = await asyncio.to_thread(self._with_meaning, words, vectors, self._encoder, self._reader)
        log.info("knowledge.encoded", version=self._version)
        return False

    def _base_is_whole(self) -> bool:
        base, words = self._base, self._words
        return (
            base is not None and words is not None and base.passages is words.passages and (base.meaning is not None or not base.passages)
        )

    async def _fetch(self) -> tuple[dict[str, list[Passage]], int, bool]:
        """(changed document → its passages, the version they are of, whether that is the whole base)."""
        changed: dict[str, list[Passage]] = {}
        cursor = ""
        while True:
            page = await self._source.changed_passages(self._version, cursor)
            changed |= {doc: [] for doc in page.changed}
            for one in page.passages:
                changed[one.doc].append(Passage(**dict(one)))
            cursor = page.cursor
            if not cursor:
                return changed, page.version, page.whole

    def _missing(self) -> list[str] | None:
        """Texts without vectors; None where there is no encoder."""
        if self._words is None or not self._words.passages:
            return None
        if self._vectors is None:
            self._encoder = self._make_encoder()
            self._reader = self._make_reader() if self._encoder and is_fitted(self._encoder) else None
            self._vectors = _kept_in(self._folder, self._encoder) if self._encoder else None
        return self._vectors.missing(self._words.texts()) if self._vectors else None

    @staticmethod
    def _with_meaning(words: Base, vectors: KeptVectors, encoder: Encoder, reader: PassageReader | None) -> Base:
        texts = words.texts()
        base = words.with_meaning(encoder, vectors.vectors(texts), reader)
        if vectors.size > 2 * len(texts) + ENCODED_AT_ONCE:
            vectors.keep_only(texts)
        return base


def _kept_in(folder: Path | None, encoder: Encoder) -> KeptVectors:
    """Vectors kept in a folder where it can be held for writing; else those that are there are read and new ones kept in memory."""
    if folder is None:
        return KeptVectors(Path("/nonexistent/vectors"), encoder, writable=False)
    path = folder / f"vectors-{blake2b(encoder.name.encode(), digest_size=6).hexdigest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)  # held until this process ends
    except OSError:
        return KeptVectors(path, encoder, writable=False)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return KeptVectors(path, encoder, writable=False)
    return KeptVectors(path, encoder, writable=True)
