"""The jobs role: relay, timers, incidents, webhooks, topics, retention; each restarted when it fails, all stopped together."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from redis.asyncio import Redis

from intake_api.db import Database
from intake_api.dispatch.worker import ring_timers
from intake_api.incidents.worker import Watch
from intake_api.knowledge.asking import forget_old
from intake_api.outbox.service import poke
from intake_api.outbox.worker import prune, relay
from intake_api.settings import Settings
from intake_api.tickets.retention import forget_expired
from intake_api.topics.worker import TopicsJob
from intake_api.topics.worker import forget_old as forget_old_topics
from intake_api.vault import Vault
from intake_api.webhooks.worker import deliver_due, new_http, take_from_outbox
from intake_api.webhooks.worker import prune as prune_deliveries

TIMERS_EVERY_S = 5.0
INCIDENTS_EVERY_S = 1.0
WEBHOOKS_EVERY_S = 1.0
RETENTION_EVERY_S = 3600.0
# A block is gathered whole however little changed: the longer the pause, the more news one gathering serves.
TOPICS_EVERY_S = 20.0
RESTART_AFTER_S = 1.0
log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


async def run_jobs(settings: Settings, stop: asyncio.Event, clock: Callable[[], datetime] = utc_now) -> None:
    """Run until `stop` is set. The database must be up to date; any number of processes may run this at once."""
    db, redis, vault = Database(settings.database()), Redis.from_url(settings.redis_url), Vault(settings.secret())
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def timers() -> None:
        if await ring_timers(db, settings, vault, clock()):
            await poke(redis)

    watch = Watch(db, settings, vault, owner, clock)

    async def incidents() -> None:
        if await watch.look():
            await poke(redis)

    async def retention() -> None:
        await forget_expired(db, clock())
        await forget_old(db, clock() - timedelta(days=settings.retention_days))
        await prune(db, clock())
        await prune_deliveries(db, clock())
        await forget_old_topics(db, clock())

    topics = TopicsJob(db, settings, vault, owner, clock)

    try:
        async with new_http() as http, asyncio.TaskGroup() as tasks:

            async def webhooks() -> None:
                await take_from_outbox(db, clock())
                await deliver_due(db, settings, vault, http, clock)

            tasks.create_task(_kept_up("relay", lambda: relay(db, redis, vault, settings.shards, owner, stop, clock), stop))
            for name, work, pause_s in (
                ("timers", timers, TIMERS_EVERY_S),
                ("incidents", incidents, INCIDENTS_EVERY_S),
                ("webhooks", webhooks, WEBHOOKS_EVERY_S),
                ("retention", retention, RETENTION_EVERY_S),
                ("topics", lambda: topics.turn(stop), TOPICS_EVERY_S),
            ):
                tasks.create_task(_kept_up(name, work, stop, pause_s))
            log.info("jobs.started", owner=owner)
        await topics.give_up()
        await watch.give_up()
    finally:
        await redis.aclose()
        await db.close()
        log.info("jobs.stopped")


async def _kept_up(name: str, work: Callable[[], Awaitable[None]], stop: asyncio.Event, pause_s: float = RESTART_AFTER_S) -> None:
    """Do `work` again and again with a pause between; a failure is logged and tried again, it stops nobody else."""
    while not stop.is_set():
        wait_s = pause_s
        try:
            await work()
        except Exception:  # the outermost door of a job: one bad row must not end the others
            log.exception("job.failed", job=name)
            wait_s = RESTART_AFTER_S
        try:
            async with asyncio.timeout(wait_s):
                await stop.wait()
        except TimeoutError:
            continue
