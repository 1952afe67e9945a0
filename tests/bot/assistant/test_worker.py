"""The worker: a chat in order, chats beside each other, retries without loss, poison set aside, takeover after a death."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from redis.asyncio import Redis

from bot.assistant.leases import Leases
from bot.assistant.timers import Timers
from bot.assistant.worker import Worker
from bot.channels.contract import ChatMessage, Sender
from bot.streams import POISON, Streams
from intake_api.client import IntakeError


class Recorder:
    """Stands where the mind stands and writes down the order in which it was told things."""

    def __init__(self, fail: Callable[[ChatMessage], None] = lambda m: None) -> None:
        self.heard: dict[str, list[str]] = defaultdict(list)
        self.fail = fail
        self.ports = SimpleNamespace(memory=object())

    async def hear(self, message: ChatMessage) -> None:
        self.fail(message)
        await asyncio.sleep(0)
        self.heard[message.chat_id].append(message.message_id)

    async def next_due(self, channel: str, chat_id: str) -> None:
        return None


def message(chat: str, n: int) -> ChatMessage:
    return ChatMessage(channel="web", chat_id=chat, message_id=str(n), sender=Sender(id="u"), at=datetime.now(UTC), text="话")


@asynccontextmanager
async def working(redis: Redis, mind: Any, name: str = "a", shards: int = 2) -> AsyncIterator[Worker]:
    streams = Streams(redis, shards)
    worker = Worker(redis, streams, mind, Timers(redis, lambda: datetime.now(UTC)), Leases(redis, name, shards))
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await task


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  # the recorder has no event
        await asyncio.sleep(0.01)


async def test_each_chat_is_heard_in_order(redis: Redis) -> None:
    streams, mind = Streams(redis, 2), Recorder()
    for n in range(20):
        for chat in ("a", "b", "c"):
            await streams.heard(message(chat, n))
    async with working(redis, mind):
        await until(lambda: sum(map(len, mind.heard.values())) == 60)
    assert mind.heard["a"] == mind.heard["b"] == mind.heard["c"] == [str(n) for n in range(20)]


async def test_while_the_api_is_away_a_message_waits_and_nothing_overtakes_it(redis: Redis) -> None:
    failures = iter(range(3))

    def away(m: ChatMessage) -> None:
        if m.message_id == "0" and next(failures, None) is not None:
            raise IntakeError("unreachable", status=0, retryable=True, detail="connection refused")

    streams, mind = Streams(redis, 2), Recorder(away)
    for n in range(3):
        await streams.heard(message("a", n))
    async with working(redis, mind):
        await until(lambda: len(mind.heard["a"]) == 3)
    assert mind.heard["a"] == ["0", "1", "2"]
    assert await redis.xlen(POISON) == 0


async def test_poison_is_set_aside_and_the_chat_goes_on(redis: Redis) -> None:
    def broken(m: ChatMessage) -> None:
        if m.message_id == "1":
            raise ZeroDivisionError("a bug")

    streams, mind = Streams(redis, 2), Recorder(broken)
    for n in range(3):
        await streams.heard(message("a", n))
    async with working(redis, mind):
        await until(lambda: mind.heard["a"] == ["0", "2"])
    (_, fields), *_ = await redis.xrange(POISON)
    assert "ZeroDivisionError" in fields["error"]


async def test_another_worker_takes_over_what_a_dead_one_had_in_hand(redis: Redis) -> None:
    streams, mind = Streams(redis, 2), Recorder()
    for shard in range(2):
        await streams.prepare(shard)
    for n in range(4):
        await streams.heard(message("a", n))
    await streams.fresh([0, 1], 2, 10)  # the dead worker had read two and finished none
    async with working(redis, mind, name="b"):
        await until(lambda: len(mind.heard["a"]) == 4)
    assert mind.heard["a"] == ["0", "1", "2", "3"]


async def test_what_only_waited_behind_a_poisonous_entry_is_never_set_aside(redis: Redis) -> None:
    """Redis counts a delivery at every takeover; waiting in hand is not the entry's fault."""
    streams, mind = Streams(redis, 2), Recorder()
    for shard in range(2):
        await streams.prepare(shard)
    for n in range(3):
        await streams.heard(message("a", n))
    await streams.fresh([0, 1], 10, 10)
    for _ in range(9):  # nine workers took them over and died before they began
        for shard in range(2):
            await streams.pending(shard)
    async with working(redis, mind):
        await until(lambda: len(mind.heard["a"]) == 3)
    assert await redis.xlen(POISON) == 0


async def test_what_kills_every_worker_that_begins_it_is_set_aside(redis: Redis) -> None:
    streams, mind = Streams(redis, 1), Recorder()
    await streams.prepare(0)
    await streams.heard(message("a", 0))
    await streams.fresh([0], 10, 10)
    for _ in range(5):  # five workers began it and were never heard of again
        (entry,) = await streams.pending(0)
        await streams.begin(entry)
    await streams.heard(message("a", 1))
    async with working(redis, mind, shards=1):
        await until(lambda: mind.heard["a"] == ["1"])
    (_, fields), *_ = await redis.xrange(POISON)
    assert "begun 6 times" in fields["error"]
