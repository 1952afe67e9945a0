"""In the assistant's place: reads what was heard and answers by a script, through the real streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from bot.channels.contract import ChatMessage, Fetch, Speech
from bot.streams import Streams

Script = Callable[[ChatMessage], Iterable[Speech | Fetch]]


class ScriptedMind:
    """Remembers every message it read. It acknowledges an entry after its answers are queued, as the assistant does."""

    def __init__(self, redis: Redis, script: Script) -> None:
        self.streams = Streams(redis, 1)
        self.script = script
        self.read: list[ChatMessage] = []

    async def run(self) -> None:
        await self.streams.prepare(0)
        while True:
            for entry in await self.streams.fresh([0], count=100, block_ms=50):
                assert isinstance(entry.body, ChatMessage)
                self.read.append(entry.body)
                for answer in self.script(entry.body):
                    await self.streams.say(answer)
                await self.streams.done(entry)

    @asynccontextmanager
    async def thinking(self) -> AsyncIterator[ScriptedMind]:
        stop = asyncio.Event()

        async def until_stopped() -> None:
            running = asyncio.ensure_future(self.run())
            await asyncio.wait({running, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            while not running.done():
                running.cancel()
                await asyncio.wait({running}, timeout=0.1)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(until_stopped())
            yield self
            stop.set()
