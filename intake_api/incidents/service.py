"""Incidents: opened by a person or by the rule, tickets tied to them, every group told once (DD4, DD8)."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import structlog
from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import (
    Act,
    IncidentDetail,
    IncidentIn,
    IncidentLogged,
    IncidentSay,
    IncidentTold,
    IncidentView,
    PartedMatter,
    PartingView,
    PlaceView,
    Reach,
    TicketView,
)
from intake_api.incidents import queries
from intake_api.incidents.rules import Scope, Voice, may_lead, scope_of
from intake_api.incidents.tables import Incident
from intake_api.outbox.service import new_event_id, post
from intake_api.problems import conflict, forbidden, invalid, not_found
from intake_api.security import Principal
from intake_api.tickets import history
from intake_api.tickets import queries as ticket_queries
from intake_api.tickets.desk import Desk, facts_of
from intake_api.tickets.moves import LAID_DOWN, SYSTEM, Actor, ActorRole, covers
from intake_api.tickets.reply import answers
from intake_api.tickets.service import eyes_of, moves_for, perform
from intake_api.tickets.tables import Parting, Ticket
from intake_api.tickets.telling import tell_subscribers, tell_workers
from intake_api.tickets.views import hidden, view
from nlp.privacy import mask

_NAMES = uuid.UUID("6f1f5a3e-7d0c-4d54-9d1e-0d9a4b2a6c11")
_LOGGED = 300
_ACT: TypeAdapter[Act] = TypeAdapter(Act)
Telling = Literal["incident.announced", "incident.told", "incident.closed"]
log = structlog.get_logger()


# ---- opening --------------------------------------------------------------------------------------------------------
async def open_by_hand(desk: Desk, wanted: IncidentIn, who: Principal) -> Incident:
    """The same `key` opens once. Raises 403 `not_yours`, 422 `unknown_grid`, `unknown_category`, 409 as `tie` does."""
    incident_id = str(uuid.uuid5(_NAMES, f"{who.id}\n{wanted.key}"))
    known = await queries.locked(desk.session, incident_id)
    if known is not None:
        return known
    grid = await desk.grid(wanted.grid)
    matter = desk.taxonomy.matter(wanted.category)
    if grid is None:
        raise invalid("unknown_grid", f"There is no grid {wanted.grid}; choose one of their codes.")
    if matter is None:
        raise invalid("unknown_category", f"The catalogue has no matter {wanted.category}; choose one of its ids.")
    narrow = grid.code if wanted.reach == "grid" else ""
    within = Scope(narrow, grid.community if wanted.reach != "street" else "", grid.street, grid.district)
    _require(who, within, wanted.reach)
    incident = _new(desk, incident_id, matter.id, wanted.reach, within, who.name)
    incident.title = mask(wanted.title.strip()).text[:60] or _title(desk, matter.id, wanted.reach, within)
    incident.words, incident.until = mask(wanted.words.strip()).text[:500], wanted.until
    _log(desk, incident, who.name, "open", incident.words)
    desk.session.add(incident)
    await desk.session.flush()
    for ticket in (await ticket_queries.locked(desk.session, *wanted.tickets)).values() if wanted.tickets else ():
        await _tie(desk, incident, ticket, who)
    await announce(desk, incident, await queries.groups_in(desk.session, within) if wanted.everyone else ())
    log.info("incident.opened", incident=incident.id, category=incident.category, reach=incident.reach, by="person")
    return incident


async def open_by_rule(desk: Desk, tickets: Sequence[Ticket], voices: Sequence[Voice]) -> Incident:
    """Several groups tell of one trouble. The tickets are locked, and in no incident."""
    reach, within = scope_of(voices)
    category = str(tickets[0].category)
    incident = _new(desk, str(uuid.uuid4()), category, reach, within, SYSTEM.name)
    incident.title = _title(desk, category, reach, within)
    _log(desk, incident, SYSTEM.name, "open", "")
    desk.session.add(incident)
    await desk.session.flush()
    for ticket in tickets:
        await put_into(desk, incident, ticket, SYSTEM)
    await announce(desk, incident)
    log.info("incident.opened", incident=incident.id, category=category, reach=reach, by="rule", tickets=len(tickets))
    return incident


def _new(desk: Desk, incident_id: str, category: str, reach: Reach, within: Scope, by: str) -> Incident:
    return Incident(
        id=incident_id, version=1, state="open", category=category, title="", words="", reach=reach, grid=within.grid,
        community=within.community, street=within.street, district=within.district, opened_by=by, opened_at=desk.now, updated_at=desk.now,
        log=[], told=[], parted=[],
    )  # fmt: skip


def _title(desk: Desk, category: str, reach: Reach, within: Scope) -> str:
    where = within.street if reach == "street" else within.community
    return f"{where}{desk.taxonomy.name_of(category)}"[:60]


# ---- tickets in and out ---------------------------------------------------------------------------------------------
async def tie(desk: Desk, ticket_id: str, incident_id: str | None, who: Principal) -> Ticket:
    """Put a ticket into an incident, or (None) take it out for good. Raises 403, 404, 409 `incident_closed`, `ticket_closed`."""
    at_first = await desk.session.get(Ticket, ticket_id)
    if at_first is None or not _sees(who, at_first):
        raise not_found("This ticket")
    wanted = incident_id or at_first.incident
    incident = await queries.locked(desk.session, wanted) if wanted else None
    ticket = (await ticket_queries.locked(desk.session, ticket_id))[ticket_id]
    if incident_id is None:
        if incident is not None and ticket.incident == incident.id:
            await _take_out(desk, incident, ticket, who)
        return ticket
    if incident is None:
        raise not_found("This incident")
    await _tie(desk, incident, ticket, who)
    await announce(desk, incident)
    return ticket


async def _tie(desk: Desk, incident: Incident, ticket: Ticket, who: Principal) -> None:
    _require_ticket(who, ticket)
    if incident.street != ticket.street:
        raise conflict("incident_elsewhere", "This incident is of another street; open one of its own there.")
    if incident.state == "closed":
        raise conflict("incident_closed", "This incident is over; open a new one.")
    if ticket.state in LAID_DOWN:
        raise conflict("ticket_closed", "This ticket is closed and belongs to nothing new.")
    if ticket.incident not in (None, incident.id):
        raise conflict("in_another_incident", "This ticket belongs to another incident; take it out there first.")
    incident.parted = [one for one in incident.parted if one != ticket.id]
    await put_into(desk, incident, ticket, _actor(who))


async def put_into(desk: Desk, incident: Incident, ticket: Ticket, actor: Actor) -> None:
    """Both rows are locked. What the ticket's groups hear of it is `announce`'s."""
    if ticket.incident == incident.id:
        return
    ticket.incident = incident.id
    _log(desk, incident, actor.name, "tie", ticket.number)
    await _mark(desk, ticket, "incident", actor, {"incident": incident.id, "text": incident.title})


async def _take_out(desk: Desk, incident: Incident, ticket: Ticket, who: Principal) -> None:
    _require_ticket(who, ticket)
    ticket.incident = None
    incident.parted = [*incident.parted, ticket.id]
    _log(desk, incident, who.name, "leave", ticket.number)
    await _mark(desk, ticket, "leave_incident", _actor(who), {"incident": incident.id, "text": incident.title})


async def _mark(desk: Desk, ticket: Ticket, act: str, actor: Actor, data: dict[str, str]) -> None:
    ticket.version += 1
    ticket.updated_at = desk.now
    history.append(desk.session, ticket, act, ticket.state, actor, desk.now, before=ticket.state, data=data)
    await tell_workers(desk, ticket)
    await tell_subscribers(desk, ticket, "ticket.changed")


# ---- telling --------------------------------------------------------------------------------------------------------
async def announce(desk: Desk, incident: Incident, groups: Iterable[str] = ()) -> None:
    """Every group concerned that does not know yet is told, once: those of its tickets, and `groups`."""
    await desk.session.flush()
    concerned = {chat for ticket in await queries.tickets_of(desk.session, incident.id) if not _is_quiet(ticket) for chat in ticket.chats}
    fresh = sorted((concerned | set(groups)) - set(incident.told))
    incident.told = [*incident.told, *fresh]
    await _post(desk, incident, "incident.announced", fresh, incident.words)


async def say(desk: Desk, incident_id: str, wanted: IncidentSay, who: Principal) -> Incident:
    """Progress, or the end. Raises 403, 404, 409 `incident_closed`, 422 `text_missing`."""
    incident = await queries.locked(desk.session, incident_id)
    if incident is None:
        raise not_found("This incident")
    _require(who, Scope(incident.grid, incident.community, incident.street, incident.district), incident.reach)
    if incident.state == "closed":
        raise conflict("incident_closed", "This incident is over; open a new one.")
    words = mask(wanted.words.strip()).text[:500]
    if not words and (wanted.finish or not wanted.close):
        raise invalid("text_missing", "Write what residents shall read.")
    if wanted.close and wanted.finish and not answers(words):
        raise invalid("reply_does_not_answer", "As the result of tickets the words must say what was done.")
    if wanted.close:
        incident.state, incident.closed_at = "closed", desk.now
    incident.words = words or incident.words
    _log(desk, incident, who.name, "close" if wanted.close else "say", words)
    await _post(desk, incident, "incident.closed" if wanted.close else "incident.told", incident.told, words)
    if wanted.close and wanted.finish:
        for ticket in sorted(await queries.tickets_of(desk.session, incident.id), key=lambda ticket: ticket.id):
            await _settle(desk, ticket, words, who)
    return incident


async def _settle(desk: Desk, ticket: Ticket, words: str, who: Principal) -> None:
    """The result of an incident on one of its tickets: step by step as far as its finish where this person may go; on what another
    unit holds it is written as the reply, and that unit finishes it."""
    while step := _next_step(await moves_for(desk, ticket, who)):
        fields = {"closing_code": "solved", "public_reply": words} if step == "finish" else {"text": words} if step == "reply" else {}
        await perform(desk, ticket.id, _ACT.validate_python({"act": step, **fields}), who)
        if step in ("finish", "reply"):
            return


def _next_step(moves: Collection[str]) -> str:
    return next((act for act in ("finish", "start", "sign", "self_handle", "confirm", "reply") if act in moves), "")


async def _post(desk: Desk, incident: Incident, kind: Telling, chats: Iterable[str], note: str) -> None:
    shown = view_of(desk, incident)
    await post(
        desk.session, desk.vault,
        [IncidentTold(id=new_event_id(), type=kind, channel=chat.partition(":")[0], chat_id=chat.partition(":")[2], at=desk.now,
                      incident=shown, note=note) for chat in chats],
    )  # fmt: skip


def _is_quiet(ticket: Ticket) -> bool:
    """Whose group must not learn of it through the incident."""
    return ticket.delicate or ticket.confidential or ticket.state in queries.GONE


def _log(desk: Desk, incident: Incident, by: str, act: str, words: str) -> None:
    entry = {"at": desk.now.isoformat(), "by": by, "act": act, "words": words}
    incident.log = [*incident.log, entry][-_LOGGED:]
    incident.version, incident.updated_at = incident.version + (act != "open"), desk.now


async def move_group(session: AsyncSession, was: str, is_now: str) -> None:
    """A group got another id (CH11): what it was told it was told. Repeating it changes nothing."""
    for incident in await session.scalars(select(Incident).where(Incident.state == "open").with_for_update()):
        if was in incident.told:
            incident.told = list(dict.fromkeys(is_now if chat == was else chat for chat in incident.told))


# ---- who may --------------------------------------------------------------------------------------------------------
def _require(who: Principal, within: Scope, reach: Reach) -> None:
    if not may_lead(who, within, reach):
        raise forbidden("This reaches further than your post; ask one level up.", code="not_yours")


def _require_ticket(who: Principal, ticket: Ticket) -> None:
    if who.kind != "person" or who.role == "department" or not covers(_actor(who), facts_of(ticket)):
        raise forbidden("The ticket is not in your area; ask one level up.", code="not_yours")


def _actor(who: Principal) -> Actor:
    role: ActorRole = "assistant" if who.role == "service" else who.role
    return Actor(who.name, role, who.area)


def _sees(who: Principal, ticket: Ticket) -> bool:
    return not hidden(ticket, eyes_of(who, ticket))


# ---- looking --------------------------------------------------------------------------------------------------------
def view_of(desk: Desk, incident: Incident) -> IncidentView:
    return IncidentView(**_shown(desk, incident))


async def detail_of(desk: Desk, incident: Incident, who: Principal) -> IncidentDetail:
    return (await details_of(desk, [incident], who))[0]


async def details_of(desk: Desk, incidents: Sequence[Incident], who: Principal) -> list[IncidentDetail]:
    """With those of their tickets that whoever asks may know of, as they may see them."""
    tickets: dict[str | None, list[TicketView]] = defaultdict(list)
    for ticket in await queries.tickets_of(desk.session, *(one.id for one in incidents)):
        if _sees(who, ticket):
            tickets[ticket.incident].append(view(ticket, desk.taxonomy, eyes_of(who, ticket)))
    return [
        IncidentDetail(**_shown(desk, one), tickets=tickets[one.id], log=[IncidentLogged.model_validate(entry) for entry in one.log])
        for one in incidents
    ]


def _shown(desk: Desk, incident: Incident) -> dict[str, object]:
    columns = {name: getattr(incident, name) for name in IncidentView.model_fields if name not in ("category_name", "groups")}
    return {**columns, "category_name": desk.taxonomy.name_of(incident.category), "groups": len(incident.told)}


async def parting_views(desk: Desk, rows: Sequence[Parting]) -> list[PartingView]:
    """Both sides with their masked words as they stand now; a delicate or confidential one is no example for anybody."""
    sides = {t.id: t for t in await queries.tickets(desk.session, {i for row in rows for i in (row.one, row.other)})}
    words: dict[str, list[str]] = defaultdict(list)
    for message in await ticket_queries.messages_of(desk.session, *sides):
        if message.kind == "report" and message.masked:
            words[message.ticket_id].append(message.masked)

    def side(ticket: Ticket) -> PartedMatter:
        place = PlaceView(**ticket.place, grid=ticket.grid, community=ticket.community, street=ticket.street)
        return PartedMatter(
            ticket_id=ticket.id, category=ticket.category, place=place, at=ticket.first_seen_at, texts=words[ticket.id][:20]
        )

    pairs = ((row, sides[row.one], sides[row.other]) for row in rows)
    return [
        PartingView(one=side(a), other=side(b), at=row.at)
        for row, a, b in pairs
        if not any(t.delicate or t.confidential for t in (a, b))
    ]  # fmt: skip
