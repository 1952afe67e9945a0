"""The assistant process: holds shards, reads each chat in order, retries what must not be lost, sets poison aside."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.assistant.leases import RENEW_EVERY_S, Leases
from bot.assistant.mind import Mind
from bot.assistant.timers import Timers
from bot.channels.contract import ChatMessage
from bot.channels.stopping import heed_cancel
from bot.streams import Entry, Streams
from bot.telemetry import HANDLED, HELD, POISONED, RETRIED
from intake_api.client import IntakeError
from intake_api.contracts import News, shard_of

log = structlog.get_logger()

# an entry begun this often, by workers that died over it, is set aside
MAX_BEGUN = 5
# an entry that raises this often in a row, although nothing outside is down, is poison
MAX_ERRORS = 3
RETRY_FIRST_S, RETRY_MOST_S = 0.2, 10.0
# entries in hand at once: enough to keep every chat busy, little enough to hand over quickly
IN_HAND = 512


@dataclass(slots=True)
class Lane:
    """One chat: its entries in order and the task that works through them."""

    waiting: deque[Entry] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


def _chat_of(body: ChatMessage | News) -> str:
    """The chat in whose lane this is handled."""
    return body.home if isinstance(body, ChatMessage) else body.chat_id


class Worker:
    """`run` until `stop` is set; then what is in hand is finished and the shards are given back."""

    def __init__(self, redis: Redis, streams: Streams, mind: Mind, timers: Timers, leases: Leases) -> None:
        self._redis = redis
        self._streams = streams
        self._mind = mind
        self._timers = timers
        self._leases = leases
        self._lanes: dict[str, Lane] = {}
        # shards whose unfinished entries are in hand already: only then may new ones follow them
        self._ready: set[int] = set()
        self._in_hand = 0
        self._room = asyncio.Event()
        self._stop = asyncio.Event()
        self._forget_shard = getattr(mind.ports.memory, "forget_all", lambda: None)

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Survives Redis being away: it waits and goes on."""
        keeper = asyncio.create_task(self._keep_leases())
        waker = asyncio.create_task(self._wake())
        try:
            while not self._stop.is_set():
                try:
                    await self._read_once()
                except (RedisError, OSError) as error:
                    log.warning("redis.unreachable", error=type(error).__name__)
                    await asyncio.sleep(0.5)
        finally:
            await self._finish()
            for task in (keeper, waker):
                task.cancel()
            await asyncio.gather(keeper, waker, return_exceptions=True)
            with contextlib.suppress(RedisError, OSError):
                await self._leases.leave()

    async def _finish(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=5)
            for task in late:
                task.cancel()

    async def _read_once(self) -> None:
        held = sorted(self._ready & self._leases.held)
        if not held:
            await asyncio.sleep(0.05)
            return
        if self._in_hand >= IN_HAND:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), 1)
            return
        for entry in await self._streams.fresh(held, count=64, block_ms=200):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        body = entry.body
        chat = f"{body.channel}:{_chat_of(body)}" if body is not None else f"unreadable:{entry.stream}"
        lane = self._lanes.setdefault(chat, Lane())
        lane.waiting.append(entry)
        self._in_hand += 1
        if lane.task is None:
            lane.task = asyncio.create_task(self._work(chat, lane))

    async def _work(self, chat: str, lane: Lane) -> None:
        try:
            while lane.waiting:
                await self._settle(lane.waiting[0])
                lane.waiting.popleft()
                self._in_hand -= 1
                self._room.set()
        finally:
            lane.task = None
            if not lane.waiting:
                self._lanes.pop(chat, None)

    async def _settle(self, entry: Entry) -> None:
        """Handle one entry until it is done or set aside. What is retryable is retried for as long as it takes (OP2)."""
        errors, pause_s = 0, RETRY_FIRST_S
        while True:
            heed_cancel()
            try:
                begun = await self._streams.begin(entry) if entry.deliveries > 1 else 1
                if entry.body is None or begun > MAX_BEGUN:
                    await self._streams.set_aside(entry, entry.error or f"begun {begun} times, never finished")
                    POISONED.inc()
                else:
                    await self._handle(entry.body)
                    await self._streams.done(entry)
                    HANDLED.labels(type(entry.body).__name__).inc()
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:  # the outermost door of one entry: nothing may stop the other chats
                away = isinstance(error, RedisError | OSError) or (isinstance(error, IntakeError) and error.retryable)
                errors += not away
                if away and entry.deliveries > 1:
                    with contextlib.suppress(RedisError, OSError):
                        await self._streams.not_to_blame(entry)
                RETRIED.inc()
                log.warning("entry.failed", stream=entry.stream, entry=entry.id, error=type(error).__name__, away=away, exc_info=not away)
                if errors >= MAX_ERRORS:
                    with contextlib.suppress(RedisError, OSError):
                        await self._streams.set_aside(entry, f"{type(error).__name__}: {error}")
                        POISONED.inc()
                        return
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_MOST_S)

    async def _handle(self, body: ChatMessage | News) -> None:
        if isinstance(body, ChatMessage):
            await self._mind.hear(body)
        else:
            await self._mind.learn(body)
        channel, chat_id = body.channel, _chat_of(body)
        await self._timers.set(channel, chat_id, await self._mind.next_due(channel, chat_id))

    async def _keep_leases(self) -> None:
        while True:
            heed_cancel()
            try:
                taken, lost = await self._leases.balance()
                HELD.set(len(self._leases.held))
                for shard in lost:
                    self._drop(shard)
                for shard in sorted(taken):
                    log.info("shard.taken", shard=shard)
                # not `taken`: what Redis kept us from preparing last time is still to be prepared
                for shard in sorted(self._leases.held - self._ready):
                    self._forget_shard()
                    await self._streams.prepare(shard)
                    for entry in await self._streams.pending(shard):
                        self._take(entry)
                    self._ready.add(shard)
            except (RedisError, OSError) as error:
                log.warning("lease.renewal_failed", error=type(error).__name__)
            await asyncio.sleep(RENEW_EVERY_S)

    def _drop(self, shard: int) -> None:
        """Another worker reads this shard now: stop at once, it will find everything unfinished pending."""
        self._ready.discard(shard)
        for chat, lane in list(self._lanes.items()):
            if lane.waiting and lane.waiting[0].stream.rpartition(":")[2] == str(shard):
                self._in_hand -= len(lane.waiting)
                lane.waiting.clear()
                if lane.task:
                    lane.task.cancel()
                self._lanes.pop(chat, None)
        self._forget_shard()

    async def _wake(self) -> None:
        """Ring the timers of the chats on the shards held."""
        while True:
            heed_cancel()
            await asyncio.sleep(0.25)
            try:
                for channel, chat_id in await self._timers.due():
                    if shard_of(channel, chat_id, self._leases.shards) in self._leases.held:
                        await self._ring(channel, chat_id)
            except (RedisError, OSError, IntakeError) as error:
                log.warning("timers.failed", error=type(error).__name__)

    async def _ring(self, channel: str, chat_id: str) -> None:
        """Between two entries of the chat, never beside one: a chat is one lane."""
        chat = f"{channel}:{chat_id}"
        if chat in self._lanes:
            return
        lane = self._lanes[chat] = Lane()

        async def ring() -> None:
            try:
                await self._mind.wake(channel, chat_id)
                await self._timers.set(channel, chat_id, await self._mind.next_due(channel, chat_id))
            except Exception as error:  # the lane must live on, whatever a timer does; it rings again
                log.warning("timer.failed", error=type(error).__name__)
                await asyncio.sleep(RETRY_FIRST_S)
            finally:
                await self._work(chat, lane)

        lane.task = asyncio.create_task(ring())
