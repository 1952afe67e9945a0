"""Shards: each read by one worker, shared fairly, taken over when a worker is gone."""

from redis.asyncio import Redis

from bot.assistant.leases import WORKERS, Leases


async def test_one_worker_takes_everything(redis: Redis) -> None:
    alone = Leases(redis, "a", 8)
    taken, lost = await alone.balance()
    assert (taken, lost) == (set(range(8)), set())


async def test_two_workers_share_and_never_hold_the_same_shard(redis: Redis) -> None:
    a, b = Leases(redis, "a", 8), Leases(redis, "b", 8)
    await a.balance()
    await b.balance()
    await a.balance()
    await b.balance()
    assert len(a.held) == len(b.held) == 4
    assert not a.held & b.held


async def test_a_dead_workers_shards_are_taken_over(redis: Redis) -> None:
    a, b = Leases(redis, "a", 4), Leases(redis, "b", 4)
    await a.balance()
    for shard in range(4):
        await redis.delete(f"lease:{shard}")  # as if the time had run out
    await redis.zrem(WORKERS, "a")
    await b.balance()
    assert b.held == set(range(4))
    assert (await a.balance())[1], "the old holder must learn that it lost its shards"


async def test_leaving_frees_the_shards_at_once(redis: Redis) -> None:
    a, b = Leases(redis, "a", 4), Leases(redis, "b", 4)
    await a.balance()
    await a.leave()
    await b.balance()
    assert b.held == set(range(4))
