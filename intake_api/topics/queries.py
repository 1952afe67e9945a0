"""Reading topics within an area: ranking, one topic with its matters, the chart, alerts. Everything is a sum of days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Text, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.grids.tables import Grid
from intake_api.security import Area
from intake_api.tickets.tables import Message, Ticket
from intake_api.topics.tables import Day, Member, Surge, Topic, TopicLetter
from nlp.heat import heat
from nlp.topic_rules import load_topic_rules

CONSIDERED = 400
"""So many topics, those with most people first, are weighed by heat: none behind them could be among the first by it."""
NOTABLE_PEOPLE = 2
MEMBERS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, both included, where the residents live."""

    first: date
    last: date

    @classmethod
    def back(cls, now: datetime, zone: ZoneInfo, days: int) -> Span:
        today = now.astimezone(zone).date()
        return cls(today - timedelta(days=days - 1), today)

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A topic as far as an area and a span reach. `central`: the member there that says best what it is about."""

    id: str
    category: str
    heat: float
    people: int
    matters: int
    urgent: int
    likes: int
    against: int
    grids: int
    first_day: date
    last_at: datetime
    central: str


def narrowed(area: Area, grid: str = "", community: str = "", street: str = "") -> Area | None:
    """The part of an area that a filter leaves; None where the filter lies outside it."""
    for wanted, mine in ((grid, area.grid), (community, area.community), (street, area.street)):
        if wanted and mine and wanted != mine:
            return None
    return replace(area, grid=grid or area.grid, community=community or area.community, street=street or area.street)


def _in_area(found: Any, table: Any, area: Area) -> Any:
    """The rows of a table with the columns of a place that lie in an area, whoever holds them."""
    for name in ("grid", "community", "street", "district"):
        if value := getattr(area, name):
            found = found.where(getattr(table, name) == value)
    return found


def _within(found: Any, table: Any, unit: Any, area: Area) -> Any:
    """The same of what a department leads or helps with, where the area is a department's."""
    found = _in_area(found, table, area)
    if not area.unit:
        return found
    return found.where(or_(unit == area.unit, cast(table.assist_units, Text).contains(f'"{area.unit}"', autoescape=True)))


_SUMS = (
    func.sum(Day.people).label("people"), func.sum(Day.matters).label("matters"), func.sum(Day.urgent).label("urgent"),
    func.sum(Day.likes).label("likes"), func.sum(Day.against).label("against"), func.count(Day.grid.distinct()).label("grids"),
    func.min(Day.day).label("first_day"), func.max(Day.last_at).label("last_at"),
)  # fmt: skip


async def ranked(session: AsyncSession, area: Area, span: Span, now: datetime, limit: int, category: str = "") -> list[Ranked]:
    """The hottest topics of at least two people (or liked letters), the hottest first."""
    found = _within(select(Day.topic, *_SUMS), Day, Day.unit, area).where(Day.day >= span.first, Day.day <= span.last)
    if category:
        found = found.where(Day.topic.in_(select(Topic.id).where(Topic.category == category)))
    weight = func.sum(Day.people) + func.sum(Day.likes) + func.sum(Day.against)
    found = found.group_by(Day.topic).having(weight >= NOTABLE_PEOPLE).order_by(weight.desc(), Day.topic).limit(CONSIDERED)
    rows = list(await session.execute(found))
    hottest = sorted(((_heat(row, now), row) for row in rows), key=lambda pair: (-pair[0], pair[1].topic))[:limit]
    return await _told(session, [row for _, row in hottest], area, span, now)


async def one(session: AsyncSession, topic: str, area: Area, span: Span, now: datetime) -> Ranked | None:
    """One topic within an area and span; None where nothing of it lies there."""
    found = _within(select(Day.topic, *_SUMS), Day, Day.unit, area).where(Day.topic == topic, Day.day >= span.first, Day.day <= span.last)
    return next(iter(await _told(session, list(await session.execute(found.group_by(Day.topic))), area, span, now)), None)


async def alike(session: AsyncSession, topic: Ranked, area: Area, span: Span, now: datetime) -> list[Ranked]:
    """Topics of the same matter elsewhere in the area."""
    others = await ranked(session, area, span, now, 9, topic.category) if topic.category else []
    return [other for other in others if other.id != topic.id][:8]


def _heat(row: Row[Any], now: datetime) -> float:
    return heat(
        load_topic_rules().live.heat,
        people=row.people,
        likes=row.likes,
        against=row.against,
        since_days=(now - row.last_at).total_seconds() / 86400,
        span_days=float((row.last_at.date() - row.first_day).days),
        places=row.grids,
        urgent=row.urgent / row.matters if row.matters else 0.0,
    )


async def _told(session: AsyncSession, rows: Sequence[Row[Any]], area: Area, span: Span, now: datetime) -> list[Ranked]:
    """With the category of each and the member that stands for it within the area."""
    ids = [row.topic for row in rows]
    heads = await session.execute(select(Topic.id, Topic.category).where(Topic.id.in_(ids)))
    categories = {head.id: head.category for head in heads}
    central: dict[str, str] = {}
    spoken = _within(select(Day.topic, Day.central), Day, Day.unit, area).where(
        Day.topic.in_(ids), Day.day >= span.first, Day.day <= span.last
    )
    for topic, member in await session.execute(spoken.order_by(Day.people, Day.day, Day.grid)):
        central[topic] = member
    return [
        Ranked(
            row.topic, categories.get(row.topic, ""), _heat(row, now), row.people, row.matters, row.urgent, row.likes, row.against,
            row.grids, row.first_day, row.last_at, central.get(row.topic, ""),
        )
        for row in rows
    ]  # fmt: skip


async def by_day(session: AsyncSession, area: Area, span: Span, topics: Sequence[str] | None = None) -> dict[str, dict[date, int]]:
    """Topic → day → people who spoke of it for the first time; with `topics` None all together under ""."""
    key = Day.topic if topics is not None else literal("")
    grouped = (Day.topic, Day.day) if topics is not None else (Day.day,)
    found = _within(select(key, Day.day, func.sum(Day.people)), Day, Day.unit, area).where(Day.day >= span.first, Day.day <= span.last)
    if topics is not None:
        found = found.where(Day.topic.in_(topics))
    counts: dict[str, dict[date, int]] = {}
    for topic, day, people in await session.execute(found.group_by(*grouped)):
        counts.setdefault(topic, {})[day] = people
    return counts


def _quotable(found: Any) -> Any:
    """Without what became delicate or confidential since it was counted: old days are not gathered again."""
    return found.where(Ticket.delicate.is_(False), Ticket.confidential.is_(False))


async def titles(session: AsyncSession, members: Sequence[str]) -> dict[str, Ticket | TopicLetter]:
    """The tickets and letters behind these members, as they are now."""
    found: dict[str, Ticket | TopicLetter] = {}
    tickets = _quotable(select(Ticket).where(Ticket.id.in_([m for m in members if not m.startswith("l:")])))
    found |= {ticket.id: ticket for ticket in await session.scalars(tickets)}
    letters = select(TopicLetter).where(TopicLetter.id.in_([m[2:] for m in members if m.startswith("l:")]))
    return found | {f"l:{letter.id}": letter for letter in await session.scalars(letters)}


async def members(session: AsyncSession, topic: str, area: Area) -> list[Ticket | TopicLetter]:
    """The matters and letters of a topic that lie within the area, the newest first."""
    tickets = select(Ticket).join(Member, Member.id == Ticket.id).where(Member.topic == topic)
    tickets = _quotable(_within(tickets, Ticket, Ticket.lead_unit, area))
    found: list[Ticket | TopicLetter] = list(
        await session.scalars(tickets.order_by(Member.at.desc(), Member.id).limit(MEMBERS_SHOWN))
    )  # fmt: skip
    if not area.unit:
        letters = select(TopicLetter).join(Member, Member.id == "l:" + TopicLetter.id).where(Member.topic == topic)
        letters = _in_area(letters, TopicLetter, area)
        found += list(await session.scalars(letters.order_by(Member.at.desc(), Member.id).limit(MEMBERS_SHOWN)))
    return found


async def words_of(session: AsyncSession, tickets: Sequence[str]) -> dict[str, list[Message]]:
    """Ticket → what was said about it in the group, masked, the oldest first."""
    rows = select(Message).where(Message.ticket_id.in_(tickets), Message.masked != "").order_by(Message.at, Message.id)
    found: dict[str, list[Message]] = {}
    for row in await session.scalars(rows):
        found.setdefault(row.ticket_id, []).append(row)
    return found


async def surges(session: AsyncSession, area: Area, since: datetime, categories: Sequence[str] | None) -> list[Surge]:
    """Alerts that are open or were since then, the open ones first, then the newest. An area sees its own alerts and those within
    it; `categories` are those of a department, None for everybody else."""
    found = select(Surge).where(or_(Surge.ended_at.is_(None), Surge.ended_at >= since))
    found = _in_area(found, Surge, area)
    if categories is not None:
        found = found.where(Surge.category.in_(categories))
    return list(await session.scalars(found.order_by(Surge.ended_at.is_not(None), Surge.opened_at.desc()).limit(50)))


async def names_of(session: AsyncSession, grids: Sequence[str]) -> dict[str, str]:
    return {row.code: row.name for row in await session.execute(select(Grid.code, Grid.name).where(Grid.code.in_(grids)))}
