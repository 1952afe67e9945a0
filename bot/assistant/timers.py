"""When each chat must be woken, in one sorted set of Redis: it survives restarts like everything else that is awaited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import cast

from redis.asyncio import Redis

DUE = "due"
AT_ONCE = 100


class Timers:
    """`clock` gives aware datetimes."""

    def __init__(self, redis: Redis, clock: Callable[[], datetime]) -> None:
        self._redis = redis
        self._clock = clock
        self._known: set[str] = set()

    async def set(self, channel: str, chat_id: str, at: datetime | None) -> None:
        """Wake this chat at `at`; None takes an earlier wish back."""
        chat = f"{channel}\n{chat_id}"
        if at is not None:
            self._known.add(chat)
            await self._redis.zadd(DUE, {chat: at.timestamp()})
        elif chat in self._known:
            self._known.discard(chat)
            await self._redis.zrem(DUE, chat)

    async def due(self) -> list[tuple[str, str]]:
        """(channel, chat id) of the chats that are due now, the longest overdue first."""
        rows = cast(list[str], await self._redis.zrangebyscore(DUE, 0, self._clock().timestamp(), start=0, num=AT_ONCE))
        self._known.update(rows)
        return [(channel, chat_id) for channel, _, chat_id in (row.partition("\n") for row in rows)]
