"""An ear that remembers, and how to let a channel hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.channels.contract import Channel, ChatMessage


class Notes:
    """An ear with a sheet of paper."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []

    async def heard(self, message: ChatMessage) -> bool:
        fresh = message.key not in {m.key for m in self.messages}
        if fresh:
            self.messages.append(message)
        return fresh

    async def count(self, number: int) -> list[ChatMessage]:
        await until(lambda: len(self.messages) >= number)
        return self.messages


async def until(met: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what must come; the test run's own patience is the only limit."""
    while True:
        answer = met()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        await asyncio.sleep(0.01)


@asynccontextmanager
async def hearing(channel: Channel, ear: Notes) -> AsyncIterator[Notes]:
    """Let a channel hear for a while. Its end by itself ends the test."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(channel.hear(ear))
        yield ear
        task.cancel()
