"""The transcript format (one JSON object a line) → things heard, with the transcript's own people, places and clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.channels.contract import ChatMessage, Media, MediaKind, Sender
from bot.errors import UsageError
from intake_api.contracts import ChatSettings, ChatView, EstateIn, GridView
from intake_api.contracts.words import Moment
from nlp.schema import Role

CHANNEL = "replay"


def _spoken(value: Any) -> Any:
    """Without NUL and half surrogates, which JSON can spell and no channel delivers."""
    return value.encode("utf8", "ignore").decode("utf8").replace("\0", "") if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_spoken)]
Id = Annotated[str, Field(min_length=1, max_length=120), BeforeValidator(_spoken)]
Title = Annotated[str, Field(max_length=100), BeforeValidator(_spoken)]
Names = Annotated[list[Title], AfterValidator(lambda names: [name for name in names if name.strip()])]


class _Line(BaseModel):
    """Unknown fields (`gold`, `note`, …) are ignored: a transcript is read as a chat, not as an answer sheet."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class TranscriptMessage(_Line):
    id: Id
    sender: Id = Field(alias="from")
    at: Moment
    text: Text = ""
    reply_to: str | None = None
    media: MediaKind | None = None


class Member(_Line):
    id: Id
    name: Text = ""
    role: Role = "resident"


class TranscriptGrid(_Line):
    code: str = "grid"
    name: Title = ""
    estates: Names = []
    places: Names = []
    roads: Names = []


class Transcript(_Line):
    id: Id
    grid: TranscriptGrid = TranscriptGrid()
    members: list[Member] = []
    messages: list[TranscriptMessage]

    def chat(self) -> ChatView:
        """The group as a bound chat that may be spoken to at any hour."""
        grid = GridView(
            code="".join(c if c.isascii() and (c.isalnum() or c in "._:-") else "-" for c in self.grid.code)[:100] or "grid",
            name=self.grid.name or "-", community="-", street="-", estates=[EstateIn(name=e) for e in self.grid.estates],
            spots=self.grid.places, roads=self.grid.roads,
        )  # fmt: skip
        return ChatView(channel=CHANNEL, chat_id=self.id, grid=grid, settings=ChatSettings(quiet_from=0, quiet_to=0))

    async def heard(self) -> AsyncIterator[ChatMessage]:
        members = {m.id: m for m in self.members}
        for m in self.messages:
            who = members.get(m.sender, Member(id=m.sender))
            yield ChatMessage(
                channel=CHANNEL, chat_id=self.id, message_id=m.id, sender=Sender(id=who.id, name=who.name, role=who.role), at=m.at,
                text=m.text, reply_to=m.reply_to or "", media=(Media(kind=m.media),) if m.media else (),
            )  # fmt: skip


def read_transcripts(path: Path) -> Iterator[Transcript]:
    """Raises UsageError naming file, line and field for anything that is not a transcript."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parse(path, number, line)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give the path of a .jsonl file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); convert it to UTF-8") from error


def _parse(path: Path, number: int, line: str) -> Transcript:
    try:
        raw: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}:{number} is not JSON ({getattr(error, 'msg', 'nested too deeply')}); one transcript a line") from error
    try:
        transcript = Transcript.model_validate(raw)
        transcript.chat()  # raises where the grid is larger than a grid may be
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise UsageError(f"{path}:{number}: {where}: {first['msg'].removeprefix('Value error, ')}; see the transcript format") from error
    ids = [m.id for m in transcript.messages]
    if len(set(ids)) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise UsageError(f"{path}:{number}: message id {twice} stands twice; ids must be unique in a transcript")
    return transcript
