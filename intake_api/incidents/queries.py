"""Reading incidents, their tickets, the groups of an area, and what people took apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts.incidents import IncidentState
from intake_api.grids.tables import Chat, Grid
from intake_api.incidents.rules import Scope, Voice
from intake_api.incidents.tables import Incident, TicketVector
from intake_api.security import Area
from intake_api.tickets.tables import Parting, Ticket
from nlp.schema import Place, RankedCategory

LISTED = 200
# tickets of these states belong to an incident but do not speak for it any more
GONE = ("rejected", "merged")
_PLACE = ("estate", "building", "unit", "floor", "room", "road", "spot")


async def locked(session: AsyncSession, incident_id: str) -> Incident | None:
    """Held until the end of the transaction. Always before its tickets, so that two acts cannot block each other."""
    found = select(Incident).where(Incident.id == incident_id).with_for_update()
    return (await session.scalars(found.execution_options(populate_existing=True))).first()


async def incidents(
    session: AsyncSession, area: Area, state: IncidentState | None = None, chat: str = "", limit: int = LISTED, offset: int = 0
) -> list[Incident]:
    """Those that reach into an area, the newest first; with `chat` (channel:id) those that this group was told of."""
    found = select(Incident).where(*_reaching(area)).order_by(Incident.opened_at.desc(), Incident.id)
    if state:
        found = found.where(Incident.state == state)
    if chat:
        found = found.where(cast(Incident.told, Text).contains(json.dumps(chat, ensure_ascii=False), autoescape=True))
    rows = await session.scalars(found.limit(limit).offset(offset))
    return [row for row in rows if not chat or chat in row.told]  # SQLite's LIKE takes a for A


async def count(session: AsyncSession, area: Area) -> int:
    """How many reach into an area."""
    return await session.scalar(select(func.count()).select_from(Incident).where(*_reaching(area))) or 0


def _reaching(area: Area) -> list[ColumnElement[bool]]:
    columns = ((Incident.grid, area.grid), (Incident.community, area.community), (Incident.street, area.street))
    return [or_(column == mine, column == "") for column, mine in (*columns, (Incident.district, area.district)) if mine]


async def one(session: AsyncSession, incident_id: str, area: Area) -> Incident | None:
    """None for one that is not known or does not reach into the area."""
    row = await session.get(Incident, incident_id)
    if row is None:
        return None
    named = ((area.grid, row.grid), (area.community, row.community), (area.street, row.street), (area.district, row.district))
    return row if all(not mine or not theirs or mine == theirs for mine, theirs in named) else None


async def open_in(session: AsyncSession, street: str, category: str) -> list[Incident]:
    """What a new ticket of this street may belong to, the newest first."""
    found = select(Incident).where(Incident.state == "open", Incident.street == street, Incident.category == category)
    return list(await session.scalars(found.order_by(Incident.opened_at.desc(), Incident.id)))


async def tickets_of(session: AsyncSession, *incident_ids: str) -> list[Ticket]:
    found = select(Ticket).where(Ticket.incident.in_(incident_ids)).order_by(Ticket.first_seen_at, Ticket.id)
    return list(await session.scalars(found))


async def groups_in(session: AsyncSession, scope: Scope) -> list[str]:
    """Every group bound to a grid of this area, as channel:id."""
    found = select(Chat.channel, Chat.chat_id).join(Grid, Grid.code == Chat.grid).where(Chat.moved_to == "")
    columns = ((Grid.code, scope.grid), (Grid.community, scope.community), (Grid.street, scope.street), (Grid.district, scope.district))
    for column, named in columns:
        if named:
            found = found.where(column == named)
    return sorted(f"{channel}:{chat_id}" for channel, chat_id in await session.execute(found))


async def parted_from(session: AsyncSession, ticket_id: str) -> set[str]:
    """Tickets that a person took apart from this one."""
    rows = await session.execute(select(Parting.one, Parting.other).where(or_(Parting.one == ticket_id, Parting.other == ticket_id)))
    return {one if other == ticket_id else other for one, other in rows}


async def partings(session: AsyncSession, area: Area, after: tuple[datetime, str, str] | None, limit: int) -> list[Parting]:
    """Oldest first; of an area those whose first ticket lies there."""
    found = select(Parting).order_by(Parting.at, Parting.one, Parting.other)
    if after:
        found = found.where(tuple_(Parting.at, Parting.one, Parting.other) > tuple_(*after))
    if area != Area():
        mine = select(Ticket.id)
        columns = ((Ticket.grid, area.grid), (Ticket.community, area.community), (Ticket.street, area.street))
        for column, named in (*columns, (Ticket.district, area.district)):
            mine = mine.where(column == named) if named else mine
        found = found.where(Parting.one.in_(mine))
    return list(await session.scalars(found.limit(limit)))


async def tickets(session: AsyncSession, ids: Iterable[str]) -> list[Ticket]:
    return list(await session.scalars(select(Ticket).where(Ticket.id.in_(list(ids))).order_by(Ticket.id)))


async def keep_vectors(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    """Each in place of what was kept for its ticket before."""
    insert = (sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert)(TicketVector)
    new = {name: insert.excluded[name] for name in ("encoder", "digest", "vector")}
    await session.execute(insert.on_conflict_do_update(index_elements=["ticket_id"], set_=new), rows)


def voice_of(ticket: Ticket) -> Voice:
    """A ticket as the rules look at it."""
    top = tuple((str(matter), float(share)) for matter, share in ticket.judgement.get("top", ()))
    if not top or top[0][0] != ticket.category:
        top = ((ticket.category, 1.0),) if ticket.category else ()
    return Voice(
        id=ticket.id, category=RankedCategory(top, bool(ticket.judgement.get("accepted"))), place=place_of(ticket.place),
        text=ticket.description or ticket.title, at=ticket.first_seen_at,
        scope=Scope(ticket.grid, ticket.community, ticket.street, ticket.district), chats=tuple(ticket.chats),
        households=ticket.affected_households, unlike=tuple(ticket.unlike),
    )  # fmt: skip


def place_of(stored: dict[str, Any]) -> Place:
    """A ticket's place column as the language rooms want it."""
    told = {name: str(stored[name]) for name in _PLACE if stored.get(name)}
    return replace(Place(text=str(stored.get("text", ""))), **told)  # type: ignore[arg-type]  # names of text fields only


def speaking(rows: Sequence[Ticket]) -> list[Voice]:
    """The tickets that speak for an incident."""
    return [voice_of(row) for row in rows if row.state not in GONE]
