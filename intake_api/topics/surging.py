"""Noticing surges: what is suddenly too much for its place and hour is an alert, told once, kept open while it lasts."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Event, StaffIn, StaffView, SurgeTold
from intake_api.contracts.topics import SurgeView
from intake_api.db import Database
from intake_api.grids import queries as grids
from intake_api.grids.tables import Grid
from intake_api.outbox.service import new_event_id, post
from intake_api.security import Area
from intake_api.settings import Settings
from intake_api.tickets.desk import Desk, open_desk
from intake_api.tickets.tables import Ticket
from intake_api.tickets.views import view
from intake_api.topics.rules import NOT_COUNTED, Spot
from intake_api.topics.surge_rules import SurgeRules, load_surge_rules
from intake_api.topics.tables import Surge
from intake_api.topics.usual import LEVELS, Hours, Place, Seen, Usual, Window, hours_of, look, places_of
from intake_api.vault import Vault

log = structlog.get_logger()


async def watch(db: Database, settings: Settings, vault: Vault, usual: Usual, now: datetime) -> int:
    """Open, keep and end alerts as things stand at `now`; how many are new. Silent while there is too little history."""
    rules = load_surge_rules()
    window = Window.at(now, rules.window_hours)
    async with db.reading() as session:
        known = {_key(row): row for row in await _recent(session, rules, now)}
        lately = await hours_of(session, window, 0) if usual.weeks >= rules.least_weeks else {}
        loud = {key for key, hours in lately.items() if window.weighed(hours) >= rules.least_voices}
        candidates = loud | {key for key, row in known.items() if row.ended_at is None}
        counts = await hours_of(session, window, usual.weeks, {category for _, category in candidates}) if candidates else {}
    if not candidates:
        return 0
    seen = judge(usual, window, counts, candidates, {key for key, row in known.items() if row.ended_at is None}, rules)
    if not seen and all(row.ended_at is not None or now - row.seen_at < _hours(rules.quiet_hours) for row in known.values()):
        return 0
    async with db.writing() as session:
        desk = await open_desk(session, settings, vault, now)
        return await _note(desk, {(one.place, one.category): one for one in seen}, rules)


def judge(usual: Usual, window: Window, counts: Hours, candidates: set[tuple[Place, str]], standing: set[tuple[Place, str]],
          rules: SurgeRules) -> list[Seen]:  # fmt: skip
    """What is a surge now, or still one where it is `standing`, from the smallest area up. What a smaller area's alert explains does
    not count again for the area around it, and within an area that stands already nothing smaller is told of the same matter."""
    found: list[Seen] = []
    explained: dict[tuple[Place, str], float] = defaultdict(float)
    for place, category in sorted(candidates, key=lambda c: (LEVELS.index(c[0][0]), str(c))):
        chain = list(places_of(place[1]))
        chain = chain[next(n for n, (level, _) in enumerate(chain) if level == place[0]) :]
        if (place, category) not in standing and any((outer, category) in standing for outer in chain[1:]):
            continue
        seen = look(usual, window, counts, chain, category, rules, explained[place, category])
        limit = rules.lasting_chance if (place, category) in standing else rules.least_chance
        if seen.voices >= rules.least_voices and seen.chance < limit:
            found.append(seen)
            for outer in chain[1:]:
                explained[outer, category] += seen.voices
    return found


def _key(row: Surge) -> tuple[Place, str]:
    return (row.level, Spot(row.grid, row.community, row.street, row.district)), row.category


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)


async def _recent(session: AsyncSession, rules: SurgeRules, now: datetime, lock: bool = False) -> list[Surge]:
    """Open alerts, and those that ended so short a time ago that they would be the same; the newest of each place last."""
    lately = now - _hours(rules.same_within_hours)
    found = select(Surge).where(or_(Surge.ended_at.is_(None), Surge.ended_at > lately)).order_by(Surge.opened_at)
    return list(await session.scalars(found.with_for_update() if lock else found))


async def _note(desk: Desk, seen: dict[tuple[Place, str], Seen], rules: SurgeRules) -> int:
    known = {_key(row): row for row in await _recent(desk.session, rules, desk.now, lock=True)}
    fresh = 0
    for key, one in seen.items():
        row = known.get(key)
        if row is None:
            await _open(desk, one)
            fresh += 1
        else:
            row.seen_at, row.ended_at = desk.now, None
            if one.voices > row.voices:
                row.voices, row.expected = one.voices, one.expected
    for key, row in known.items():
        if key not in seen and row.ended_at is None and desk.now - row.seen_at >= _hours(rules.quiet_hours):
            row.ended_at = desk.now
            log.info("surge.ended", level=row.level, category=row.category)
    return fresh


async def _open(desk: Desk, seen: Seen) -> None:
    level, spot = seen.place
    ticket = await _loudest(desk, seen)
    row = Surge(
        id=str(uuid.uuid4()), level=level, category=seen.category, grid=spot.grid if level == "grid" else "", community=spot.community,
        street=spot.street, district=spot.district, opened_at=desk.now, seen_at=desk.now, voices=seen.voices, expected=seen.expected,
        ticket_id=ticket.id if ticket else "",
    )  # fmt: skip
    desk.session.add(row)
    log.info("surge.noticed", level=level, category=seen.category, voices=seen.voices, expected=round(seen.expected, 2))
    await _tell(desk, row, ticket)


async def _loudest(desk: Desk, seen: Seen) -> Ticket | None:
    """The matter of the place that most people told of lately: the one to begin with."""
    spot = seen.place[1]
    found = select(Ticket).where(Ticket.category == seen.category, Ticket.updated_at > desk.now - timedelta(days=1))
    found = found.where(Ticket.state.not_in(NOT_COUNTED), Ticket.delicate.is_(False), Ticket.confidential.is_(False))
    for column, value in ((Ticket.grid, spot.grid), (Ticket.community, spot.community), (Ticket.street, spot.street)):
        found = found.where(column == value) if value else found
    return await desk.session.scalar(found.order_by(Ticket.affected_people.desc(), Ticket.updated_at.desc()).limit(1))


async def _tell(desk: Desk, row: Surge, ticket: Ticket | None) -> None:
    """Once to every account of those who answer for the place (grid and community workers; above them the console), and once to the
    subscribers of the matter's unit, where there is a matter that may be shown."""
    told = surge_view(row, desk.taxonomy.name_of(row.category), await area_name(desk, row))
    chats = sorted({handle for person in await _responsible(desk, row) for handle in person.handles})
    split = (handle.partition(":") for handle in chats)
    warnings = [SurgeTold(id=new_event_id(), channel=channel, chat_id=chat, at=desk.now, surge=told) for channel, _, chat in split]
    await post(desk.session, desk.vault, warnings)
    if ticket is not None:
        shown = view(ticket, desk.taxonomy, "staff", [])
        event = Event(
            id=new_event_id(), type="surge.noticed", channel="", chat_id="", audience="group", ticket=shown, at=desk.now, surge=told
        )  # fmt: skip
        await post(desk.session, desk.vault, [event], kind="ticket")


async def _responsible(desk: Desk, row: Surge) -> Sequence[StaffIn | StaffView]:
    if row.level == "grid":
        grid = await desk.grid(row.grid)
        return [person for person in (grid.staff if grid else []) if person.role in ("grid_worker", "community")]
    if row.level != "community":
        return []
    rows = await grids.grids(desk.session, Area(community=row.community, street=row.street, district=row.district))
    rosters = await grids.rosters(desk.session, [one.code for one in rows])
    return [person for roster in rosters.values() for person in roster if person.role == "community"]


async def area_name(desk: Desk, row: Surge) -> str:
    """What people call the place of an alert; "" for the whole city."""
    if row.level == "grid":
        grid = await desk.session.get(Grid, row.grid)
        return grid.name if grid else row.grid
    return {"community": row.community, "street": row.street}.get(row.level, "")


def surge_view(row: Surge, category_name: str, area: str) -> SurgeView:
    return SurgeView(
        id=row.id, level=row.level, area=area, category=row.category, category_name=category_name, opened_at=row.opened_at,
        seen_at=row.seen_at, ended_at=row.ended_at, voices=row.voices, expected=round(row.expected, 2), ticket_id=row.ticket_id,
    )  # fmt: skip
