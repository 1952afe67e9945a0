"""Which shards this worker reads: one lease a shard, a fair share of the living workers, taken over when a worker dies."""

from __future__ import annotations

import math
import time

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from intake_api.contracts import shard_of

log = structlog.get_logger()

LEASE_MS = 6000
RENEW_EVERY_S = 2.0
WORKERS = "workers:assistant"

# only the holder may renew or give back: compare and act are one step
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LeaseLostError(RedisError):
    """Another worker reads this shard now: what was begun is that worker's to finish."""


class Leases:
    """The shards held by `worker`. A worker that cannot renew in time must stop working on the shard."""

    def __init__(self, redis: Redis, worker: str, shards: int) -> None:
        self.redis = redis
        self.worker = worker
        self.shards = shards
        self.held: set[int] = set()
        self._lost: set[int] = set()
        self._renew = redis.register_script(_RENEW)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def balance(self) -> tuple[set[int], set[int]]:
        """Renew what is held, take free shards up to the fair share, give back what is over it. Returns (taken, lost).

        A shard in both was somebody else's, or nobody's, in between: what is known of it is out of date.
        """
        taken: set[int] = set()
        for shard in sorted(self.held):
            if not await self._renew(keys=[f"lease:{shard}"], args=[self.worker, LEASE_MS]):
                log.warning("lease.lost", shard=shard)
                self.held.discard(shard)
                self._lost.add(shard)
        share = math.ceil(self.shards / max(1, await self._living()))
        for shard in sorted(self.held, reverse=True)[: max(0, len(self.held) - share)]:
            self._lost.add(shard)
            await self.give_back(shard)
        for shard in range(self.shards):
            if len(self.held) >= share:
                break
            if shard not in self.held and await self.redis.set(f"lease:{shard}", self.worker, nx=True, px=LEASE_MS):
                self.held.add(shard)
                taken.add(shard)
        lost, self._lost = self._lost, set()
        return taken, lost

    def key_of(self, chat: str) -> str:
        """The lease that covers a chat ("channel:id")."""
        channel, _, chat_id = chat.partition(":")
        return f"lease:{shard_of(channel, chat_id, self.shards)}"

    async def give_back(self, shard: int) -> None:
        self.held.discard(shard)
        await self._give_back(keys=[f"lease:{shard}"], args=[self.worker])

    async def leave(self) -> None:
        for shard in sorted(self.held):
            await self.give_back(shard)
        await self.redis.zrem(WORKERS, self.worker)

    async def _living(self) -> int:
        now_ms = int(time.time() * 1000)
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.zadd(WORKERS, {self.worker: now_ms})
            pipe.zremrangebyscore(WORKERS, 0, now_ms - LEASE_MS)
            pipe.zcard(WORKERS)
            return int((await pipe.execute())[2])
