"""What moves between processes: sharded Redis streams, published once by key, read in order, set aside when poisonous."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.channels.contract import ChatMessage, Fetch, Speech
from intake_api.contracts import NEWS, News, shard_of
from nlp.privacy import mask

GROUP = "assistant"
POISON = "poison"
# how long a key is remembered: longer than Telegram keeps an undelivered update (24 h), with a week of outage on top
REMEMBER_S = 8 * 86_400
POISON_KEPT = 10_000

# one step, so that a crash can neither lose the entry after its key is remembered nor add it twice
_ADD_ONCE = """
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
  return 1
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry a worker holds: `body` is parsed, or None with the raw text when it could not be."""

    stream: str
    id: str
    body: ChatMessage | News | None
    raw: str
    error: str = ""
    deliveries: int = 1


class Streams:
    """Publishing and reading. `redis` must decode responses."""

    def __init__(self, redis: Redis, shards: int) -> None:
        self.redis = redis
        self.shards = shards
        self._add_once = redis.register_script(_ADD_ONCE)
        self._finished: list[Entry] = []
        self._clearing: asyncio.Task[None] | None = None

    async def heard(self, message: ChatMessage) -> bool:
        """Store a message for the worker of its chat (Ear). False when this key was stored before."""
        shard = shard_of(message.channel, message.home, self.shards)
        return await self._publish(f"heard:{shard}", f"seen:{message.key}", {"body": message.model_dump_json()})

    async def say(self, item: Speech | Fetch) -> bool:
        """Queue something for the channel to say or fetch. False when this key was queued before."""
        kind = "speech" if isinstance(item, Speech) else "fetch"
        fields = {"type": kind, "body": item.model_dump_json()}
        return await self._publish(f"speech:{item.channel}", f"queued:{item.channel}:{item.key}", fields)

    async def _publish(self, stream: str, key: str, fields: dict[str, str]) -> bool:
        flat = [part for pair in fields.items() for part in pair]
        return bool(await self._add_once(keys=[stream, key], args=[REMEMBER_S, *flat]))

    async def prepare(self, shard: int) -> None:
        for stream in self.of(shard):
            try:
                await self.redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    @staticmethod
    def of(shard: int) -> tuple[str, str]:
        return f"heard:{shard}", f"events:{shard}"

    async def pending(self, shard: int) -> list[Entry]:
        """Entries that a former holder of the shard took and never finished, oldest first, with their delivery counts.

        Every holder of a shard reads under the shard's own consumer name, so a taker-over finds them as its own.
        """
        entries: list[Entry] = []
        for stream in self.of(shard):
            rows = await self.redis.xpending_range(stream, GROUP, "-", "+", 10_000)
            counts = {str(row["message_id"]): int(row["times_delivered"]) for row in rows}
            if counts:
                entries += await self._read({stream: "0"}, shard, count=len(counts), block_ms=None, counts=counts)
        return sorted(entries, key=lambda e: tuple(int(part) for part in e.id.split("-")))

    async def fresh(self, shards: list[int], count: int, block_ms: int) -> list[Entry]:
        """New entries of the held shards; waits at most `block_ms` for the first."""
        wanted = {stream: ">" for shard in shards for stream in self.of(shard)}
        return await self._read(wanted, None, count=count, block_ms=block_ms, counts={})

    async def _read(
        self, wanted: dict[str, str], shard: int | None, *, count: int, block_ms: int | None, counts: dict[str, int]
    ) -> list[Entry]:
        answer = await self.redis.xreadgroup(GROUP, "holder", cast(dict[Any, Any], wanted), count=count, block=block_ms)
        rows = cast(list[tuple[str, Any]], list(answer.items()) if isinstance(answer, dict) else answer or [])
        entries: list[Entry] = []
        for stream, found in rows:
            # RESP3 nests the entries of a stream once more
            flat = found[0] if found and isinstance(found[0], list) else found
            entries += [parse(stream, entry_id, fields or {}, counts.get(entry_id, 1)) for entry_id, fields in flat]
        return entries

    async def begin(self, entry: Entry) -> int:
        """Count that an entry which an earlier worker had taken is begun once more; how often that has happened now.

        Redis counts deliveries, but most entries that a dead worker had taken were only waiting behind the one that killed it.
        """
        key = f"begun:{entry.stream}:{entry.id}"
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, REMEMBER_S)
            return int((await pipe.execute())[0])

    async def not_to_blame(self, entry: Entry) -> None:
        """Something outside was away: this beginning does not count."""
        await self.redis.decr(f"begun:{entry.stream}:{entry.id}")

    async def done(self, entry: Entry) -> None:
        """Acknowledge and delete: the length of a stream is its backlog. What is done at the same moment goes in one round trip."""
        self._finished.append(entry)
        if self._clearing is None:
            self._clearing = asyncio.create_task(self._clear())
        await asyncio.shield(self._clearing)

    async def _clear(self) -> None:
        await asyncio.sleep(0)  # the others of this turn of the loop
        entries, self._finished, self._clearing = self._finished, [], None
        by_stream: dict[str, list[str]] = {}
        for entry in entries:
            by_stream.setdefault(entry.stream, []).append(entry.id)
        async with self.redis.pipeline(transaction=True) as pipe:
            for stream, ids in by_stream.items():
                pipe.xack(stream, GROUP, *ids)
                pipe.xdel(stream, *ids)
            if begun := [f"begun:{e.stream}:{e.id}" for e in entries if e.deliveries > 1]:
                pipe.delete(*begun)
            await pipe.execute()

    async def set_aside(self, entry: Entry, error: str) -> None:
        """Move a poisonous entry to the poison stream with its error; the payload is kept masked for the console, and whole
        under `poison-raw:<id>` for a week so that it can be put back."""
        fields = {"stream": entry.stream, "entry": entry.id, "error": mask(error).text[:500], "payload": mask(entry.raw[:4000]).text}
        poison_id = str(await self.redis.xadd(POISON, cast(dict[Any, Any], fields), maxlen=POISON_KEPT, approximate=True))
        await self.redis.set("poison-raw:" + poison_id, entry.raw, ex=REMEMBER_S)
        await self.done(entry)


def parse(stream: str, entry_id: str, fields: dict[str, str], deliveries: int) -> Entry:
    """A stream entry → Entry; what cannot be parsed keeps its error instead of raising."""
    raw = fields.get("body") or fields.get("event") or ""
    try:
        body: ChatMessage | News
        body = NEWS.validate_json(raw) if stream.startswith("events:") else ChatMessage.model_validate_json(raw)
    except ValueError as error:
        return Entry(stream, entry_id, None, raw, f"unreadable entry: {error}", deliveries)
    return Entry(stream, entry_id, body, raw, "", deliveries)
