"""Telling those whom a change concerns: the groups it was reported in, its private reporters, the workers who hold a card."""

from __future__ import annotations

from collections.abc import Iterable

from intake_api.contracts import Audience, Event, EventType, StaffIn
from intake_api.outbox.service import new_event_id, post
from intake_api.tickets.actors import post_holder
from intake_api.tickets.desk import Desk, facts_of
from intake_api.tickets.queries import reporters_of
from intake_api.tickets.rules import possible
from intake_api.tickets.tables import Ticket
from intake_api.tickets.views import view


def _event(desk: Desk, ticket: Ticket, type_: EventType, chat: str, audience: Audience, note: str, moves: list[str]) -> Event:
    channel, _, chat_id = chat.partition(":")
    return Event(
        id=new_event_id(),
        type=type_,
        channel=channel,
        chat_id=chat_id,
        audience=audience,
        ticket=view(ticket, desk.taxonomy, "staff", moves),
        at=desk.now,
        note=note,
    )


async def tell_everyone(desk: Desk, ticket: Ticket, type_: EventType, note: str = "", but: frozenset[str] = frozenset()) -> None:
    """One event a destination chat (see `tell_reporters`, `tell_workers`), and one for the webhooks."""
    await tell_reporters(desk, ticket, type_, note, but)
    await tell_workers(desk, ticket)
    await tell_subscribers(desk, ticket, type_, note)


async def tell_reporters(desk: Desk, ticket: Ticket, type_: EventType, note: str = "", but: frozenset[str] = frozenset()) -> None:
    """The groups of the ticket, once each; nothing of a delicate ticket. Who spoke in private is told in private, once each."""
    groups = [] if ticket.delicate else [chat for chat in ticket.chats if chat not in but]
    events = [_event(desk, ticket, type_, chat, "group", note, []) for chat in groups]
    events += [_event(desk, ticket, type_, chat, "reporter", note, []) for chat in await private_chats(desk, ticket)]
    await post(desk.session, desk.vault, events)


async def private_chats(desk: Desk, ticket: Ticket) -> list[str]:
    """channel:id of every reporter who is told in private; a person's private chat has the id of the person."""
    found: dict[str, str] = {}
    for reporter in await reporters_of(desk.session, ticket.id):
        if (reporter.private or ticket.delicate) and reporter.handle and reporter.person not in found:
            handle = desk.vault.open(reporter.handle)
            if handle:
                found[reporter.person] = f"{reporter.channel}:{handle}"
    return list(found.values())


async def tell_workers(desk: Desk, ticket: Ticket) -> None:
    """The cards that workers hold are drawn anew, each with the buttons of that worker."""
    if not ticket.asked:
        return
    grid = await desk.grid(ticket.grid)
    staff = {handle: person for person in (grid.staff if grid else []) for handle in person.handles}
    events = []
    for chat in ticket.asked:
        moves = worker_moves(desk, ticket, staff[chat]) if chat in staff else []
        events.append(_event(desk, ticket, "ticket.changed", chat, "worker", "", moves))
    await post(desk.session, desk.vault, events)


async def ask_workers(desk: Desk, ticket: Ticket, people: Iterable[StaffIn]) -> None:
    """A card for each account of these people that has none of this ticket yet."""
    events, asked = [], list(ticket.asked)
    for person in people:
        for chat in person.handles:
            if chat not in asked:
                asked.append(chat)
                moves = worker_moves(desk, ticket, person)
                events.append(_event(desk, ticket, "card.requested", chat, "worker", "", moves))
    ticket.asked = asked
    await post(desk.session, desk.vault, events)


def worker_moves(desk: Desk, ticket: Ticket, person: StaffIn) -> list[str]:
    grid = desk.known_grid(ticket.grid)
    if grid is None:
        return []
    return possible(facts_of(ticket), post_holder(person.name, person.role, grid), desk.now, desk.taxonomy)


async def tell_subscribers(desk: Desk, ticket: Ticket, type_: EventType, note: str = "") -> None:
    """The same change once more for the webhook worker, which knows who has subscribed."""
    await post(desk.session, desk.vault, [_event(desk, ticket, type_, "", "group", note, [])], kind="ticket")
