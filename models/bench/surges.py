"""Surge alerts on simulated weeks: false alarms of a city as usual, and planted surges with the delay until they are told."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import structlog
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from intake_api.catalogue.service import ensure_default
from intake_api.db import Database
from intake_api.migrations import upgrade
from intake_api.settings import Settings
from intake_api.topics.rules import Spot
from intake_api.topics.surge_rules import load_surge_rules
from intake_api.topics.surging import watch
from intake_api.topics.tables import Surge, Volume
from intake_api.topics.usual import learn_usual, whole_hour
from intake_api.vault import Vault
from models.bench.sections import Bench, Row, section
from nlp.taxonomy import load_taxonomy

STREETS, COMMUNITIES, GRIDS = 2, 5, 3
HISTORY_WEEKS, CALM_WEEKS, STORMY_WEEKS = 8, 8, 3
PLANTED, EXTRA, OVER_HOURS = 60, 14, 2.0
"""So many surges, each of so many more voices in one community within so many hours."""
MATTERS_A_DAY, JOINS = 1.5, 0.8
"""A grid's matters on a usual day, and how many more people join one on average (geometrically many, within some hours)."""
STEP = timedelta(minutes=15)
START = datetime(2026, 1, 4, 16, 0, tzinfo=UTC)  # a Monday's midnight in the grids
DATA = "simulated weeks"
_HOURS = np.array([1, 1, 1, 1, 1, 2, 5, 10, 9, 7, 6, 7, 8, 6, 5, 5, 6, 9, 11, 12, 11, 8, 4, 2], float)
"""How a day's reports spread over its hours."""


@dataclass(frozen=True)
class Voice:
    at: datetime
    spot: Spot
    category: str


@dataclass(frozen=True)
class Plant:
    at: datetime
    community: str
    category: str


def _spots() -> list[Spot]:
    return [Spot(f"g{s}{c}{g}", f"c{s}{c}", f"s{s}", "d") for s in range(STREETS) for c in range(COMMUNITIES) for g in range(GRIDS)]


def usual_city(chance: np.random.Generator, days: int) -> list[Voice]:
    """Matters by hour, weekday and season of the day, each with people who join it: clumped, as real ones are."""
    categories = load_taxonomy().ids()
    weights = 1 / np.arange(1, len(categories) + 1) ** 1.1
    voices = []
    for spot in _spots():
        own = chance.gamma(4.0, 1.0, len(categories)) * weights  # every place has its own troubles
        busy = MATTERS_A_DAY * chance.gamma(4.0, 0.25)
        for day in range(days):
            level = busy * chance.lognormal(0, 0.35) * (0.8 if day % 7 > 4 else 1.0)
            for _ in range(chance.poisson(level)):
                hour = chance.choice(24, p=_HOURS / _HOURS.sum()) + chance.random()
                category = str(chance.choice(categories, p=own / own.sum()))
                at = START + timedelta(days=day, hours=hour)
                joins = chance.geometric(1 / (1 + JOINS)) - 1
                voices += [Voice(at + timedelta(hours=float(h)), spot, category) for h in (0.0, *chance.exponential(1.5, joins))]
    return voices


def plant(chance: np.random.Generator, first_day: int, days: int) -> tuple[list[Plant], list[Voice]]:
    """Surges at any hour between seven and ten, in any community, of any matter."""
    categories, spots, planted, voices = load_taxonomy().ids(), _spots(), [], []
    for _ in range(PLANTED):
        spot = spots[int(chance.integers(len(spots)))]
        at = START + timedelta(days=int(first_day + chance.integers(days)), hours=7 + 15 * chance.random())
        one = Plant(at, spot.community, str(chance.choice(categories)))
        planted.append(one)
        near = [x for x in spots if x.community == spot.community]
        hours = np.sort(chance.random(EXTRA)) * OVER_HOURS
        voices += [Voice(at + timedelta(hours=float(h)), near[int(chance.integers(len(near)))], one.category) for h in hours]
    return planted, voices


async def alerts_of(folder: Path, voices: list[Voice], days: int) -> list[Surge]:
    """What the product says, looking every quarter of an hour from the end of the history on."""
    url = f"sqlite+aiosqlite:///{folder / 'surges.db'}"
    upgrade(url)
    settings, vault, rules = Settings(database_url=url, data_dir=folder), Vault("a bench"), load_surge_rules()
    db, waiting = Database(url), sorted(voices, key=lambda v: v.at)
    async with db.writing() as session:
        await ensure_default(session, START)
    now, told, usual = START + timedelta(weeks=HISTORY_WEEKS), 0, None
    try:
        while now < START + timedelta(days=days):
            ready = next((n for n in range(told, len(waiting)) if waiting[n].at > now), len(waiting))
            await _count(db, waiting[told:ready])
            told = ready
            midnight = START + timedelta(days=(now - START).days)
            if usual is None or usual.until != midnight:
                async with db.reading() as session:
                    usual = await learn_usual(session, rules, midnight)
            await watch(db, settings, vault, usual, now)
            now += STEP
        async with db.reading() as session:
            return list(await session.scalars(select(Surge).order_by(Surge.opened_at)))
    finally:
        await db.close()


async def _count(db: Database, voices: list[Voice]) -> None:
    cells = Counter((whole_hour(v.at), v.category, v.spot) for v in voices)
    rows = [
        {
            "hour": hour,
            "category": category,
            "grid": s.grid,
            "community": s.community,
            "street": s.street,
            "district": s.district,
            "voices": n,
        }
        for (hour, category, s), n in cells.items()
    ]
    for n in range(0, len(rows), 500):
        put = insert(Volume).values(rows[n : n + 500])
        async with db.writing() as session:
            more = {"voices": Volume.voices + put.excluded.voices}
            await session.execute(put.on_conflict_do_update(index_elements=["hour", "category", "grid"], set_=more))


@section("surges")
def surges(_: Bench) -> Iterator[Row]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    chance = np.random.default_rng(20260602)
    calm_days = 7 * (HISTORY_WEEKS + CALM_WEEKS)
    days = calm_days + 7 * STORMY_WEEKS
    planted, extra = plant(chance, calm_days, 7 * STORMY_WEEKS)
    with tempfile.TemporaryDirectory() as folder:
        alerts = asyncio.run(alerts_of(Path(folder), usual_city(chance, days) + extra, days))
    calm_end = START + timedelta(days=calm_days)
    false = [a for a in alerts if a.opened_at < calm_end]
    months = STREETS * COMMUNITIES * CALM_WEEKS / (365.25 / 12 / 7)
    yield Row("false alarms a community and month (aim 0.33)", len(false) / months, round(months), data=f"{DATA}, {CALM_WEEKS} usual weeks")
    yield from _caught(planted, [a for a in alerts if a.opened_at >= calm_end])


def _caught(planted: list[Plant], alerts: list[Surge]) -> Iterator[Row]:
    """An alert of the matter, in the community or a part or the street of it, within three hours of the beginning."""
    delays = []
    for one in planted:
        mine = [
            a for a in alerts if a.category == one.category and one.community in (a.community, one.community if not a.community else "")
        ]
        times = [(a.opened_at - one.at) / timedelta(minutes=1) for a in mine if timedelta() <= a.opened_at - one.at <= timedelta(hours=3)]
        if times:
            delays.append(min(times))
    what = f"{DATA}, {EXTRA} more voices in a community within {OVER_HOURS:.0f} h"
    yield Row.share("planted surges told within 3 h", len(delays), len(planted), what)
    if delays:
        yield Row("minutes until told, median", median(delays), len(delays), data=what)
