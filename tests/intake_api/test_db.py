"""The two doors of the database: whole or not at all, one writer after the other, every kind of statement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import StatementError

from intake_api.db import Database
from intake_api.outbox.tables import Lease

NOW = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)


def lease(name: str, until: datetime = NOW) -> Lease:
    return Lease(name=name, owner="one", until=until)


async def names(db: Database) -> list[str]:
    async with db.reading() as session:
        return list(await session.scalars(select(Lease.name).order_by(Lease.name)))


async def test_a_write_is_whole_or_nothing(db: Database) -> None:
    async def fail() -> None:
        async with db.writing() as session:
            session.add(lease("half"))
            await session.flush()
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await fail()
    assert await names(db) == []
    async with db.writing() as session:
        session.add(lease("whole"))
    assert await names(db) == ["whole"]


async def test_statements_of_every_kind_pass_the_writing_door(db: Database) -> None:
    table = Lease.__table__
    async with db.writing() as session:
        await session.execute(insert(table), [{"name": name, "owner": "one", "until": NOW} for name in "ab"])
        made = await session.execute(insert(table).values(name="c", owner="one", until=NOW).returning(table.c.name))
        assert made.scalar_one() == "c"
        changed = await session.execute(update(table).where(table.c.name == "a").values(owner="two"))
        assert changed.rowcount == 1
        assert (await session.execute(text("SELECT count(*) FROM leases"))).scalar_one() == 3
        assert len((await session.execute(select(table.c.name, table.c.owner))).all()) == 3
        assert await session.scalar(select(func.count()).select_from(Lease)) == 3


async def test_writers_of_two_processes_take_turns(db: Database, open_database: Callable[[str], Database]) -> None:
    other = open_database(db.url)
    async with db.writing() as session:
        session.add(Lease(name="counter", owner="0", until=NOW))

    async def count(place: Database) -> None:
        async with place.writing() as session:
            row = await session.get_one(Lease, "counter", with_for_update=True)
            row.owner = str(int(row.owner) + 1)
            await asyncio.sleep(0)

    await asyncio.gather(*(count(place) for place in (db, other) * 20))
    async with db.reading() as session:
        assert (await session.get_one(Lease, "counter")).owner == "40"


async def test_a_reader_is_not_held_up_by_a_writer(db: Database) -> None:
    async with db.writing() as session:
        session.add(lease("unfinished"))
        await session.flush()
        assert await names(db) == []


async def test_moments_keep_their_instant_and_naive_ones_are_refused(db: Database) -> None:
    shanghai = datetime(2026, 6, 2, 16, 30, 1, 123456, tzinfo=timezone(timedelta(hours=8)))
    async with db.writing() as session:
        session.add(lease("a", shanghai))
    async with db.reading() as session:
        found = (await session.get_one(Lease, "a")).until
    assert found == shanghai
    assert found.utcoffset() == timedelta(0)

    async def naive() -> None:
        async with db.writing() as session:
            session.add(lease("b", shanghai.replace(tzinfo=None)))

    with pytest.raises(StatementError, match="time zone"):
        await naive()
