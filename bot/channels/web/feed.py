"""Wakes the browsers of a chat when something in it changed: one subscription a process, however many browsers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.channels.web.log import CHANGED

log = structlog.get_logger(__name__)


class Feed:
    """`run` listens to Redis; `watch` gives an event that is set whenever one of the chats changed."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.closing = False
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def watch(self, chats: tuple[str, ...]) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        for chat in chats:
            self._watchers[chat].add(bell)
        try:
            yield bell
        finally:
            for chat in chats:
                self._watchers[chat].discard(bell)

    def wake_all(self) -> None:
        for bells in self._watchers.values():
            for bell in bells:
                bell.set()

    def close(self) -> None:
        """Let every browser's stream end, so that the server can stop."""
        self.closing = True
        self.wake_all()

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except RedisError as error:
                log.warning("web.feed_lost", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe(CHANGED)
            # what changed while nobody listened
            self.wake_all()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=30)
                if message is not None:
                    for bell in self._watchers.get(message["data"], ()):
                        bell.set()


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a cancellation that hits redis-py while it connects comes out as a connection error,
    which the task would answer by trying again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.2)
