"""A report comes in: joined to an open ticket, or the first sight of a new one. The same external id is one ticket, always."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Confirm, GiveInfo, Judgement, PlaceIn, ReporterIn, ReportIn
from intake_api.dispatch.rules import FALLBACK_MATTER, lead_at
from intake_api.dispatch.service import alert_all, ask_next, show_holders
from intake_api.judgements import with_later
from intake_api.tickets import history, queries
from intake_api.tickets.changing import carry_out, follow_up
from intake_api.tickets.desk import Desk, facts_of
from intake_api.tickets.moves import ASSISTANT, LAID_DOWN, Actor, floor_of
from intake_api.tickets.tables import Message, Reporter, Sequence, Ticket, fresh_ticket
from intake_api.tickets.telling import tell_everyone, tell_subscribers
from nlp.match_rules import load_rules as load_match_rules
from nlp.matter_place import Voice, completed, repairs
from nlp.place import FIELDS, conflicts
from nlp.schema import Place
from nlp.title import LIMIT, title_of

Outcome = Literal["opened", "joined", "already"]
_CANNOT_TAKE = LAID_DOWN | {"done", "callback"}
BY_MODEL, BY_RULES = "model", "rules"


async def create_report(desk: Desk, report: ReportIn) -> tuple[Outcome, Ticket, bool]:
    """(opened | joined | already, the ticket, whether this person reported it for the first time).

    Safe against the same report coming in twice at once, on both databases: the message's external id is unique, it is the
    first thing written, and the second writer waits for the first and then finds it there.
    """
    target = await queries.after_merges(desk.session, report.join) if report.join else None
    recurs_from = report.recurs_from
    if target is not None and target.state in _CANNOT_TAKE:
        recurs_from, target = target.id, None
    ticket_id = target.id if target else str(uuid.uuid4())
    home = report.join if target and report.join else ticket_id
    message = _message(desk, report, ticket_id, home)
    if not await insert_once(desk.session, message):
        return "already", await _known(desk.session, report.external_id), False
    if target is not None:
        first = await join(desk, target, report, home)
        return "joined", target, first
    return "opened", await _open(desk, report, ticket_id, recurs_from), True


def _statements(insert: Any) -> tuple[Any, Any]:
    """Built once a dialect: building costs more than executing."""
    messages, sequences = Message.__table__, Sequence.__table__
    once = insert(messages).on_conflict_do_nothing(index_elements=["external_id"]).returning(messages.c.id)
    counted = insert(sequences).on_conflict_do_update(index_elements=["prefix", "day"], set_={"last": sequences.c.last + 1})
    return once, counted.returning(sequences.c.last)


_STATEMENTS = {"sqlite": _statements(sqlite.insert), "postgresql": _statements(postgresql.insert)}


async def insert_once(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Write a message unless its external id is there already; says whether it was written."""
    once, _ = _STATEMENTS[session.get_bind().dialect.name]
    return (await session.execute(once, values)).first() is not None


async def _known(session: AsyncSession, external_id: str) -> Ticket:
    found = select(Ticket).join(Message, Message.ticket_id == Ticket.id).where(Message.external_id == external_id)
    return (await session.scalars(found)).one()


def _message(desk: Desk, report: ReportIn, ticket_id: str, home: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "external_id": report.external_id,
        "ticket_id": ticket_id,
        "home_ticket_id": home,
        "kind": "report",
        "chat": f"{report.channel}:{report.chat_id}",
        "private": report.private,
        "message_ids": report.message_ids,
        "edit_of": "",
        "person": desk.vault.pseudonym(report.reporter.channel, report.reporter.handle),
        "role": report.reporter.role,
        "at": report.at,
        "received_at": desk.now,
        "masked": report.masked,
        "place": _filled(report.place),
        "original": desk.vault.seal(report.text),
        "original_until": desk.original_until,
    }


def _filled(place: PlaceIn) -> dict[str, Any]:
    return place.model_dump(exclude_none=True, exclude_defaults=True)


def new_reporter(desk: Desk, ticket: Ticket, home: str, who: ReporterIn, chat: str, private: bool, place: dict[str, Any]) -> Reporter:
    return Reporter(
        id=str(uuid.uuid4()),
        ticket_id=ticket.id,
        home_ticket_id=home,
        person=desk.vault.pseudonym(who.channel, who.handle),
        channel=who.channel,
        chat=chat,
        private=private,
        handle=desk.vault.seal(who.handle),
        handle_until=desk.original_until,
        role=who.role,
        household=desk.vault.household(ticket.grid, who.household),
        building="/".join(str(place[name]) for name in ("estate", "building") if place.get(name)),
        anonymous=who.anonymous,
        confidential=who.confidential,
        at=desk.now,
    )


# ---- opening --------------------------------------------------------------------------------------------------------
async def _open(desk: Desk, report: ReportIn, ticket_id: str, recurs_from: str | None) -> Ticket:
    grid = await desk.grid(report.grid)
    matter = desk.taxonomy.matter(report.judgement.category) if report.judgement.category else None
    if matter is None and report.judgement.emergency:
        matter = desk.taxonomy.matter(FALLBACK_MATTER)
    emergency = report.judgement.emergency
    place = _filled(report.place)
    chat = f"{report.channel}:{report.chat_id}"
    delicate = report.judgement.delicate
    ticket = fresh_ticket(
        id=ticket_id,
        state="candidate",
        kind=report.kind,
        category=matter.id if matter else None,
        category_version=desk.taxonomy.version,
        decided_by=BY_MODEL if report.judgement.model_version != "rules" else BY_RULES,
        judgement=report.judgement.model_dump(mode="json"),
        title=report.title.strip()[:LIMIT],
        description=report.masked,
        place=place,
        grid=report.grid,
        community=grid.community if grid else "",
        street=grid.street if grid else "",
        district=grid.district if grid else "",
        urgency="emergency" if emergency else "normal",
        delicate=delicate,
        confidential=report.reporter.confidential,
        level=floor_of(matter) if matter else "grid",
        assist_units=list(matter.assist) if matter else [],
        grid_duty=matter.grid_duty if matter else True,
        first_seen_at=report.at,
        received_at=desk.now,
        updated_at=desk.now,
        recurs_from=recurs_from,
        suggestions=[one.model_dump() for one in report.suggestions],
        chats=[] if report.private or delicate else [chat],
    )
    if matter:
        ticket.lead_unit = lead_at(matter, ticket.level, facts_of(ticket))
    ticket.title = ticket.title or title_for(desk, ticket)
    ticket.number = await _next_number(desk, report)
    desk.session.add(ticket)
    desk.session.add(new_reporter(desk, ticket, ticket_id, report.reporter, chat, report.private, place))
    data = {"external_id": report.external_id, "category": ticket.category}
    history.append(desk.session, ticket, "open", "candidate", ASSISTANT, desk.now, before=None, data=data)
    with desk.session.no_autoflush:  # so that the ticket is written once, as it stands in the end
        await _first_look(desk, ticket)
    return ticket


async def _first_look(desk: Desk, ticket: Ticket) -> None:
    if ticket.urgency == "emergency":
        await accept_emergency(desk, ticket)
    else:
        await ask_next(desk, ticket)
    await tell_subscribers(desk, ticket, "ticket.changed")


async def accept_emergency(desk: Desk, ticket: Ticket) -> None:
    """An emergency waits for nobody: accepted and sent out at once, every worker alerted (UN6)."""
    ticket.urgency = "emergency"
    if ticket.category is None:
        ticket.category = FALLBACK_MATTER if desk.taxonomy.matter(FALLBACK_MATTER) else None
    if ticket.category is not None:
        await carry_out(desk, ticket, Confirm(act="confirm", reason="emergency"), ASSISTANT)
        await follow_up(desk, ticket)
    await alert_all(desk, ticket)
    await show_holders(desk, ticket)


def title_for(desk: Desk, ticket: Ticket) -> str:
    """The title as place and matter stand now (UN11); the same words wherever a title is made."""
    told = ticket.place.get
    where = Place(told("estate"), told("building"), told("unit"), road=told("road"), spot=told("spot"))
    return title_of(where, desk.taxonomy.name_of(ticket.category), ticket.description)


async def _next_number(desk: Desk, report: ReportIn) -> str:
    """CH-20260602-0012: the day of first sight where the residents live, counted without gaps."""
    day = report.at.astimezone(desk.zone).strftime("%Y%m%d")
    _, counted = _STATEMENTS[desk.session.get_bind().dialect.name]
    last = await desk.session.scalar(counted, {"prefix": desk.settings.number_prefix, "day": day, "last": 1})
    return f"{desk.settings.number_prefix}-{day}-{last:04d}"


# ---- joining --------------------------------------------------------------------------------------------------------
async def join(desk: Desk, ticket: Ticket, report: ReportIn, home: str) -> bool:
    """Add a report to an open ticket; says whether the person is new to it."""
    chat = "" if report.private or report.judgement.delicate else f"{report.channel}:{report.chat_id}"
    first = await add_reporter(desk, ticket, home, report.reporter, chat, _filled(report.place))
    alone = ticket.affected_people <= 1
    await take_in(
        desk, ticket, report.place, report.judgement, text=report.masked, voice="another" if first else "only" if alone else "reporter"
    )
    if not first:
        await hear_answer(desk, ticket, report.reporter, report.masked)
    await tell_everyone(desk, ticket, "ticket.joined" if first else "ticket.changed")
    return first


async def hear_answer(desk: Desk, ticket: Ticket, who: ReporterIn, text: str) -> None:
    """TK10: any words of a reporter let a ticket run on that waits for them."""
    person = desk.vault.pseudonym(who.channel, who.handle)
    if ticket.state == "need_info" and await queries.reports(desk.session, ticket.id, person):
        actor = Actor(f"resident {person[:8]}", "reporter", reports=True)
        await carry_out(desk, ticket, GiveInfo(act="give_info", text=text), actor)


async def add_reporter(desk: Desk, ticket: Ticket, home: str, who: ReporterIn, chat: str, place: dict[str, Any]) -> bool:
    """Count a person in, once; the history says so. `chat` is empty when they spoke in private."""
    person = desk.vault.pseudonym(who.channel, who.handle)
    known = await queries.reporter_rows(desk.session, ticket.id, person)
    for row in known:
        row.withdrawn_at, ticket.withdrawn = None, False
    if all(row.home_ticket_id != home for row in known):  # so that an unmerge leaves them with both tickets
        desk.session.add(new_reporter(desk, ticket, home, who, chat, not chat, place))
        await desk.session.flush()
        ticket.affected_people, ticket.affected_households, ticket.affected_buildings = await queries.affected(desk.session, ticket.id)
    if chat and chat not in ticket.chats:
        ticket.chats = [*ticket.chats, chat]
    ticket.confidential = ticket.confidential or who.confidential
    ticket.version += 1
    ticket.updated_at = desk.now
    data = {"person": person[:8], "first": not known}
    history.append(desk.session, ticket, "join", ticket.state, ASSISTANT, desk.now, before=ticket.state, data=data)
    return not known


async def take_in(
    desk: Desk, ticket: Ticket, place: PlaceIn | None, judgement: Judgement | None, *, text: str = "", voice: Voice = "another"
) -> bool:
    """What later words (masked `text`) add: to the place what their `voice` may, to the category what it left open, an emergency.
    Says whether anything."""
    before = (ticket.place, ticket.category, ticket.state)
    _complete_place(ticket, place, text, voice)
    if judgement and ticket.state == "candidate" and ticket.urgency != "emergency":
        _complete_category(desk, ticket, judgement)
    if judgement and judgement.emergency and ticket.urgency != "emergency":
        await _becomes_emergency(desk, ticket, judgement)
    if before[:2] != (ticket.place, ticket.category):
        ticket.title = title_for(desk, ticket)
    return before != (ticket.place, ticket.category, ticket.state)


def _complete_category(desk: Desk, ticket: Ticket, judgement: Judgement) -> None:
    """What is still open of a candidate's category; a person's choice stands."""
    known = Judgement.model_validate(ticket.judgement)
    found = with_later(known, judgement)
    matter = desk.taxonomy.matter(found.category) if found.category else None
    if found is known or matter is None or _is_chosen(ticket):
        return
    if matter.id != ticket.category:
        ticket.category, ticket.category_version = matter.id, desk.taxonomy.version
        ticket.level, ticket.grid_duty, ticket.assist_units = floor_of(matter), matter.grid_duty, list(matter.assist)
        ticket.lead_unit = lead_at(matter, ticket.level, facts_of(ticket))
    ticket.judgement = found.model_dump(mode="json")


def _is_chosen(ticket: Ticket) -> bool:
    """Whether a person has named its category."""
    return ticket.decided_by not in (BY_MODEL, BY_RULES)


async def _becomes_emergency(desk: Desk, ticket: Ticket, judgement: Judgement) -> None:
    """Its matter is what the words of danger tell of, unless a person has chosen one."""
    ticket.urgency = "emergency"
    ticket.judgement = {**ticket.judgement, "emergency": True, "cues": judgement.cues, "call": judgement.call}
    if ticket.state == "candidate":
        matter = desk.taxonomy.matter(judgement.category) if judgement.category else None
        if matter is not None and not _is_chosen(ticket):
            ticket.category, ticket.category_version = matter.id, desk.taxonomy.version
        await accept_emergency(desk, ticket)
    else:
        await alert_all(desk, ticket)


def _complete_place(ticket: Ticket, place: PlaceIn | None, text: str, voice: Voice) -> None:
    """What later words say of the place (nlp.matter_place). A pin and the wording come with the words they belong to: the only
    reporter's newest counts, staff's own position never."""
    if place is None:
        return
    rules, told = load_match_rules(), _as_place(_filled(place))
    done = completed(_as_place(ticket.place), told, text, voice, ticket.category, rules)
    fields = {name: value for name in FIELDS if (value := getattr(done, name))}
    rest = {name: value for name, value in ticket.place.items() if name not in FIELDS}
    if voice != "staff" and not conflicts(done, told):
        new = _filled(place.model_copy(update=dict.fromkeys(FIELDS)))
        rest = rest | new if voice == "only" and (told.is_empty() or repairs(text, told, rules)) else new | rest
    ticket.place = rest | fields


def _as_place(told: dict[str, Any]) -> Place:
    parts: dict[str, Any] = {name: told.get(name) for name in FIELDS}
    return Place(**parts, text=told.get("text") or "")
