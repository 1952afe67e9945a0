"""From changed tickets and letters to topics: what changed is counted once and marks its block, marked blocks are gathered anew.

Both steps are one transaction each and a function of what lies in the database: doing them again changes nothing, and a process
that dies between them has only left a block marked. One process does this at a time (see worker.py).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.db import Base, Database
from intake_api.tickets.tables import Ticket
from intake_api.topics import reading
from intake_api.topics.rules import LETTER, Spot, Voiced, days_of, settle_ids
from intake_api.topics.tables import Day, DirtyBlock, Mark, Member, Topic, TopicLetter, Volume
from nlp.live_topics import Gathered, gather_told
from nlp.topic_rules import load_topic_rules

BATCH = 500
JOB = "topics"
# clocks of processes differ, and who begins first may commit last: so far back is looked again
OVERLAP = timedelta(minutes=2)
# a block that cannot be gathered is tried so often, after one minute, four, sixteen, an hour; then it waits for a person
TRIES = 5
RETRY_AFTER, GROWING = timedelta(minutes=1), 4
log = structlog.get_logger()


def midnight(now: datetime, zone: ZoneInfo, days_back: int = 0) -> datetime:
    """When the day began that lies so many days back, where the residents live."""
    day: date = now.astimezone(zone).date() - timedelta(days=days_back)
    return datetime.combine(day, time.min, zone)


def window_start(now: datetime, zone: ZoneInfo) -> datetime:
    """From when on members are gathered; what is older keeps its topic."""
    return midnight(now, zone, load_topic_rules().live.window_days)


async def _alone(session: AsyncSession, now: datetime) -> None:
    """Whoever else still believes to hold the job waits until this transaction is over, and then finds its work done."""
    await _upsert(session, Mark, [{"name": JOB, "at": now}], "name")


# ---- taking in what changed -----------------------------------------------------------------------------------------
async def take_in(db: Database, now: datetime, zone: ZoneInfo) -> int:
    """Count what changed since last time, at most BATCH tickets and letters each; how many."""
    since = window_start(now, zone)
    async with db.reading() as session:
        tickets = await _changed_tickets(session, since)
        letters = await _changed_letters(session, since)
        changed = [*await reading.of_tickets(session, tickets), *(reading.of_letter(row) for row in letters)]
    if not changed:
        return 0
    async with db.writing() as session:
        await _alone(session, now)
        known = {row.id: row for row in await session.scalars(select(Member).where(Member.id.in_([one.told.id for one in changed])))}
        changed = [one for one in changed if one.told.id not in known or known[one.told.id].version != one.version]
        if not changed:
            return 0
        await _exchange_volumes(session, changed, known)
        dirty = {one.block for one in changed} | {known[one.told.id].block for one in changed if one.told.id in known}
        waiting = [{"block": block, "since": now} for block in sorted(dirty)]
        await session.execute(_insert(session)(DirtyBlock).on_conflict_do_nothing(), waiting)
        await _upsert(session, Member, [_member_row(one, known.get(one.told.id)) for one in changed], "id")
        marks = [("tickets", tickets[-1].updated_at if tickets else None), ("letters", letters[-1].updated_at if letters else None)]
        await _upsert(session, Mark, [{"name": name, "at": at} for name, at in marks if at], "name")
    return len(changed)


async def _changed_tickets(session: AsyncSession, since: datetime) -> list[Ticket]:
    mark = await session.get(Mark, "tickets")
    start = max(since, mark.at - OVERLAP) if mark else since
    unseen = or_(Member.version.is_(None), Member.version != Ticket.version)
    found = select(Ticket).outerjoin(Member, Member.id == Ticket.id).where(Ticket.updated_at >= start, unseen)
    return list(await session.scalars(found.order_by(Ticket.updated_at, Ticket.id).limit(BATCH)))


async def _changed_letters(session: AsyncSession, since: datetime) -> list[TopicLetter]:
    mark = await session.get(Mark, "letters")
    unseen = or_(Member.version.is_(None), Member.version != TopicLetter.version)
    found = select(TopicLetter).outerjoin(Member, Member.id == LETTER + TopicLetter.id).where(unseen, TopicLetter.at >= since)
    if mark:
        found = found.where(TopicLetter.updated_at >= mark.at - OVERLAP)
    return list(await session.scalars(found.order_by(TopicLetter.updated_at, TopicLetter.id).limit(BATCH)))


def _member_row(one: Voiced, known: Member | None) -> dict[str, Any]:
    """A member that moved to another block waits for its topic there; one without voices has none."""
    stays = known is not None and known.block == one.block and bool(one.voices)
    return {
        "id": one.told.id,
        "topic": known.topic if known and stays else None,
        "block": one.block,
        "at": one.told.at,
        "version": one.version,
        "counted": one.counted(),
    }


async def _exchange_volumes(session: AsyncSession, changed: Iterable[Voiced], known: dict[str, Member]) -> None:
    """Take back what each had added before, add what it adds now."""
    change: dict[tuple[str, str, tuple[str, ...]], int] = defaultdict(int)
    for one in changed:
        before: dict[str, Any] = dict(known[one.told.id].counted) if one.told.id in known else {}
        for counted, sign in ((before, -1), (one.counted(), 1)):
            for hour, voices in counted.get("hours", {}).items():
                change[hour, counted["category"], tuple(counted["area"])] += sign * voices
    rows = [
        {"hour": datetime.fromisoformat(hour), "category": category, "voices": voices}
        | dict(zip(("grid", "community", "street", "district"), area, strict=True))
        for (hour, category, area), voices in sorted(change.items())
        if voices
    ]
    for row in rows:
        insert = _insert(session)(Volume).values(**row)
        key = ["hour", "category", "grid"]
        await session.execute(insert.on_conflict_do_update(index_elements=key, set_={"voices": Volume.voices + insert.excluded.voices}))


def _insert(session: AsyncSession) -> Any:
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


async def _upsert(session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]], key: str) -> None:
    for n in range(0, len(rows), BATCH):
        insert = _insert(session)(table).values(list(rows[n : n + BATCH]))
        new = {name: insert.excluded[name] for name in rows[0] if name != key}
        await session.execute(insert.on_conflict_do_update(index_elements=[key], set_=new))


# ---- gathering a block ----------------------------------------------------------------------------------------------
async def gather_next(db: Database, now: datetime, zone: ZoneInfo) -> bool:
    """Gather the block that has waited longest; False when none waits. One that fails is put off and stops no other."""
    async with db.reading() as session:
        waiting = select(DirtyBlock).where(DirtyBlock.since <= now, DirtyBlock.failures < TRIES)
        row = await session.scalar(waiting.order_by(DirtyBlock.since, DirtyBlock.block).limit(1))
    if row is None:
        return False
    try:
        await _gather(db, row.block, now, zone)
    except Exception as error:  # whatever is wrong with one block, the others go on
        await _put_off(db, row, error, now)
    return True


async def _put_off(db: Database, row: DirtyBlock, error: Exception, now: datetime) -> None:
    failures, name = row.failures + 1, type(error).__name__[:100]
    said = log.error if failures >= TRIES else log.warning
    said("topics.block_failed", block=row.block, failures=failures, set_aside=failures >= TRIES, exc_info=error)
    later = {"failures": failures, "error": name, "since": now + RETRY_AFTER * GROWING**row.failures}
    async with db.writing() as session:
        await session.execute(update(DirtyBlock).where(DirtyBlock.block == row.block).values(**later))


async def set_aside(session: AsyncSession) -> list[DirtyBlock]:
    """The blocks that are not tried any more, with their topics as they last were."""
    return list(await session.scalars(select(DirtyBlock).where(DirtyBlock.failures >= TRIES).order_by(DirtyBlock.block)))


async def try_again(session: AsyncSession, block: str, now: datetime) -> bool:
    """A person says so; False when the block is not set aside (any more)."""
    found = update(DirtyBlock).where(DirtyBlock.block == block, DirtyBlock.failures >= TRIES).values(failures=0, error="", since=now)
    return bool(list(await session.scalars(found.returning(DirtyBlock.block))))


async def _gather(db: Database, block: str, now: datetime, zone: ZoneInfo) -> None:
    since = window_start(now, zone)
    async with db.reading() as session:
        rows = list(await session.scalars(select(Member).where(Member.block == block, Member.at >= since)))
        left = set(await session.scalars(select(Topic.id).where(Topic.block == block, Topic.last_at >= since)))
        members = {one.told.id: one for one in await reading.voiced(session, [row.id for row in rows])}
        taken = await _named_elsewhere(session, block, list(members))
    counting = [one for one in members.values() if one.voices and one.block == block]
    gathered = await asyncio.to_thread(gather_told, [one.told for one in counting], load_topic_rules())
    homes = {row.id: row.topic for row in rows if row.topic}
    named = settle_ids([group.ids for group in gathered], homes, taken)
    home_of = {**{one.told.id: homes.get(one.told.id) for one in counting}, **{m: topic for topic, ids in named.items() for m in ids}}
    async with db.writing() as session:
        await _alone(session, now)
        for row in await session.scalars(select(Member).where(Member.id.in_([row.id for row in rows]))):
            row.topic = home_of.get(row.id)
        await session.flush()
        await _write_topics(session, block, counting, home_of, _central(gathered), left, zone, since)
        await session.execute(delete(DirtyBlock).where(DirtyBlock.block == block))


async def _named_elsewhere(session: AsyncSession, block: str, members: Sequence[str]) -> set[str]:
    """Names that topics of other blocks bear: a topic keeps its name when the matter it is named after moves to another block."""
    found: set[str] = set()
    for n in range(0, len(members), BATCH):
        names = [name for one in members[n : n + BATCH] for name in (one, f"{one}+")]
        found |= set(await session.scalars(select(Topic.id).where(Topic.id.in_(names), Topic.block != block)))
    return found


def _central(gathered: Iterable[Gathered]) -> dict[str, float]:
    return {member: share for group in gathered for member, share in group.central.items()}


async def _write_topics(
    session: AsyncSession, block: str, counting: Sequence[Voiced], home_of: dict[str, str | None], central: dict[str, float],
    left: set[str], zone: ZoneInfo, since: datetime,
) -> None:  # fmt: skip
    """The topics of a block and their days since the window's first, as they are now; `left`: topics it had before."""
    topics: dict[str, list[Voiced]] = defaultdict(list)
    for one in counting:
        if topic := home_of.get(one.told.id):
            topics[topic].append(one)
    touched, first_day = sorted(topics.keys() | left), since.astimezone(zone).date()
    for n in range(0, len(touched), BATCH):
        await session.execute(delete(Day).where(Day.topic.in_(touched[n : n + BATCH]), Day.day >= first_day))
    days = [row for topic, members in sorted(topics.items()) for row in _day_rows(topic, members, central, zone, first_day)]
    if days:
        await session.execute(_insert(session)(Day), days)
    await _write_heads(session, block, topics)
    gone = [
        topic for topic in left - topics.keys() if await session.scalar(select(Member.id).where(Member.topic == topic).limit(1)) is None
    ]
    await session.execute(delete(Topic).where(Topic.id.in_(gone)))
    await session.execute(delete(Day).where(Day.topic.in_(gone)))


def _day_rows(topic: str, members: Sequence[Voiced], central: dict[str, float], zone: ZoneInfo, first_day: date) -> list[dict[str, Any]]:
    return [
        {
            "topic": topic, "day": day, "grid": grid, "unit": unit, **_columns(total.spot), "assist_units": sorted(total.assist_units),
            "matters": total.matters, "people": total.people, "urgent": total.urgent, "likes": total.likes, "against": total.against,
            "last_at": total.last_at, "central": total.central[1],
        }
        for (day, grid, unit), total in sorted(days_of(members, central, zone).items())
        if day >= first_day
    ]  # fmt: skip


def _columns(spot: Spot) -> dict[str, str]:
    return {"community": spot.community, "street": spot.street, "district": spot.district}


async def _write_heads(session: AsyncSession, block: str, topics: dict[str, list[Voiced]]) -> None:
    first = {row.id: row.first_at for row in await session.scalars(select(Topic).where(Topic.block == block, Topic.id.in_(list(topics))))}
    heads = []
    for topic, members in sorted(topics.items()):
        said = [one.told.category for one in members if one.told.category]
        began = min(one.told.at for one in members)
        heads.append(
            {
                "id": topic,
                "block": block,
                "category": max(sorted(set(said)), key=said.count) if said else "",
                "first_at": min(first.get(topic, began), began),
                "last_at": max(at for one in members for _, at in one.voices),
            }
        )
    await _upsert(session, Topic, heads, "id")
