"""What a channel hears and what it is asked to say. Every channel passes tests/bot/channels/test_contract.py."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from nlp.schema import Role

ChatKind = Literal["group", "private"]
MediaKind = Literal["photo", "video", "voice", "file", "location", "sticker"]
HeardKind = Literal["message", "edit", "press", "command", "welcome", "migrated", "left"]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sender(Wire):
    """`id` is the channel's own stable id. `role` is None where the channel cannot know it (Telegram)."""

    id: str
    name: str = ""
    role: Role | None = None


class Media(Wire):
    """A thing sent along. `ref` lets the channel fetch the bytes later; locations carry degrees instead."""

    kind: MediaKind
    ref: str = ""
    mime: str = ""
    size: int = 0
    album: str = ""
    lat: float | None = None
    long: float | None = None


class ChatMessage(Wire):
    """One thing heard. `key` is its idempotency key: the same key heard twice is one message.

    kind message|edit: `text`, `media`. press: `action` of the button on `card_id`. command: `text` is "/name args".
    migrated: `moved_to` is the new chat id. welcome: the bot was added to the group (or a person opened a private chat).
    `card_id` on a message: it quotes that card. `home_chat`: the group a private chat belongs to, where the channel knows it.
    """

    channel: str
    chat_id: str
    message_id: str
    kind: HeardKind = "message"
    chat_kind: ChatKind = "group"
    chat_title: str = ""
    thread_id: str = ""
    sender: Sender
    at: AwareDatetime
    text: str = ""
    reply_to: str = ""
    media: tuple[Media, ...] = ()
    edit_version: int = 0
    card_id: str = ""
    action: str = ""
    moved_to: str = ""
    home_chat: str = ""
    rights_missing: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        tail = f":e{self.edit_version}" if self.kind == "edit" else ""
        return f"{self.channel}:{self.chat_id}:{self.message_id}{tail}"

    @property
    def home(self) -> str:
        """The chat on whose shard this is read: a move belongs to the new chat, which goes on from there."""
        return self.moved_to or self.chat_id


class Button(Wire):
    """`action` is at most 64 bytes of ASCII (Telegram's limit for callback data)."""

    label: str
    action: str = ""
    url: str = ""


class Speech(Wire):
    """One thing to say. The same `key` is said once. With `card_id`, the earlier message of that card is edited in place;
    a `version` that is not newer than the one shown is dropped. `urgent` passes before everything else.
    `heard_at` is when the message that caused it was heard, for the latency figure.
    `state` and `urgency` are those of the card's ticket: channels that can draw show them as progress and colour.
    """

    key: str
    channel: str
    chat_id: str
    thread_id: str = ""
    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    reply_to: str = ""
    card_id: str = ""
    version: int = 0
    urgent: bool = False
    heard_at: datetime | None = None
    state: str = ""
    urgency: str = ""


class Fetch(Wire):
    """Ask the channel to fetch `media` and hand its bytes to the intake API as evidence of `ticket_id`."""

    key: str
    channel: str
    chat_id: str
    message_id: str
    ticket_id: str
    media: Media


class Spoken(Wire):
    """What the channel answered: the id of the message that now stands in the chat."""

    message_id: str


class SpeakError(Exception):
    """Delivery failed. `retry_after_s` None: never try this one again (blocked, kicked, message gone).

    `uncertain`: the connection broke after the request went out, so it may have been said. `gone`: the message to edit no
    longer exists; it may be said anew. Without `uncertain` it was certainly not said.
    """

    def __init__(
        self, fact: str, retry_after_s: float | None = None, moved_to: str = "", *, uncertain: bool = False, gone: bool = False
    ) -> None:
        super().__init__(fact)
        self.retry_after_s = retry_after_s
        self.moved_to = moved_to
        self.uncertain = uncertain
        self.gone = gone


class Ear(Protocol):
    """Where a channel puts what it heard. Returns once it is stored; False when it had been heard before."""

    async def heard(self, message: ChatMessage) -> bool: ...


class Channel(Protocol):
    """A channel. `hear` runs until cancelled; `speak` sends, or edits `message_id` when it is given."""

    name: str

    async def hear(self, ear: Ear) -> None: ...

    async def speak(self, speech: Speech, message_id: str | None) -> Spoken: ...

    async def fetch(self, media: Media) -> tuple[bytes, str]: ...
