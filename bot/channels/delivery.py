"""One thing to say, from leave to mark: what to do with every way a delivery can go wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, cast

import structlog
from prometheus_client import Counter, Histogram
from redis.exceptions import RedisError

from bot.channels.contract import Channel, Fetch, SpeakError, Speech
from bot.channels.lanes import Body, Item
from bot.channels.ledger import NO_LIMIT, Leave, Ledger, Rate
from bot.channels.stopping import heed_cancel
from bot.streams import POISON, POISON_KEPT, REMEMBER_S
from nlp.privacy import mask

log = structlog.get_logger()

SPOKEN = Counter("minhu_speech", "What became of things to say or fetch", ["channel", "outcome"])
LATENCY = Histogram(
    "minhu_reply_seconds",
    "From a message being heard to its answer standing in the chat",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300),
)
SAMPLES_KEPT = 100_000
# a chat that moves more often than this within one speech is a loop
MOST_MOVES = 5


class Evidence(Protocol):
    """Where fetched media go: the intake API's client."""

    async def add_media(self, ticket_id: str, data: bytes, mime: str, key: str, message_id: str = "") -> object: ...


def _no_limit(_chat: str) -> Rate:
    return NO_LIMIT


def _whole(text: str) -> list[str]:
    return [text]


@dataclass(frozen=True, slots=True)
class Manners:
    """What a platform asks of those who speak on it. A channel may carry one as `manners`; without, there is no limit.

    `idempotent`: asked twice to say the same key, the channel says it once. `parts`: a text → pieces the platform takes.
    """

    idempotent: bool = False
    total: Rate = NO_LIMIT
    rate_of: Callable[[str], Rate] = _no_limit
    parts: Callable[[str], list[str]] = _whole


@dataclass(frozen=True, slots=True)
class Pace:
    """The speaker's own times, in seconds. What cannot be delivered for `give_up_s` is set aside."""

    lease_s: float = 5.0
    backoff_s: float = 0.5
    backoff_most_s: float = 60.0
    give_up_s: float = 86_400.0
    take_over_s: float = 30.0
    at_once: int = 32
    fetches_at_once: int = 2
    most_waiting: int = 20_000

    def backoff(self, attempts: int) -> float:
        """Doubling, with a quarter of chance so that chats do not come back in step."""
        return min(self.backoff_most_s, self.backoff_s * 2.0 ** min(attempts, 20)) * random.uniform(0.75, 1.25)


@dataclass(frozen=True, slots=True)
class After:
    """What is to happen with an item that was out. `closed`: nobody but urgent speech may go out for `wait_s`."""

    then: Literal["done", "again", "moved", "lost"]
    wait_s: float = 0.0
    attempts: int = 0
    moved_to: str = ""
    closed: bool = False


DONE = After("done")


@dataclass(slots=True)
class Delivery:
    """Says or fetches one item at a time. `sample` names the list that keeps latencies for benchmarks ("" = none)."""

    channel: Channel
    ledger: Ledger
    manners: Manners
    pace: Pace
    intake: Evidence | None = None
    sample: str = ""
    log: Any = field(init=False)

    def __post_init__(self) -> None:
        self.log = log.bind(channel=self.channel.name)

    async def say(self, item: Item[Speech]) -> After:
        """Leave → in flight → said → mark. Never raises but for cancellation."""
        speech = item.body
        again = speech.urgent or self.manners.idempotent
        try:
            leave = await self.ledger.begin(
                speech.key,
                item.lane,
                card_id=speech.card_id,
                version=speech.version,
                urgent=item.urgent,
                again=again,
                chat_rate=self.manners.rate_of(item.lane),
                total_rate=self.manners.total,
            )
        except (RedisError, OSError):
            return After("again", wait_s=1.0, attempts=item.attempts)
        if leave.verdict != "go":
            return await self._held_back(item, leave)
        try:
            spoken = await self.channel.speak(speech, leave.message_id or None)
        except SpeakError as error:
            return await self._failed(item, leave, error, again=again or bool(leave.message_id))
        except Exception as error:
            self.log.exception("speech.broke", key=speech.key)
            return await self._give_up(item, f"{type(error).__name__}: {error}")
        await self._finish(item, "said", spoken.message_id)
        await self._measure(item)
        return DONE

    async def _held_back(self, item: Item[Speech], leave: Leave) -> After:
        match leave.verdict:
            case "wait" | "wait_all":
                return After("again", leave.wait_s, item.attempts, closed=leave.verdict == "wait_all" and not item.urgent)
            case "moved" if item.hops < MOST_MOVES:
                return After("moved", moved_to=leave.moved_to)
            case "moved":
                return await self._give_up(item, "the chat keeps moving")
            case "lost":
                return After("lost")
            case "uncertain":
                self.log.warning("speech.uncertain", key=item.body.key, chat=item.lane)
        await self._finish(item, leave.verdict)
        return DONE

    async def _failed(self, item: Item[Speech], leave: Leave, error: SpeakError, *, again: bool) -> After:
        speech = item.body
        if error.uncertain:
            if not again:
                return await self._held_back(item, Leave("uncertain"))
        else:
            await self._surely(lambda: self.ledger.undo(speech.key))
        if error.moved_to:
            await self._surely(lambda: self.ledger.move(item.lane, error.moved_to))
            self.log.info("chat.moved", chat=item.lane, to=error.moved_to)
            return After("again", attempts=item.attempts)
        if error.gone and leave.message_id:
            await self._surely(lambda: self.ledger.forget_card(item.lane, speech.card_id))
            return After("again", attempts=item.attempts)
        if error.retry_after_s is None:
            return await self._give_up(item, str(error))
        return await self._later(item, str(error), error.retry_after_s)

    async def _later(self, item: Item[Any], fact: str, retry_after_s: float) -> After:
        if await self._too_old(item):
            return await self._give_up(item, f"given up after {self.pace.give_up_s:.0f} s: {fact}")
        # the platform's own word counts; without one the waits double
        named = retry_after_s > 0
        wait_s = retry_after_s if named else self.pace.backoff(item.attempts)
        attempts = item.attempts if named else item.attempts + 1
        if named and isinstance(item.body, Speech):
            await self._surely(lambda: self.ledger.pause(item.lane, retry_after_s))
        self.log.info("speech.postponed", key=item.body.key, fact=fact, wait_s=round(wait_s, 2), attempts=attempts)
        return After("again", wait_s, attempts)

    async def _too_old(self, item: Item[Any]) -> bool:
        """By the Redis clock, which also wrote the time into the entry's id."""
        if not item.entries:
            return False
        seconds, _ = cast(tuple[int, int], await self._surely(self.ledger.redis.time))
        return int(seconds) - int(item.entries[0].split("-")[0]) / 1000 > self.pace.give_up_s

    async def bring(self, item: Item[Fetch]) -> After:
        """Fetch media from the channel and hand them to the intake API. Both sides know the key, so asking again is harmless."""
        fetch = item.body
        try:
            if await self.ledger.said(fetch.key):
                await self._finish(item, "spoken")
                return DONE
            if self.intake is None:
                return await self._give_up(item, "no intake API to hand media to")
            data, mime = await self.channel.fetch(fetch.media)
            await self.intake.add_media(fetch.ticket_id, data, mime, fetch.key, fetch.message_id)
        except SpeakError as error:
            if error.retry_after_s is None:
                return await self._give_up(item, str(error))
            return await self._later(item, str(error), error.retry_after_s)
        except (RedisError, OSError) as error:
            return await self._later(item, type(error).__name__, 0.0)
        except Exception as error:
            if getattr(error, "retryable", False):
                return await self._later(item, str(getattr(error, "code", type(error).__name__)), 0.0)
            return await self._give_up(item, f"{type(error).__name__}: {error}")
        await self._finish(item, "fetched")
        return DONE

    async def _finish(self, item: Item[Body], outcome: str, message_id: str = "") -> None:
        body = item.body
        keys = tuple(dict.fromkeys((body.key, *item.keys)))
        card_id, version = (body.card_id, body.version) if isinstance(body, Speech) else ("", 0)
        await self._surely(
            lambda: self.ledger.finish(
                keys, item.entries, value=outcome, chat=item.lane, message_id=message_id, card_id=card_id, version=version
            )
        )
        SPOKEN.labels(self.channel.name, outcome).inc()

    async def _measure(self, item: Item[Speech]) -> None:
        if item.body.heard_at is None:
            return
        seconds = (datetime.now(UTC) - item.body.heard_at).total_seconds()
        LATENCY.labels(self.channel.name).observe(max(0.0, seconds))
        if self.sample:
            async with self.ledger.redis.pipeline(transaction=False) as pipe:
                pipe.lpush(self.sample, f"{seconds:.4f}")
                pipe.ltrim(self.sample, 0, SAMPLES_KEPT - 1)
                await self._surely(pipe.execute)

    async def _give_up(self, item: Item[Body], fact: str) -> After:
        self.log.error("speech.set_aside", key=item.body.key, fact=fact)
        await self.set_aside(item.entries, item.body.model_dump_json(), fact)
        await self._surely(lambda: self.ledger.undo(item.body.key))
        return DONE

    async def set_aside(self, entries: tuple[str, ...], raw: str, fact: str) -> None:
        """To the poison stream, as bot.streams does: masked for the console, whole for a week so that it can be put back."""
        fields = {"stream": self.ledger.stream, "entry": " ".join(entries), "error": fact[:500], "payload": mask(raw[:4000]).text}
        redis = self.ledger.redis

        async def put() -> None:
            poison_id = await redis.xadd(POISON, cast(dict[Any, Any], fields), maxlen=POISON_KEPT, approximate=True)
            await redis.set(f"poison-raw:{poison_id!s}", raw, ex=REMEMBER_S)

        await self._surely(put)
        # no key is marked: what a person puts back is said
        await self._surely(lambda: self.ledger.finish((), entries, value="poison"))
        SPOKEN.labels(self.channel.name, "poison").inc()

    async def _surely(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """A step that must not be left out once something was said: Redis being away is waited out."""
        attempts = 0
        while True:
            try:
                return await step()
            except (RedisError, OSError) as error:
                self.log.warning("speech.redis_away", error=type(error).__name__)
                heed_cancel()
                await asyncio.sleep(min(5.0, 0.1 * 2.0**attempts))
                attempts += 1
