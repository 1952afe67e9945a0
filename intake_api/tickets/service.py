"""The front door of tickets for other rooms: report, supplement, act, look at, forget, move."""

from __future__ import annotations

import uuid

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Answer, Forgotten, MessageView, TicketDetail, TicketView
from intake_api.problems import not_found
from intake_api.security import Principal
from intake_api.tickets import queries
from intake_api.tickets.acting import perform
from intake_api.tickets.actors import actor_for, post_holder
from intake_api.tickets.desk import Desk, facts_of, open_desk
from intake_api.tickets.history import entry_view, verify
from intake_api.tickets.moves import ASSISTANT, Actor, covers
from intake_api.tickets.opening import create_report
from intake_api.tickets.rules import possible
from intake_api.tickets.supplementing import add_supplement
from intake_api.tickets.tables import Message, Reporter, Ticket
from intake_api.tickets.views import Eyes, hidden, view

__all__ = [
    "Desk", "add_supplement", "answer_enquiry", "create_report", "detail", "eyes_of", "forget_person", "move_chat", "moves_for",
    "open_desk", "perform", "verify", "viewed",
]  # fmt: skip


def eyes_of(principal: Principal | None, ticket: Ticket) -> Eyes:
    """Which of the views this principal gets: services and people of the area the whole, others of the staff the outline."""
    if principal is None:
        return "public"
    return "staff" if covers(Actor(principal.name, "administrator", principal.area), facts_of(ticket)) else "elsewhere"


def viewed(desk: Desk, ticket: Ticket, principal: Principal | None, moves: list[str] | None = None) -> TicketView:
    """Raises 404 where these eyes may not even know that the ticket exists."""
    eyes = eyes_of(principal, ticket)
    if hidden(ticket, eyes):
        raise not_found("This ticket")
    return view(ticket, desk.taxonomy, eyes, moves)


async def moves_for(desk: Desk, ticket: Ticket, principal: Principal, as_handle: str = "") -> list[str]:
    """The acts open to whoever asks. The assistant, asking for nobody in particular, learns what the grid's roster may do:
    it draws cards for them, and every press is checked again.
    """
    facts = facts_of(ticket)
    if principal.kind == "service" and "assistant" not in principal.scopes:
        return []
    actor = await actor_for(desk, principal, as_handle, ticket)
    if actor is not ASSISTANT:
        return possible(facts, actor, desk.now, desk.taxonomy)
    grid = await desk.grid(ticket.grid)
    roster = {post_holder(person.name, person.role, grid) for person in grid.staff} if grid else set()
    found = {act for one in roster for act in possible(facts, one, desk.now, desk.taxonomy)}
    return sorted(found | set(possible(facts, ASSISTANT, desk.now, desk.taxonomy)))


async def detail(desk: Desk, ticket: Ticket, principal: Principal, moves: list[str]) -> TicketDetail:
    """The ticket with its source messages, history and co-reporters for its own staff; the outline for others. Raises 404."""
    shown = viewed(desk, ticket, principal, moves)
    if eyes_of(principal, ticket) != "staff":
        return TicketDetail.model_construct(**{**shown.__dict__, "moves": []})
    messages = await queries.messages_of(desk.session, ticket.id)
    return TicketDetail.model_construct(
        **shown.__dict__,
        messages=_message_views(messages),
        history=[entry_view(row) for row in await queries.history_of(desk.session, ticket.id)],
        reporters=sorted({_alias(row.person) for row in await queries.reporters_of(desk.session, ticket.id)}),
    )


async def answer_enquiry(desk: Desk, ticket_id: str, words: str, who: Principal) -> None:
    """What an enquiry asked is answered: that is its result, and who asked is asked whether it is settled. One that has a result,
    is no enquiry (merged into a matter), or is not in this person's hands stays as it is."""
    ticket = await queries.after_merges(desk.session, ticket_id)
    if ticket is not None and "answer" in await moves_for(desk, ticket, who):
        await perform(desk, ticket.id, Answer(act="answer", public_reply=words), who)


def _alias(person: str) -> str:
    return f"R-{person[:8]}"


def _message_views(messages: list[Message]) -> list[MessageView]:
    """An edited message shows once, as it reads now, with every version it had."""
    edits: dict[str, list[str]] = {}
    for message in messages:
        if message.kind == "edit":
            edits.setdefault(message.edit_of, []).append(message.masked)
    views = []
    for message in messages:
        if message.kind == "edit" and any(message.edit_of in other.message_ids for other in messages if other is not message):
            continue
        message_id = message.message_ids[-1] if message.message_ids else message.external_id
        versions = [message.masked, *edits.get(message_id, [])]
        views.append(
            MessageView.model_construct(
                message_id=message_id,
                at=message.at,
                who=_alias(message.person),
                role=message.role,
                kind=message.kind,
                text=versions[-1],
                versions=versions if len(versions) > 1 else [],
                media=[],
            )
        )
    return views


async def forget_person(desk: Desk, channel: str, handle: str) -> Forgotten:
    """Cut every tie between a person and what they reported: originals and handles are destroyed, the pseudonym is replaced.

    Tickets stay, with the masked words: the matter belongs to the neighbourhood. Forgetting twice finds nothing more.
    """
    person = desk.vault.pseudonym(channel, handle)
    mine = select(Message.ticket_id).where(Message.person == person)
    tickets = set(await desk.session.scalars(mine))
    nobody = f"gone{uuid.uuid4().hex[:20]}"
    said = update(Message).where(Message.person == person).values(person=nobody, original=None, original_until=None)
    count = (await desk.session.execute(said)).rowcount  # type: ignore[attr-defined]  # an UPDATE has one
    reported = update(Reporter).where(Reporter.person == person)
    await desk.session.execute(reported.values(person=nobody, handle=None, handle_until=None, household="", anonymous=True))
    return Forgotten(reports=count, tickets=len(tickets))


async def move_chat(session: AsyncSession, channel: str, old: str, new: str) -> int:
    """A group got another id: its tickets follow (CH11). Returns how many tickets; repeating it changes nothing."""
    was, is_now = f"{channel}:{old}", f"{channel}:{new}"
    found = select(Ticket).where(Ticket.id.in_(select(Message.ticket_id).where(Message.chat == was))).with_for_update()
    tickets = list(await session.scalars(found))
    for ticket in tickets:
        ticket.chats = [is_now if chat == was else chat for chat in ticket.chats]
    for table in (Message, Reporter):
        await session.execute(update(table).where(table.chat == was).values(chat=is_now))
    return len(tickets)
