"""Surges: silence without history and on usual days, one alert when there are suddenly many, told once while it lasts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from intake_api.contracts import SurgeTold
from intake_api.db import Database
from intake_api.outbox.tables import Outbox
from intake_api.topics.rules import Spot
from intake_api.topics.surge_rules import chance, clumping, expected, load_surge_rules, weekly_rate
from intake_api.topics.surging import watch
from intake_api.topics.tables import Surge, Volume
from intake_api.topics.usual import Window, learn_usual, places_of, whole_hour
from tests.intake_api.tickets.office import GRID, Office

WATER = "facility.water"
RULES = load_surge_rules()


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db).open()


async def count(office: Office, hour: datetime, voices: int, grid: str = GRID, category: str = WATER) -> None:
    place = {"community": "梧桐社区", "street": "梧桐街道", "district": "城东区"}
    async with office.db.writing() as session:
        await session.merge(Volume(hour=whole_hour(hour), category=category, grid=grid, voices=voices, **place))


async def live(office: Office, weeks: int) -> None:
    """Weeks in which the grid told of water once a day at noon, and of something else each evening."""
    for day in range(1, weeks * 7 + 1):
        await count(office, office.now - timedelta(days=day, hours=-3), 1)
        await count(office, office.now - timedelta(days=day, hours=-11), 2, category="housing.elevator")


async def look(office: Office) -> int:
    async with office.db.reading() as session:
        usual = await learn_usual(session, RULES, whole_hour(office.now - timedelta(hours=9)))
    return await watch(office.db, office.settings, office.vault, usual, office.now)


async def told(office: Office) -> list[str]:
    rows = await office.rows(Outbox, Outbox.kind == "chat", Outbox.type == "surge.told")
    return [SurgeTold.model_validate_json(row.event).chat_id for row in sorted(rows, key=lambda row: row.seq)]


async def test_nothing_is_said_while_there_is_too_little_history(office: Office) -> None:
    await live(office, 2)
    await count(office, office.now, 40)
    assert await look(office) == 0
    assert await office.rows(Surge) == []


async def test_a_report_dated_back_is_no_history(office: Office) -> None:
    await live(office, 2)
    await count(office, office.now - timedelta(weeks=7), 1)
    await count(office, office.now, 40)
    assert await look(office) == 0
    assert await office.rows(Surge) == []


async def test_a_usual_day_is_silent(office: Office) -> None:
    await live(office, 8)
    office.later(hours=3)
    await count(office, office.now, 2)
    assert await look(office) == 0


async def test_a_surge_is_told_once_to_those_responsible_and_ends_when_it_is_quiet(office: Office) -> None:
    await live(office, 8)
    await office.report(judged={"category": WATER, "confidence": 0.9, "accepted": True})
    await count(office, office.now, 15)
    assert await look(office) == 1
    (surge,) = await office.rows(Surge)
    assert (surge.level, surge.grid, surge.category, surge.voices, surge.ended_at) == ("grid", GRID, WATER, 15, None)
    assert await told(office) == ["c1", "w1"]
    (event,) = [e for e in await office.events("ticket") if e.type == "surge.noticed"]
    assert event.surge is not None
    assert (event.surge.area, event.surge.voices) == ("g1网格", 15)
    office.later(hours=1)
    await count(office, office.now, 9)
    assert await look(office) == 0
    office.later(hours=9)
    assert await look(office) == 0
    (surge,) = await office.rows(Surge)
    assert surge.ended_at == office.now
    office.later(hours=2)
    await count(office, office.now, 30)
    assert await look(office) == 0  # the same one again: shown, not told
    assert await told(office) == ["c1", "w1"]


async def test_a_surge_of_matters_that_may_not_be_quoted_is_told_all_the_same(office: Office) -> None:
    await live(office, 8)
    await count(office, office.now, 15)
    assert await look(office) == 1
    assert await told(office) == ["c1", "w1"]
    assert await office.events("ticket") == []


async def test_what_a_grid_explains_is_not_told_again_for_its_community_and_what_many_grids_share_is(office: Office) -> None:
    await live(office, 8)
    for n in range(5):
        await count(office, office.now, 4, grid=f"n{n}")
    assert await look(office) == 1
    (surge,) = await office.rows(Surge)
    assert (surge.level, surge.community, surge.grid) == ("community", "梧桐社区", "")


def test_the_tail_is_a_probability_that_falls_with_more_voices_and_less_usual() -> None:
    tails = [chance(n, 2.0, 2.0) for n in range(20)]
    assert tails == sorted(tails, reverse=True)
    assert (tails[0], chance(5, 0.0, 2.0) > 0) == (1.0, True)
    assert chance(8, 0.5, 2.0) < chance(8, 4.0, 2.0) < chance(8, 4.0, 4.0)


def test_one_wild_week_does_not_become_usual_and_a_new_place_borrows_from_around_it() -> None:
    assert expected(RULES, [1, 0, 2, 40], 10, 0.1) == expected(RULES, [1, 0, 2, 2], 10, 0.1)
    assert 0 < weekly_rate(RULES, 0, 8, 50, 0.1) < 5
    assert clumping(RULES, 0, 0) == RULES.clump


def test_the_running_hour_counts_as_far_as_it_has_passed() -> None:
    now = datetime.fromisoformat("2026-06-02T10:15:00+08:00")
    window = Window.at(now, 3)
    counts = dict.fromkeys(window.hours, 4.0) | {hour - timedelta(weeks=1): 4.0 for hour in window.hours}
    assert (window.weighed(counts), window.weighed(counts, 1)) == (12.0, 9.0)
    assert [level for level, _ in places_of(Spot("g", "c", "s", "d"))] == ["grid", "community", "street", "city"]
