"""What could not be read is put back once, or thrown away."""

from __future__ import annotations

import asyncio

import httpx
from fastapi import FastAPI
from redis.asyncio import Redis

from intake_api.console import poison
from intake_api.topics.gathering import TRIES
from intake_api.topics.tables import DirtyBlock
from nlp.taxonomy import load_taxonomy
from tests.intake_api.doors import Clock


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


async def test_a_block_that_was_set_aside_is_shown_and_gathered_again_by_a_press(
    app: FastAPI, administrator: httpx.AsyncClient, redis_url: str, clock: Clock
) -> None:
    app.state.redis = redis = Redis.from_url(redis_url)
    async with app.state.db.writing() as session:
        session.add(DirtyBlock(block="上元区/听雨街道|housing", since=clock.now, failures=TRIES, error="ValueError"))
    assert f"上元区/听雨街道 · {load_taxonomy().domains['housing']}" in (await administrator.get("/console/poison")).text
    form = {"csrf": administrator.headers["X-CSRF-Token"], "block": "上元区/听雨街道|housing"}
    for notice in ("notice=retried", "refused=not_found"):
        answer = await administrator.post("/console/poison/blocks", data=form)
        assert answer.headers["location"].endswith(notice)
    assert "没有异常消息" in (await administrator.get("/console/poison")).text
    await redis.aclose()
