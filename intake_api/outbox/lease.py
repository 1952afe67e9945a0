"""Who does a job that only one process may do at a time: a row with an owner and an end, the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, update
from sqlalchemy.dialects import postgresql, sqlite

from intake_api.db import Database
from intake_api.outbox.tables import Lease

# a process that dies is replaced after this long; one that lives renews at a third of it
LASTS = timedelta(seconds=6)


class Holding:
    """One process's claim to a job. `held` renews it when it is due; `give_up` hands it on at once."""

    def __init__(self, db: Database, name: str, owner: str, clock: Callable[[], datetime]) -> None:
        self._db, self._name, self._owner, self._clock = db, name, owner, clock
        self._until: datetime | None = None

    async def held(self) -> bool:
        """Whether the job is ours for the next moments. False: another process does it; ask again later."""
        now = self._clock()
        if self._until is None or self._until - now < LASTS * 2 / 3:
            self._until = now + LASTS if await self._take(now) else None
        return self._until is not None

    async def _take(self, now: datetime) -> bool:
        async with self._db.writing() as session:
            mine = or_(Lease.owner == self._owner, Lease.until < now)
            renewed = update(Lease).where(Lease.name == self._name, mine).values(owner=self._owner, until=now + LASTS)
            if (await session.execute(renewed.returning(Lease.name))).first():
                return True
            insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
            first = insert(Lease).values(name=self._name, owner=self._owner, until=now + LASTS)
            return (await session.execute(first.on_conflict_do_nothing().returning(Lease.name))).first() is not None

    async def give_up(self) -> None:
        self._until = None
        async with self._db.writing() as session:
            await session.execute(delete(Lease).where(Lease.name == self._name, Lease.owner == self._owner))
