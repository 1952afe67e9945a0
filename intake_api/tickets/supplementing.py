"""Later words about a ticket: a supplement, an answer, a correction of an earlier message, one more person who has it too."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from intake_api.contracts import SupplementIn
from intake_api.problems import conflict, not_found
from intake_api.tickets import history, queries
from intake_api.tickets.desk import Desk
from intake_api.tickets.moves import ASSISTANT, LAID_DOWN
from intake_api.tickets.opening import add_reporter, hear_answer, insert_once, take_in
from intake_api.tickets.tables import Message, Ticket
from intake_api.tickets.telling import tell_everyone, tell_workers
from nlp.matter_place import Voice
from nlp.schema import STAFF_ROLES

MAX_DESCRIPTION = 4000
_ANSWERS = ("supplement", "reply", "edit")


async def add_supplement(desk: Desk, ticket_id: str, said: SupplementIn) -> Ticket:
    """Words kept with the ticket; follows merges; the same external id changes nothing twice.

    Raises 404 for an unknown ticket, 409 `not_joinable` when somebody joins a ticket that is laid down.
    """
    ticket = await queries.after_merges(desk.session, ticket_id)
    if ticket is None:
        raise not_found("This ticket")
    if said.kind == "join" and (ticket.state in LAID_DOWN or ticket.state in ("done", "callback")):
        if await _is_known(desk, said.external_id):
            return ticket
        raise conflict("not_joinable", f"The ticket is {ticket.state}; report the matter anew.")
    chat = await _chat_of(desk, ticket, said)
    if not await insert_once(desk.session, _message(desk, ticket, ticket_id, said, chat)):
        return ticket
    if said.kind == "join":
        first = await add_reporter(desk, ticket, ticket_id, said.reporter, chat, said.place.model_dump() if said.place else {})
        await take_in(desk, ticket, said.place, said.judgement)
        await tell_everyone(desk, ticket, "ticket.joined" if first else "ticket.changed")
        return ticket
    await _add_words(desk, ticket, said)
    return ticket


async def _is_known(desk: Desk, external_id: str) -> bool:
    return await desk.session.scalar(select(Message.id).where(Message.external_id == external_id)) is not None


async def _chat_of(desk: Desk, ticket: Ticket, said: SupplementIn) -> str:
    """The group of the ticket that the message came from; "" for private words (a supplement does not name its chat)."""
    groups = [chat for chat in ticket.chats if chat.startswith(f"{said.reporter.channel}:")]
    return groups[0] if groups and not ticket.delicate else ""


def _message(desk: Desk, ticket: Ticket, home: str, said: SupplementIn, chat: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "external_id": said.external_id,
        "ticket_id": ticket.id,
        "home_ticket_id": home,
        "kind": said.kind,
        "chat": chat,
        "private": not chat,
        "message_ids": [said.message_id] if said.message_id else [],
        "edit_of": said.edit_of,
        "person": desk.vault.pseudonym(said.reporter.channel, said.reporter.handle),
        "role": said.reporter.role,
        "at": said.at,
        "received_at": desk.now,
        "masked": said.masked,
        "place": said.place.model_dump(exclude_none=True, exclude_defaults=True) if said.place else None,
        "original": desk.vault.seal(said.text) if said.text else None,
        "original_until": desk.original_until,
    }


async def _add_words(desk: Desk, ticket: Ticket, said: SupplementIn) -> None:
    before = (ticket.state, ticket.description)
    if ticket.state not in LAID_DOWN:
        await _describe(desk, ticket, said)
    ticket.version += 1
    ticket.updated_at = desk.now
    history.append(
        desk.session, ticket, "supplement", ticket.state, ASSISTANT, desk.now,
        before=ticket.state, data={"kind": said.kind, "external_id": said.external_id},
    )  # fmt: skip
    voice = await _voice_of(desk, ticket, said)
    laid_down = ticket.state in LAID_DOWN
    changed = not laid_down and await take_in(desk, ticket, said.place, said.judgement, text=said.masked, voice=voice)
    if said.kind in _ANSWERS:
        await hear_answer(desk, ticket, said.reporter, said.masked)
    if changed or before[0] != ticket.state:
        await tell_everyone(desk, ticket, "ticket.changed")
    elif before[1] != ticket.description:
        await tell_workers(desk, ticket)


async def _voice_of(desk: Desk, ticket: Ticket, said: SupplementIn) -> Voice:
    """Of several reporters none may move the others' matter; a worker decides then."""
    person = desk.vault.pseudonym(said.reporter.channel, said.reporter.handle)
    if not await queries.reports(desk.session, ticket.id, person):
        return "staff" if said.kind == "reply" or said.reporter.role in STAFF_ROLES else "reporter"
    return "only" if ticket.affected_people == 1 else "reporter"


async def _describe(desk: Desk, ticket: Ticket, said: SupplementIn) -> None:
    """The description follows what residents say: a supplement is added, an edited message replaces what it said before."""
    if said.kind == "supplement" and said.masked and said.masked not in ticket.description:
        ticket.description = f"{ticket.description}\n{said.masked}"[:MAX_DESCRIPTION]
    if said.kind != "edit" or not said.edit_of:
        return
    for message in await queries.messages_of(desk.session, ticket.id):
        if said.edit_of in message.message_ids and message.masked and message.masked in ticket.description:
            ticket.description = ticket.description.replace(message.masked, said.masked, 1)[:MAX_DESCRIPTION]
            return
