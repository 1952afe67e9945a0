"""The job that keeps topics and alerts up to date: one process at a time, idempotent, killed and restarted at will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete, or_, select

from intake_api.db import Database
from intake_api.outbox.lease import Holding
from intake_api.settings import Settings
from intake_api.topics.gathering import JOB, gather_next, midnight, take_in
from intake_api.topics.surge_rules import load_surge_rules
from intake_api.topics.surging import watch
from intake_api.topics.tables import Day, Member, Surge, Topic, TopicLetter, Volume
from intake_api.topics.usual import WEEK, Usual, learn_usual, whole_hour
from intake_api.vault import Vault

KEPT = timedelta(days=400)
"""Topics and alerts are shown for a year and a month; the volume by hour only as long as it is compared."""
WATCH_EVERY_S = 60.0
log = structlog.get_logger()


class TopicsJob:
    """What a process remembers between its turns: its claim to the job, what is usual, when it last looked for surges."""

    def __init__(self, db: Database, settings: Settings, vault: Vault, owner: str, clock: Callable[[], datetime]) -> None:
        self._db, self._settings, self._vault, self._clock = db, settings, vault, clock
        self._zone = ZoneInfo(settings.timezone)
        self._holding = Holding(db, JOB, owner, clock)
        self._usual: Usual | None = None
        self._watched: datetime | None = None

    async def turn(self, stop: asyncio.Event) -> None:
        """Take in all that changed, gather what it marked, look for surges once a minute; ends early when another process does it."""
        while not stop.is_set() and await self._holding.held():
            if await take_in(self._db, self._clock(), self._zone):
                continue
            if await gather_next(self._db, self._clock(), self._zone):
                continue
            await self._watch()
            return

    async def _watch(self) -> None:
        now = self._clock()
        if self._watched is not None and (now - self._watched).total_seconds() < WATCH_EVERY_S:
            return
        self._watched = now
        until = whole_hour(midnight(now, self._zone))
        if self._usual is None or self._usual.until != until:
            async with self._db.reading() as session:
                self._usual = await learn_usual(session, load_surge_rules(), until)
        await watch(self._db, self._settings, self._vault, self._usual, now)

    async def give_up(self) -> None:
        await self._holding.give_up()


async def forget_old(db: Database, now: datetime) -> None:
    """Drop what is shown and compared no more."""
    old = now - KEPT
    async with db.writing() as session:
        await session.execute(delete(Volume).where(Volume.hour < now - (load_surge_rules().weeks + 2) * WEEK))
        await session.execute(delete(Day).where(Day.last_at < old))
        await session.execute(delete(Topic).where(Topic.last_at < old))
        await session.execute(delete(Member).where(Member.at < old, or_(Member.topic.is_(None), Member.topic.not_in(select(Topic.id)))))
        await session.execute(delete(TopicLetter).where(TopicLetter.at < old))
        await session.execute(delete(Surge).where(Surge.ended_at < old))
