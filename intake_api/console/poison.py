"""What no worker could read, set aside in Redis: looked at, put back, or thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

STREAM = "poison"
# one step, so that two people pressing at once put an entry back once
_PUT_BACK = """
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
local raw = redis.call('GET', KEYS[2])
if not entry or not raw then return 0 end
redis.call('XADD', KEYS[3], '*', 'body', raw)
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Poisoned:
    """An entry that failed five times. `payload` is masked; `stream` says where it came from."""

    id: str
    at: datetime
    stream: str
    error: str
    payload: str


async def poisoned(redis: Redis, count: int = 100) -> list[Poisoned]:
    """The newest first. Raises RedisError when Redis is out of reach."""
    rows: Any = await redis.xrevrange(STREAM, count=count)
    return [_read(entry_id, fields) for entry_id, fields in rows]


def _read(entry_id: bytes, fields: dict[bytes, bytes]) -> Poisoned:
    text = {name.decode(): value.decode("utf8", "replace") for name, value in fields.items()}
    milliseconds = int(entry_id.decode().partition("-")[0])
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return Poisoned(entry_id.decode(), at, text.get("stream", ""), text.get("error", ""), text.get("payload", ""))


async def put_back(redis: Redis, entry_id: str) -> bool:
    """Into the stream it came from; False when somebody did it already or its original is gone."""
    rows: Any = await redis.xrange(STREAM, entry_id, entry_id)
    if not rows:
        return False
    stream = _read(*rows[0]).stream
    if not stream.startswith(("heard:", "events:")):
        return False
    return bool(await redis.eval(_PUT_BACK, 3, STREAM, f"poison-raw:{entry_id}", stream, entry_id))


async def discard(redis: Redis, entry_id: str) -> bool:
    await redis.delete(f"poison-raw:{entry_id}")
    return bool(await redis.xdel(STREAM, entry_id))


async def backlog(redis: Redis, shards: int) -> dict[str, int]:
    """How much waits: heard messages, events, speech per channel, poison."""
    async with redis.pipeline(transaction=False) as pipe:
        for shard in range(shards):
            pipe.xlen(f"heard:{shard}")
            pipe.xlen(f"events:{shard}")
        for name in ("speech:web", "speech:telegram", STREAM):
            pipe.xlen(name)
        lengths: list[int] = await pipe.execute()
    moving, rest = lengths[: 2 * shards], lengths[2 * shards :]
    return {"heard": sum(moving[::2]), "events": sum(moving[1::2]), "speech": rest[0] + rest[1], "poison": rest[2]}
