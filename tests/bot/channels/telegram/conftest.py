"""A stand-in of Telegram for each test, and a channel that talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.channels.telegram import TelegramChannel
from tests.bot.channels.telegram.bot_api import TOKEN, BotApi

WANG = {"id": 7, "is_bot": False, "first_name": "王", "last_name": "阿姨"}
LI = {"id": 8, "is_bot": False, "first_name": "李师傅"}
GROUP = -1001


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    stand_in = BotApi()
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


@pytest.fixture
async def make_channel(api: BotApi, redis: Redis) -> AsyncIterator[Callable[..., TelegramChannel]]:
    async with AsyncExitStack() as stack:

        def make(token: str = TOKEN, **options: Any) -> TelegramChannel:
            channel = TelegramChannel(token, redis, base_url=api.base_url, base_file_url=api.base_file_url, **options)
            stack.push_async_callback(channel.close)
            return channel

        yield make


@pytest.fixture
def channel(make_channel: Callable[..., TelegramChannel]) -> TelegramChannel:
    return make_channel()
