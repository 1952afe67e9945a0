"""Fixtures every room uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real server for the whole session; tests that kill a server start their own."""
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
async def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis."""
    redis = Redis.from_url(redis_server.url)
    await redis.flushall()
    await redis.aclose()
    return redis_server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Redis that decodes responses."""
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()
