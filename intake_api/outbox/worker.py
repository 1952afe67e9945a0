"""The relay: from the outbox to the streams of the chats, at least once, in order, within milliseconds while Redis is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, select, update

from intake_api.contracts import NEWS, shard_of
from intake_api.db import Database
from intake_api.outbox.lease import Holding
from intake_api.outbox.service import POKE
from intake_api.outbox.tables import Outbox
from intake_api.vault import Vault

BATCH = 200
# without a poke (Redis was away, another process wrote) the outbox is looked at this often
LOOK_EVERY_S = 1.0
WAIT_AFTER_FAILURE_S = 1.0
SEND_TIMEOUT_S = 10.0
KEPT = timedelta(days=3)
log = structlog.get_logger()


async def relay(
    db: Database, redis: Redis, vault: Vault, shards: int, owner: str, stop: asyncio.Event, clock: Callable[[], datetime]
) -> None:
    """Run until `stop`. Of several processes one relays; the others wait for its lease to end.

    An event may reach its stream twice when a process dies between sending and noting it; `Event.id` tells its reader.
    """
    holding = Holding(db, "relay", owner, clock)
    try:
        while not stop.is_set():
            try:
                if not await holding.held():
                    await _wait(stop, LOOK_EVERY_S)
                elif await relay_once(db, redis, vault, shards, clock()) < BATCH:
                    await _sleep_until_poked(redis)  # what was written since has poked
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("outbox.redis_away", error=type(error).__name__)
                await _wait(stop, WAIT_AFTER_FAILURE_S)
    finally:
        await holding.give_up()


async def relay_once(db: Database, redis: Redis, vault: Vault, shards: int, now: datetime) -> int:
    """Send what waits, the oldest first; how many rows were dealt with. Raises RedisError, OSError, TimeoutError."""
    async with db.reading() as session:
        waiting = select(Outbox).where(Outbox.kind == "chat", Outbox.sent_at.is_(None)).order_by(Outbox.seq).limit(BATCH)
        rows = list(await session.scalars(waiting))
    if not rows:
        return 0
    async with asyncio.timeout(SEND_TIMEOUT_S), redis.pipeline(transaction=False) as pipe:
        for row in rows:
            words = vault.open(row.event) if row.sealed else row.event.decode()
            if words is None:
                log.error("outbox.seal_broken", event=row.id)  # the secret was changed without keeping the earlier one
                continue
            pipe.xadd(f"events:{_shard(words, row, shards)}", {"event": words})
        await pipe.execute()
    async with db.writing() as session:
        sent = update(Outbox).where(Outbox.seq.in_([row.seq for row in rows])).values(sent_at=now)
        await session.execute(sent)
    log.debug("outbox.relayed", events=len(rows))
    return len(rows)


def _shard(words: str, row: Outbox, shards: int) -> int:
    chat = row.chat or _private_chat(words)
    channel, _, chat_id = chat.partition(":")
    return shard_of(channel, chat_id, shards)


def _private_chat(words: str) -> str:
    event = NEWS.validate_json(words)
    return f"{event.channel}:{event.chat_id}"


async def _sleep_until_poked(redis: Redis) -> None:
    await redis.blpop([POKE], timeout=LOOK_EVERY_S)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def prune(db: Database, now: datetime) -> int:
    """Drop what was told days ago; how many rows."""
    async with db.writing() as session:
        old = delete(Outbox).where(Outbox.sent_at < now - KEPT).returning(Outbox.seq)
        return len(list(await session.scalars(old)))
