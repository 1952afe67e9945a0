"""What could not be read is put back once, or thrown away."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from intake_api.console import poison


async def set_aside(redis: Redis, stream: str = "heard:3") -> str:
    entry = await redis.xadd("poison", {"stream": stream, "entry": "1-1", "error": "KeyError", "payload": "〔手机号〕"})
    name = entry.decode() if isinstance(entry, bytes) else str(entry)
    await redis.set(f"poison-raw:{name}", '{"text":"原话"}')
    return name


async def test_put_back_once_by_two_hands(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    entry = await set_aside(redis)
    (shown,) = await poison.poisoned(redis)
    assert (shown.stream, shown.error, shown.payload) == ("heard:3", "KeyError", "〔手机号〕")
    assert sorted(await asyncio.gather(*(poison.put_back(redis, entry) for _ in range(4)))) == [False, False, False, True]
    assert await redis.xlen("heard:3") == 1
    assert await poison.poisoned(redis) == []
    assert (await poison.backlog(redis, 16))["heard"] == 1
    await redis.aclose()


async def test_nothing_is_put_into_a_stream_of_another_kind(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    entry = await set_aside(redis, "speech:web")
    assert not await poison.put_back(redis, entry)
    assert await poison.discard(redis, entry)
    assert not await poison.discard(redis, entry)
    await redis.aclose()
