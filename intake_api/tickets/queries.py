"""Reading tickets: one, many with filters and a cursor, and what hangs on them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, Text, and_, case, cast, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import State
from intake_api.problems import invalid
from intake_api.security import Area
from intake_api.tickets.tables import History, Message, Reporter, Ticket

_NUMBER = re.compile(r"[A-Za-z0-9]{1,20}-\d{8}-\d{4,}")
MAX_MERGES = 50  # a chain of merges longer than this is a loop that cannot be


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of a list; empty ones filter nothing. `q`: a whole number, or words in number, title, description."""

    states: tuple[State, ...] = ()
    grid: str = ""
    chat: str = ""
    category: str = ""
    q: str = ""
    updated_after: datetime | None = None
    held: str = ""
    urgency: str = ""
    kind: str = ""


async def locked(session: AsyncSession, *ids: str) -> dict[str, Ticket]:
    """These tickets, held until the end of the transaction; always in the same order, so that two merges cannot block each other."""
    found = select(Ticket).where(Ticket.id.in_(sorted(set(ids)))).order_by(Ticket.id).with_for_update()
    return {ticket.id: ticket for ticket in await session.scalars(found.execution_options(populate_existing=True))}


async def after_merges(session: AsyncSession, ticket_id: str) -> Ticket | None:
    """The ticket that now stands for this one, held until the end of the transaction; None for an unknown id."""
    for _ in range(MAX_MERGES):
        ticket = (await locked(session, ticket_id)).get(ticket_id)
        if ticket is None or ticket.duplicate_of is None:
            return ticket
        ticket_id = ticket.duplicate_of
    raise AssertionError("merges run in a circle, which the table of moves makes impossible")


async def page(session: AsyncSession, wanted: Wanted, area: Area = Area(), limit: int = 50, cursor: str = "") -> tuple[list[Ticket], str]:
    """The newest first, and the cursor of the next page ("" at the end). Raises 422 for a cursor that is none of ours."""
    found = _within(_filtered(select(Ticket), wanted), area).order_by(Ticket.updated_at.desc(), Ticket.id.desc())
    if cursor:
        found = found.where(tuple_(Ticket.updated_at, Ticket.id) < tuple_(*_read_cursor(cursor)))
    tickets = list(await session.scalars(found.limit(limit + 1)))
    more = len(tickets) > limit
    return tickets[:limit], _write_cursor(tickets[limit - 1]) if more else ""


async def waiting(session: AsyncSession, wanted: Wanted, area: Area, limit: int) -> list[Ticket]:
    """What somebody should look at first: emergencies, then the longest waiting."""
    urgent_first = case({"emergency": 0, "urgent": 1}, value=Ticket.urgency, else_=2)
    found = _within(_filtered(select(Ticket), wanted), area).order_by(urgent_first, Ticket.first_seen_at, Ticket.number)
    return list(await session.scalars(found.limit(limit)))


async def count_by_state(session: AsyncSession, wanted: Wanted, area: Area) -> dict[State, int]:
    """How many tickets of an area stand in each state; states without any are left out."""
    grouped = _within(_filtered(select(Ticket), wanted), area).with_only_columns(Ticket.state, func.count()).group_by(Ticket.state)
    return {row[0]: row[1] for row in await session.execute(grouped)}


def ids_in(area: Area) -> Select[str]:
    """The ids of an area's tickets, for a condition."""
    return _within(select(Ticket), area).with_only_columns(Ticket.id)


def _filtered(found: Select[Ticket], wanted: Wanted) -> Select[Ticket]:
    for column, value in (
        (Ticket.grid, wanted.grid),
        (Ticket.category, wanted.category),
        (Ticket.held, wanted.held),
        (Ticket.urgency, wanted.urgency),
        (Ticket.kind, wanted.kind),
    ):
        if value:
            found = found.where(column == value)
    if wanted.states:
        found = found.where(Ticket.state.in_(wanted.states))
    if wanted.chat:
        found = found.where(Ticket.id.in_(select(Message.ticket_id).where(Message.chat == wanted.chat)))
    if wanted.updated_after:
        found = found.where(Ticket.updated_at > wanted.updated_after)
    if _NUMBER.fullmatch(wanted.q.strip()):
        return found.where(Ticket.number == wanted.q.strip().upper())
    for word in wanted.q.split()[:8]:
        columns = (Ticket.number, Ticket.title, Ticket.description)
        found = found.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    return found


def _within(found: Select[Ticket], area: Area) -> Select[Ticket]:
    for column, value in (
        (Ticket.grid, area.grid),
        (Ticket.community, area.community),
        (Ticket.street, area.street),
        (Ticket.district, area.district),
    ):
        if value:
            found = found.where(column == value)
    if area.unit:
        helps = cast(Ticket.assist_units, Text).contains(f'"{area.unit}"', autoescape=True)
        found = found.where(or_(Ticket.lead_unit == area.unit, helps))
    return found


def _write_cursor(ticket: Ticket) -> str:
    return base64.urlsafe_b64encode(f"{ticket.updated_at.isoformat()}|{ticket.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, ticket_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not ticket_id:
            raise ValueError(cursor)
        return moment, ticket_id
    except (ValueError, binascii.Error) as error:
        raise invalid("bad_cursor", "This cursor was not given out here; start from the first page.") from error


async def messages_of(session: AsyncSession, *ticket_ids: str) -> list[Message]:
    return list(await session.scalars(select(Message).where(Message.ticket_id.in_(ticket_ids)).order_by(Message.at, Message.id)))


async def history_of(session: AsyncSession, ticket_id: str) -> list[History]:
    return list(await session.scalars(select(History).where(History.ticket_id == ticket_id).order_by(History.seq)))


async def reporters_of(session: AsyncSession, ticket_id: str) -> list[Reporter]:
    """Every reporter with a row a ticket they first reported; the same person may have two after a merge."""
    return list(await session.scalars(select(Reporter).where(Reporter.ticket_id == ticket_id).order_by(Reporter.at, Reporter.id)))


async def reporter_rows(session: AsyncSession, ticket_id: str, person: str) -> list[Reporter]:
    """This person's rows among the reporters of a ticket: one for each ticket they first reported it under."""
    mine = select(Reporter).where(Reporter.ticket_id == ticket_id, Reporter.person == person)
    return list(await session.scalars(mine.order_by(Reporter.at, Reporter.id)))


async def reports(session: AsyncSession, ticket_id: str, person: str) -> bool:
    return bool(await reporter_rows(session, ticket_id, person))


async def affected(session: AsyncSession, ticket_id: str) -> tuple[int, int, int]:
    """People, households (a person of unknown household counts as one), buildings; at least one each."""
    household = func.coalesce(func.nullif(Reporter.household, ""), Reporter.person)
    found = select(
        func.count(Reporter.person.distinct()),
        func.count(household.distinct()),
        func.count(func.nullif(Reporter.building, "").distinct()),
    ).where(Reporter.ticket_id == ticket_id)
    people, households, buildings = (await session.execute(found)).one()
    return max(people, 1), max(households, 1), max(buildings, 1)


async def tickets_of_person(session: AsyncSession, person: str, limit: int = 50) -> list[Ticket]:
    """TK12: the tickets somebody reported, the newest first; a merged one shows as the ticket it went into."""
    mine = select(Reporter.ticket_id).where(Reporter.person == person)
    found = select(Ticket).where(Ticket.id.in_(mine)).order_by(Ticket.updated_at.desc(), Ticket.id.desc())
    return list(await session.scalars(found.limit(limit)))


async def due(session: AsyncSession, now: datetime, limit: int = 100) -> list[str]:
    """Tickets whose timer has rung, the longest overdue first."""
    found = select(Ticket.id).where(and_(Ticket.timer_at.is_not(None), Ticket.timer_at <= now)).order_by(Ticket.timer_at)
    return list(await session.scalars(found.limit(limit)))
