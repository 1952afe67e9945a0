"""What is usual: the volume of the past weeks by area, matter, hour of the week, worked out once a day from the sums by hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts.topics import AreaLevel
from intake_api.topics.rules import Spot
from intake_api.topics.surge_rules import SurgeRules, chance, clumping, expected, weekly_rate
from intake_api.topics.tables import Volume

Place = tuple[AreaLevel, Spot]
LEVELS: tuple[AreaLevel, ...] = ("grid", "community", "street", "city")
CITY: Place = ("city", Spot())
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)


def places_of(spot: Spot) -> Iterator[Place]:
    """The areas a grid lies in, the smallest first, each with the columns down to its level."""
    yield "grid", spot
    if spot.community:
        yield "community", Spot("", spot.community, spot.street, spot.district)
    if spot.street:
        yield "street", Spot("", "", spot.street, spot.district)
    yield CITY


def whole_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(slots=True)
class Usual:
    """Sums over `weeks` whole weeks before `until` (UTC). `profile`: share of a week's voices by hour of the UTC week."""

    until: datetime
    weeks: int = 0
    of_matter: dict[tuple[Place, str], float] = field(default_factory=lambda: defaultdict(float))
    of_place: dict[Place, float] = field(default_factory=lambda: defaultdict(float))
    profile: list[float] = field(default_factory=lambda: [0.0] * 168)
    clump: dict[str, float] = field(default_factory=dict)

    def rate(self, rules: SurgeRules, chain: Sequence[Place], category: str) -> float:
        """Voices a week of a matter in the first of `chain`, an area followed by those around it up to the city."""
        rate = self.of_matter[CITY, category] / max(self.weeks, 1)
        for inner, outer in zip(reversed(chain[:-1]), reversed(chain[1:]), strict=True):
            share = self.of_place[inner] / self.of_place[outer] if self.of_place[outer] else 0.0
            rate = weekly_rate(rules, self.of_matter[inner, category], self.weeks, rate, share)
        return rate


def hour_of_week(at: datetime) -> int:
    return at.weekday() * 24 + at.hour


async def learn_usual(session: AsyncSession, rules: SurgeRules, until: datetime) -> Usual:
    """From the volumes before `until`, which is a whole hour in UTC."""
    by_hour = select(Volume.hour, func.sum(Volume.voices)).where(Volume.hour < until).group_by(Volume.hour).order_by(Volume.hour)
    heard = [(hour, int(voices)) for hour, voices in await session.execute(by_hour)]
    weeks = min(rules.weeks, (until - _began(heard)) // WEEK) if heard else 0
    usual = Usual(until, weeks)
    if not weeks:
        return usual
    past = (Volume.hour >= until - weeks * WEEK) & (Volume.hour < until)
    columns = (Volume.grid, Volume.community, Volume.street, Volume.district, Volume.category)
    for *spot, category, voices in await session.execute(select(*columns, func.sum(Volume.voices)).where(past).group_by(*columns)):
        for place in places_of(Spot(*spot)):
            usual.of_matter[place, category] += voices
            usual.of_place[place] += voices
    total = usual.of_place[CITY] or 1.0
    for hour, voices in heard:
        if hour >= until - weeks * WEEK:
            usual.profile[hour_of_week(hour)] += voices / total
    cut = case((Volume.voices > rules.clump_most, rules.clump_most), else_=Volume.voices)
    clumps = select(Volume.category, func.sum(cut), func.sum(cut * cut)).where(past).group_by(Volume.category)
    usual.clump = {category: clumping(rules, voices, squares) for category, voices, squares in await session.execute(clumps)}
    return usual


def _began(heard: Sequence[tuple[datetime, int]]) -> datetime:
    """Since when people have been heard: where a twentieth of all voices has come, so that a report dated back is no history."""
    few = sum(voices for _, voices in heard) / 20
    return next(hour for hour, so_far in zip((hour for hour, _ in heard), accumulate(n for _, n in heard), strict=True) if so_far >= few)


@dataclass(frozen=True, slots=True)
class Window:
    """The hours looked at: `hours` whole ones (UTC), the last still running, of which `part` has passed."""

    hours: tuple[datetime, ...]
    part: float

    @classmethod
    def at(cls, now: datetime, hours: int) -> Window:
        last = whole_hour(now)
        return cls(tuple(last - HOUR * n for n in reversed(range(hours))), (now.astimezone(UTC) - last) / HOUR)

    def weighed(self, counts: dict[datetime, float], weeks_back: int = 0) -> float:
        """The voices of these hours so many weeks ago, of the running hour as much as has passed of it today."""
        then = [counts.get(hour - WEEK * weeks_back, 0.0) for hour in self.hours]
        return sum(then[:-1]) + then[-1] * (self.part if weeks_back else 1.0)

    def profile(self, usual: Usual) -> float:
        shares = [usual.profile[hour_of_week(hour)] for hour in self.hours]
        return sum(shares[:-1]) + shares[-1] * self.part


@dataclass(frozen=True, slots=True)
class Seen:
    """Voices of an area about a matter in the window, against what is usual there and how likely so many are."""

    place: Place
    category: str
    voices: int
    expected: float
    chance: float


Hours = dict[tuple[Place, str], dict[datetime, float]]


def look(usual: Usual, window: Window, counts: Hours, chain: Sequence[Place], category: str, rules: SurgeRules, less: float = 0.0) -> Seen:
    """The first of `chain` now. `counts`: by area and matter the voices of the window's hours, this week and in the weeks before;
    `less`: voices that a smaller area's alert already explains."""
    own = counts.get((chain[0], category), {})
    voices = round(window.weighed(own) - less)
    past = [window.weighed(own, back) for back in range(1, usual.weeks + 1)]
    mean = expected(rules, past, usual.rate(rules, chain, category), window.profile(usual))
    return Seen(chain[0], category, voices, mean, chance(voices, mean, usual.clump.get(category, rules.clump)))


async def hours_of(session: AsyncSession, window: Window, weeks: int, categories: Iterable[str] | None = None) -> Hours:
    """The voices of the window's hours, in this week and `weeks` before, of every area."""
    hours = [hour - WEEK * back for back in range(weeks + 1) for hour in window.hours]
    columns = (Volume.grid, Volume.community, Volume.street, Volume.district, Volume.category, Volume.hour, Volume.voices)
    found = select(*columns).where(Volume.hour.in_(hours))
    if categories is not None:
        found = found.where(Volume.category.in_(list(categories)))
    counts: Hours = defaultdict(lambda: defaultdict(float))
    for *spot, category, hour, voices in await session.execute(found):
        for place in places_of(Spot(*spot)):
            counts[place, category][hour] += voices
    return counts
