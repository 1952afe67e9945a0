"""Lists: filters, the caller's area, and pages that neither repeat nor skip."""

from __future__ import annotations

import pytest

from intake_api.problems import ProblemError
from intake_api.security import Area
from intake_api.tickets import queries
from intake_api.tickets.queries import Wanted
from tests.intake_api.tickets.office import GRID_WORKER, Office


async def numbers(office: Office, wanted: Wanted | None = None, area: Area | None = None, limit: int = 50) -> list[str]:
    async with office.db.reading() as session:
        found, cursor, tails = [], "", []
        while True:
            tickets, cursor = await queries.page(session, wanted or Wanted(), area or Area(), limit, cursor)
            found += tickets
            tails.append(len(tickets))
            if not cursor:
                return [ticket.number[-1] for ticket in found]


@pytest.fixture
async def five(office: Office) -> Office:
    water = {"category": "facility.water", "confidence": 0.9, "accepted": True}
    for fields in (
        {"chat_id": "a"},
        {"chat_id": "b", "masked": "50%的住户停水了", "judged": water},
        {"chat_id": "a", "grid": "g2"},
        {"chat_id": "a", "title": "路灯不亮"},
        {"chat_id": "b"},
    ):
        await office.report(**fields)
        office.later(minutes=1)
    return office


async def test_pages_neither_repeat_nor_skip(five: Office) -> None:
    assert await numbers(five, limit=2) == await numbers(five, limit=1) == await numbers(five) == ["5", "4", "3", "2", "1"]


async def test_filters(five: Office) -> None:
    first = (await five.rows(queries.Ticket, queries.Ticket.number.endswith("1")))[0]
    await five.act(first.id, "reject", GRID_WORKER, reason="玩笑")
    assert await numbers(five, Wanted(states=("rejected",))) == ["1"]
    assert await numbers(five, Wanted(chat="web:b")) == ["5", "2"]
    assert await numbers(five, Wanted(grid="g2")) == ["3"]
    assert await numbers(five, Wanted(category="facility.water")) == ["2"]
    assert await numbers(five, Wanted(q="路灯")) == ["4"]
    assert await numbers(five, Wanted(q="50%")) == ["2"]
    assert await numbers(five, Wanted(q="5%的")) == []
    assert await numbers(five, Wanted(q="CH-20260602-0003")) == ["3"]
    assert await numbers(five, Wanted(updated_after=five.now)) == []


async def test_areas(five: Office) -> None:
    assert await numbers(five, area=Area(grid="g2")) == ["3"]
    assert await numbers(five, area=Area(community="银杏社区")) == ["3"]
    assert await numbers(five, area=Area(street="梧桐街道")) == ["5", "4", "2", "1"]
    assert await numbers(five, area=Area(unit="供水公司")) == ["2"]
    assert await numbers(five, area=Area(unit="水务局")) == ["2"]
    assert await numbers(five, area=Area(unit="教育局")) == []


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "eHh4", "MjAyNi0wMS0wMXw"])
async def test_a_cursor_that_is_none_of_ours_is_refused(office: Office, cursor: str) -> None:
    async with office.db.reading() as session:
        if not cursor:
            assert await queries.page(session, Wanted()) == ([], "")
            return
        with pytest.raises(ProblemError, match="not given out here"):
            await queries.page(session, Wanted(), cursor=cursor)


async def test_my_tickets_show_the_one_that_now_stands_for_mine(office: Office) -> None:
    mine, other = (await office.report(who="zhang")).ticket.id, (await office.report(who="li")).ticket.id
    await office.act(mine, "merge", GRID_WORKER, into=other)
    async with office.db.reading() as session:
        found = await queries.tickets_of_person(session, office.vault.pseudonym("web", "zhang"))
    assert [ticket.id for ticket in found] == [other]
