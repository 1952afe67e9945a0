"""Putting what must be told into the outbox, in the transaction of the change it tells of."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from typing import Literal

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Event, News
from intake_api.outbox.tables import Outbox
from intake_api.vault import Vault

POKE = "outbox:poke"  # a Redis list; whoever commits pushes one word onto it, the relay sleeps on it
POKE_TIMEOUT_S = 1.0
log = structlog.get_logger()
_INSERT = insert(Outbox.__table__)  # type: ignore[arg-type]  # rows as they are, in order, without the cost of the ORM
_pokes: set[asyncio.Task[None]] = set()


async def poke_after(redis: Redis) -> None:
    """Start waking the relay and return at once, so that the next request of this connection need not wait for Redis."""
    task = asyncio.create_task(poke(redis))
    _pokes.add(task)  # the loop itself keeps only weak references to tasks
    task.add_done_callback(_pokes.discard)


async def poke(redis: Redis) -> None:
    """Tell the relay that there is something to send. Redis being away is no harm: the relay looks by itself, too."""
    try:
        async with asyncio.timeout(POKE_TIMEOUT_S), redis.pipeline(transaction=False) as pipe:
            pipe.lpush(POKE, "1")
            pipe.ltrim(POKE, 0, 0)  # one word is enough: whoever takes it looks after everything committed before
            await pipe.execute()
    except (RedisError, OSError, TimeoutError):
        log.debug("outbox.not_poked")


def new_event_id() -> str:
    return str(uuid.uuid4())


async def post(session: AsyncSession, vault: Vault, events: Iterable[News], kind: Literal["chat", "ticket"] = "chat") -> None:
    """Events to a private chat carry a person's handle and lie sealed until they are sent."""
    rows = []
    for event in events:
        private = event.audience == "reporter"
        words = event.model_dump_json()
        rows.append(
            {
                "id": event.id,
                "kind": kind,
                "ticket_id": event.ticket.id if isinstance(event, Event) else "",
                "type": event.type,
                "chat": "" if private else f"{event.channel}:{event.chat_id}",
                "event": vault.seal(words) if private else words.encode(),
                "sealed": private,
                "created_at": event.at,
            }
        )
    if rows:
        await session.execute(_INSERT, rows)
