"""Short conversation memory of a chat: what was said lately, which matters are open, what is still awaited.

It lives in Redis so that a restart or another worker goes on where this one stopped; losing it loses no ticket,
because open matters are rebuilt from the intake API.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis

from bot.assistant.leases import LeaseLostError, Leases
from bot.channels.contract import Media, Speech
from intake_api.contracts import TicketView
from nlp.schema import Earlier, MatterSketch, Place

RECENT = 40
MATTERS = 60
MATTER_KEPT = timedelta(days=30)
# nobody closed it: by then it is over, or another one
INCIDENT_KEPT = timedelta(days=14)
FLOOD_KEPT = timedelta(minutes=1)
MEMORY_TTL_S = 14 * 86_400
# answers that can still be voted on or sent in full
GIVEN_KEPT = 20

SETTLED_STATES = frozenset({"done", "callback", "archived", "rejected", "declined", "transferred"})
GONE_STATES = frozenset({"merged", "rejected"})


class OpenMatter(BaseModel):
    """A matter this chat knows. `id` is the ticket's. `texts` are masked; `senders` are handles; `message_ids` for quotes.

    `carded`: its card stands in the chat (`reply_to`, `thread_id`: where). `pinned`: a location message says where it is.
    `doubtful`: filed of words that are likelier none; nothing is said of it here until a worker confirms it or somebody tells it plainly.
    `unlike`: words that a person took apart from it. `alarmed`: the dangers that were called out in it (ids of matters).
    """

    id: str
    number: str = ""
    category: str | None = None
    place: Place = Place()
    texts: list[str] = []
    senders: list[str] = []
    message_ids: list[str] = []
    first_at: datetime
    last_at: datetime
    settled: bool = False
    alarmed: list[str] = []
    state: str = "candidate"
    version: int = 0
    carded: bool = False
    doubtful: bool = False
    pinned: bool = False
    reply_to: str = ""
    thread_id: str = ""
    told_progress_at: datetime | None = None
    told_joined_at: datetime | None = None
    affected: int = 1
    unlike: list[str] = []

    def sketch(self) -> MatterSketch:
        """What words are matched with; an estate that only a name tells sets nobody's words apart."""
        return MatterSketch(
            id=self.id,
            category=self.category,
            place=self.place if self.is_placed() else Place(),
            texts=tuple(self.texts),
            first_at=self.first_at,
            last_at=self.last_at,
            senders=frozenset(self.senders),
            settled=self.settled,
            unlike=tuple(self.unlike),
        )

    def add(self, message_id: str, sender: str, text: str, at: datetime) -> None:
        if message_id not in self.message_ids:
            self.message_ids = [*self.message_ids, message_id][-60:]
        if sender and sender not in self.senders:
            self.senders = [*self.senders, sender]
        if text:
            self.texts = [*self.texts, text][-12:]
        self.last_at = max(self.last_at, at)

    def is_placed(self) -> bool:
        """Whether anybody has said where it is; an estate that only the reporter's name tells leads nobody to a door."""
        return self.pinned or bool(self.place.text) or not replace(self.place, estate=None).is_empty()


class KnownIncident(BaseModel):
    """A trouble of many groups that this one was told of. `words`: the last that residents read; `pointed_at`: last shown to who asked."""

    id: str
    category: str
    title: str
    words: str = ""
    until: datetime | None = None
    since: datetime
    pointed_at: datetime | None = None


class MergedMatter(BaseModel):
    """A matter as it was when its ticket went into another, and what the other gained by it: an unmerge gives it back."""

    matter: OpenMatter
    into: str
    messages: list[str]
    senders: list[str]


class Awaited(BaseModel):
    """Something a person was asked for: the place of a ticket, the words of a worker's act, what is missing (TK10).

    `asked`: the very next words are the answer; otherwise only words that read like one.
    """

    what: Literal["place", "finish", "info"]
    ticket: str
    person: str
    since: datetime
    asked: bool = False


class GivenAnswer(BaseModel):
    """An answer of the policy base: what the buttons under it are about. `question` is masked, `message_id` whose it was; nothing
    of a `delicate` one is said in the group again."""

    question: str
    doc: str
    text: str
    source: str
    message_id: str
    thread_id: str = ""
    delicate: bool = False


class Timer(BaseModel):
    """Something to do later in this chat."""

    at: datetime
    what: Literal["ask_place", "say_later"]
    ticket: str = ""
    speech: str = ""


class ChatMemory(BaseModel):
    """All that is remembered of one chat. `handled` holds the keys of the last messages, so that a redelivery is harmless.

    `media`: what came with the recent messages, by message id: a photo may be sent before the words it belongs to.
    `answered`: when an answer was last given, `given`: the last answers by the mark in their buttons, `enquiries`: the ticket that
    the same question in vain became.
    """

    model_config = ConfigDict(validate_assignment=False)

    recent: list[Earlier] = []
    media: dict[str, list[Media]] = {}
    matters: dict[str, OpenMatter] = {}
    merged: dict[str, MergedMatter] = {}
    incidents: dict[str, KnownIncident] = {}
    awaited: list[Awaited] = []
    timers: list[Timer] = []
    handled: list[str] = []
    spoke_at: list[datetime] = []
    answered: dict[str, datetime] = {}
    given: dict[str, GivenAnswer] = {}
    enquiries: dict[str, str] = {}
    homes: dict[str, Place] = {}
    floods: dict[str, list[datetime]] = {}
    explained: bool = False
    home_chat: str = ""
    steps: dict[str, int] = Field(default_factory=dict)

    def forget_old(self, now: datetime) -> None:
        self.recent = self.recent[-RECENT:]
        kept = {e.message_id for e in self.recent}
        self.media = {i: media for i, media in self.media.items() if i in kept}
        live = {i: m for i, m in self.matters.items() if now - m.last_at < MATTER_KEPT and m.state not in GONE_STATES}
        if len(live) > MATTERS:
            live = dict(sorted(live.items(), key=lambda kv: kv[1].last_at)[-MATTERS:])
        self.matters = live
        self.merged = {i: m for i, m in self.merged.items() if now - m.matter.last_at < MATTER_KEPT}
        self.incidents = {i: one for i, one in self.incidents.items() if now - one.since < INCIDENT_KEPT}
        self.awaited = [a for a in self.awaited if now - a.since < timedelta(hours=24)]
        self.answered = {q: at for q, at in self.answered.items() if now - at < timedelta(hours=24)}
        self.given = dict(list(self.given.items())[-GIVEN_KEPT:])
        self.enquiries = {words: ticket for words, ticket in self.enquiries.items() if ticket in self.matters}
        self.floods = {s: times for s, times in self.floods.items() if now - times[-1] < FLOOD_KEPT}

    def matters_of_message(self, message_id: str) -> list[OpenMatter]:
        """Those a message is kept with, the one it is mainly about first where that is still known."""
        main = next((e.matters for e in self.recent if e.message_id == message_id), ())
        found = [m for m in self.matters.values() if message_id in m.message_ids]
        return sorted(found, key=lambda m: main.index(m.id) if m.id in main else len(main))

    def awaiting(self, person: str, what: str) -> Awaited | None:
        return next((a for a in reversed(self.awaited) if a.person == person and a.what == what), None)

    def stop_awaiting(self, awaited: Awaited) -> None:
        self.awaited = [a for a in self.awaited if a is not awaited]


def matter_from_ticket(ticket: TicketView, place: Place) -> OpenMatter:
    """What a chat remembers of a ticket that the API tells it about."""
    return OpenMatter(
        id=ticket.id,
        number=ticket.number,
        category=ticket.category,
        place=place,
        texts=[ticket.description or ticket.title],
        first_at=ticket.first_seen_at,
        last_at=ticket.updated_at,
        settled=ticket.state in SETTLED_STATES,
        state=ticket.state,
        version=ticket.version,
        alarmed=[ticket.category or ""] if ticket.urgency == "emergency" else [],
        pinned=ticket.place.lat is not None,
        affected=ticket.affected_people,
        unlike=ticket.unlike,
    )


def moved(memory: ChatMemory, begun: ChatMemory | None, chat_id: str) -> ChatMemory:
    """A group's memory under its new id (CH11), with what was heard there already; what waits to be said is said there."""
    for timer in memory.timers:
        if timer.speech:
            timer.speech = Speech.model_validate_json(timer.speech).model_copy(update={"chat_id": chat_id}).model_dump_json()
    if begun is None:
        return memory
    return memory.model_copy(
        update={
            "recent": [*memory.recent, *begun.recent],
            "media": memory.media | begun.media,
            "matters": begun.matters | memory.matters,
            "merged": begun.merged | memory.merged,
            "incidents": begun.incidents | memory.incidents,
            "awaited": [*memory.awaited, *begun.awaited],
            "timers": [*memory.timers, *begun.timers],
            "handled": [*memory.handled, *begun.handled],
            "homes": memory.homes | begun.homes,
        }
    )


class Memory(Protocol):
    """Where chat memories are kept. `load` gives None for a chat never seen."""

    async def load(self, chat: str) -> ChatMemory | None: ...

    async def save(self, chat: str, memory: ChatMemory) -> None: ...

    async def drop(self, chat: str) -> None: ...

    def forget(self, chat: str) -> None:
        """Let go of what was changed since the last save."""


class LocalMemory:
    """In this process only, for replay and tests: there is no other copy to go back to."""

    def __init__(self) -> None:
        self.chats: dict[str, ChatMemory] = {}

    async def load(self, chat: str) -> ChatMemory | None:
        return self.chats.get(chat)

    async def save(self, chat: str, memory: ChatMemory) -> None:
        self.chats[chat] = memory

    async def drop(self, chat: str) -> None:
        self.chats.pop(chat, None)

    def forget(self, chat: str) -> None:
        """Nothing to go back to."""


# a worker that was frozen past its lease must not write its old memory over the new holder's: look and write are one step
_SAVE = """
if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


class RedisMemory:
    """Written through to Redis, read from it once: the holder of a shard is the only one who reads its chats.

    `forget` must be called for a chat whose shard was lost, because another worker writes it from then on. With `leases`,
    `save` raises LeaseLostError when this worker does not hold the chat's shard any more.
    """

    def __init__(self, redis: Redis, leases: Leases | None = None, cached: int = 4000) -> None:
        self._redis = redis
        self._leases = leases
        self._cached = cached
        self._save = redis.register_script(_SAVE)
        self._cache: OrderedDict[str, ChatMemory] = OrderedDict()

    async def load(self, chat: str) -> ChatMemory | None:
        if chat in self._cache:
            self._cache.move_to_end(chat)
            return self._cache[chat]
        raw = await self._redis.get(f"memory:{chat}")
        if raw is None:
            return None
        memory = ChatMemory.model_validate_json(raw)
        self._keep(chat, memory)
        return memory

    async def save(self, chat: str, memory: ChatMemory) -> None:
        keys, args = [f"memory:{chat}"], [memory.model_dump_json(), str(MEMORY_TTL_S)]
        if self._leases:
            keys.append(self._leases.key_of(chat))
            args.append(self._leases.worker)
        if not await self._save(keys=keys, args=args):
            raise LeaseLostError(chat)
        self._keep(chat, memory)

    async def drop(self, chat: str) -> None:
        self._cache.pop(chat, None)
        await self._redis.delete(f"memory:{chat}")

    def forget(self, chat: str) -> None:
        self._cache.pop(chat, None)

    def forget_all(self) -> None:
        self._cache.clear()

    def _keep(self, chat: str, memory: ChatMemory) -> None:
        self._cache[chat] = memory
        self._cache.move_to_end(chat)
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)
