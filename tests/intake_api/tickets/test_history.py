"""The history cannot be changed through the database, and whoever goes around the database is found out."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.intake_api.tickets.office import Office


async def _unguarded(office: Office, *statements: str) -> None:
    """What somebody with the database file can do: drop the guard, change, put it back."""
    async with office.db.writing() as session:
        for verb in ("update", "delete"):
            if office.db.is_sqlite:
                await session.execute(text(f"DROP TRIGGER history_no_{verb}"))
            else:
                await session.execute(text(f"ALTER TABLE history DISABLE TRIGGER history_no_{verb}"))
        for statement in statements:
            await session.execute(text(statement))


@pytest.mark.parametrize("statement", ["UPDATE history SET reason = 'x'", "DELETE FROM history", "DELETE FROM history WHERE seq = 3"])
async def test_the_database_refuses_to_change_history(office: Office, statement: str) -> None:
    await office.dispatched()

    async def tamper() -> None:
        async with office.db.writing() as session:
            await session.execute(text(statement))

    with pytest.raises(DBAPIError, match="append-only"):
        await tamper()
    assert await office.breaks() == []


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE history SET reason = 'nothing happened' WHERE seq = 2", 2),
        ("UPDATE history SET at = '2020-01-01 00:00:00' WHERE seq = 1", 1),
        ("UPDATE history SET actor = 'somebody else' WHERE seq = 3", 3),
        ("DELETE FROM history WHERE seq = 2", 3),
        ("DELETE FROM history WHERE seq = 3", 0),
        ("UPDATE tickets SET state = 'archived'", 0),
    ],
)
async def test_verify_finds_what_was_changed_or_removed(office: Office, statement: str, seq: int) -> None:
    untouched = await office.dispatched()
    assert await office.breaks() == []
    await _unguarded(office, statement)
    found = await office.breaks()
    assert seq in {one.seq for one in found}
    assert {one.ticket_id for one in found} == {untouched}


async def test_verify_finds_a_ticket_that_was_removed_whole(office: Office) -> None:
    await office.report()
    gone = (await office.report()).ticket.id
    tables = ("history", "messages", "reporters")
    statements = [f"DELETE FROM {table} WHERE ticket_id = '{gone}'" for table in tables]
    await _unguarded(office, *statements, f"DELETE FROM tickets WHERE id = '{gone}'")
    assert [one.fact for one in await office.breaks()] == ["2 tickets were numbered, 1 are there"]
