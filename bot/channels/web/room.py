"""What people do in the chat: write, change, press. Everything is durable with the ear before it is answered."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, cast

import structlog
from redis.asyncio import Redis

from bot.channels.contract import ChatMessage, Ear, HeardKind, Media
from bot.channels.web.log import ChatLog, Picture, Quote, Shown
from bot.channels.web.sample import Person, Sample

log = structlog.get_logger(__name__)

MAX_TEXT = 1000
QUOTED = 60
Refusal = Literal[
    "empty", "too_long", "too_fast", "no_such_chat", "no_such_person", "no_such_message", "not_yours", "no_such_button", "no_such_photo"
]


class RefusedError(Exception):
    """The chat does not take this; `code` names the sentence that says why."""

    def __init__(self, code: Refusal) -> None:
        super().__init__(code)
        self.code = code


class Room:
    """The group and its private chats. `ear` is where everything heard goes."""

    def __init__(self, name: str, redis: Redis, chatlog: ChatLog, sample: Sample, messages_a_minute: int) -> None:
        self.name = name
        self.redis = redis
        self.log = chatlog
        self.sample = sample
        self.messages_a_minute = messages_a_minute
        self.ear: Ear | None = None

    async def post(
        self, person: Person, chat: str, nonce: str, text: str, *, reply_to: str = "", media: Sequence[Picture] = (), limited: bool = True
    ) -> Shown:
        """Write a message. The same `nonce` of the same person is the same message, however often it comes."""
        self._may_write(person, chat)
        text = cleaned(text)
        if not text and not media:
            raise RefusedError("empty")
        message_id = f"{person.id}.{nonce}"
        if await self.log.get(chat, message_id) is None and limited:
            await self._count(person)
        quote = await self.quote(chat, reply_to) if reply_to else None
        if reply_to and quote is None:
            raise RefusedError("no_such_message")
        at = datetime.now(UTC)
        shown = Shown(id=message_id, sender=person.sender, at=at, text=text, quote=quote, media=tuple(media))
        kind: HeardKind = "command" if text.startswith("/") else "message"
        bare = tuple(Media.model_validate(m.model_dump(exclude={"width", "height"})) for m in media)
        heard = self._heard(person, chat, message_id, kind).model_copy(
            update={"at": at, "text": text, "reply_to": reply_to, "media": bare, "card_id": quote.card_id if quote else ""}
        )
        _, standing = await self.log.put(chat, shown, heard)
        await self._hand_over(chat, heard.model_copy(update={"at": standing.at}))
        return standing

    async def edit(self, person: Person, chat: str, message_id: str, text: str) -> Shown:
        """Change one's own message. The assistant reads it again; the ticket keeps both versions."""
        self._may_write(person, chat)
        text = cleaned(text)
        old = await self.log.get(chat, message_id)
        if old is None:
            raise RefusedError("no_such_message")
        if old.sender.id != person.id:
            raise RefusedError("not_yours")
        if not text and not old.media:
            raise RefusedError("empty")
        if text == old.text:
            return old
        await self._count(person)
        shown = old.model_copy(update={"text": text, "version": old.version + 1, "edited": True})
        heard = self._heard(person, chat, message_id, "edit").model_copy(
            update={"text": text, "edit_version": shown.version, "reply_to": old.quote.id if old.quote else ""}
        )
        _, standing = await self.log.put(chat, shown, heard)
        await self._hand_over(chat, heard)
        return standing

    async def press(self, person: Person, chat: str, message_id: str, action: str, nonce: str) -> None:
        """Press a button that the message carries now; a button of an older version of the card is refused."""
        self._may_write(person, chat)
        card = await self.log.get(chat, message_id)
        if card is None:
            raise RefusedError("no_such_message")
        if action not in {button.action for row in card.buttons for button in row if button.action}:
            raise RefusedError("no_such_button")
        await self._count(person)
        press = self._heard(person, chat, f"{person.id}.press.{nonce}", "press")
        press = press.model_copy(update={"card_id": card.card_id, "action": action, "reply_to": message_id})
        await self._the_ear().heard(press)

    async def enter(self, person: Person) -> None:
        """The first time a chat is opened, the assistant is told so that it can introduce itself."""
        for chat in self.sample.chats_of(person):
            key = f"web:{{{chat}}}:entered"
            if not await self.redis.exists(key):
                await self._the_ear().heard(self._heard(person, chat, "welcome", "welcome"))
                await self.redis.set(key, "1")

    async def hand_over_left(self) -> None:
        """Hand the ear what it never got: the process died between showing and handing over, or the ear was out of reach."""
        for chat in (self.sample.group_id, *(person.id for person in self.sample.people)):
            async for message in self.log.unheard(chat):
                log.info("web.message_recovered", chat=chat)
                await self._hand_over(chat, message)

    async def _hand_over(self, chat: str, message: ChatMessage) -> None:
        await self._the_ear().heard(message)
        await self.log.heard(chat, message)

    def _the_ear(self) -> Ear:
        if self.ear is None:
            raise RuntimeError("the web channel is not hearing yet: call hear() first")
        return self.ear

    def _may_write(self, person: Person, chat: str) -> None:
        if chat not in self.sample.chats_of(person):
            raise RefusedError("no_such_chat")

    def _heard(self, person: Person, chat: str, message_id: str, kind: HeardKind) -> ChatMessage:
        group = chat == self.sample.group_id
        return ChatMessage(
            channel=self.name,
            chat_id=chat,
            message_id=message_id,
            kind=kind,
            chat_kind="group" if group else "private",
            chat_title=self.sample.group.title if group else person.name,
            sender=person.sender,
            at=datetime.now(UTC),
            home_chat="" if group else self.sample.group_id,
        )

    async def quote(self, chat: str, message_id: str) -> Quote | None:
        """The quoted message in short, None when it stands in the chat no more."""
        quoted = await self.log.get(chat, message_id)
        if quoted is None:
            return None
        first = quoted.text.strip().splitlines()[0] if quoted.text.strip() else ""
        return Quote(id=message_id, name=quoted.sender.name, text=first[:QUOTED], card_id=quoted.card_id)

    async def _count(self, person: Person) -> None:
        key = f"web:rate:{person.id}"
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(key, 0, ex=60, nx=True)
            pipe.incr(key)
            _, count = await pipe.execute()
        if cast(int, count) > self.messages_a_minute:
            raise RefusedError("too_fast")


def cleaned(text: str) -> str:
    """Without control characters and half surrogates, which no keyboard sends; empty when nothing of it can be seen.

    RefusedError when too long.
    """
    if len(text) > MAX_TEXT:
        raise RefusedError("too_long")
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    kept = "".join(c for c in whole if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127)).strip()
    # zero-width signs and direction marks alone are no message: nobody would see it
    return kept if any(unicodedata.category(c)[0] not in "CZ" for c in kept) else ""
