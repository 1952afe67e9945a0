"""A Telegram channel in a process of its own, hearing and speaking, for tests that kill it."""

from __future__ import annotations

import asyncio
import sys

from redis.asyncio import Redis

from bot.channels.contract import ChatMessage
from bot.channels.outgoing import Manners, Pace, Speaker
from bot.channels.telegram import TelegramChannel
from bot.streams import Streams
from tests.bot.channels.telegram.bot_api import TOKEN


class SlowEar:
    """Takes its time between receiving and storing, so that a kill falls there."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams

    async def heard(self, message: ChatMessage) -> bool:
        await asyncio.sleep(0.005)
        return await self.streams.heard(message)


async def main(redis_url: str, base_url: str) -> None:
    redis = Redis.from_url(redis_url, decode_responses=True)
    channel = TelegramChannel(TOKEN, redis, base_url=base_url, manners=Manners())
    speaker = Speaker(redis, channel, pace=Pace(lease_s=0.5, backoff_s=0.05))
    await asyncio.gather(channel.hear(SlowEar(Streams(redis, 1))), speaker.run())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
