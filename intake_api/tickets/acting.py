"""Somebody acts on a ticket: decided by the rules, carried out once, with what follows and whom it concerns."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select

from intake_api.contracts import Act, Archive, EventType
from intake_api.dispatch.service import alert_all, show_holders
from intake_api.problems import conflict, not_found
from intake_api.security import Principal
from intake_api.tickets import merging, queries
from intake_api.tickets.actors import actor_for
from intake_api.tickets.changing import carry_out, follow_up, reopen_after
from intake_api.tickets.desk import Desk, facts_of
from intake_api.tickets.moves import SYSTEM, Actor
from intake_api.tickets.opening import title_for
from intake_api.tickets.rules import Decision
from intake_api.tickets.tables import Correction, History, Ticket
from intake_api.tickets.telling import tell_everyone, tell_subscribers
from nlp.privacy import mask

# of the rejected, one in so many is looked at again one level up
REVIEWED_ONE_IN = 10
_EVENT: dict[str, EventType] = {
    "ask_info": "ticket.asked",
    "finish": "ticket.callback",
    "answer": "ticket.callback",
    "ask_back": "ticket.callback",
}
_SILENT = frozenset({"note", "add_unit"})  # nothing that a group or a card shows
_NEW_HOLDERS = frozenset({"dispatched", "escalated", "returned", "accepted"})


async def perform(desk: Desk, ticket_id: str, act: Act, principal: Principal) -> tuple[Ticket, Actor]:
    """Do `act` in the name of whoever asks. The same `key` is done once and answered again.

    Raises 404, 403 (`not_yours`, `not_staff_here`, …), 409 (`no_such_move`, …), 422 (what the act says), see rules.py.
    """
    into_id = act.into if act.act == "merge" else ""
    tickets = await queries.locked(desk.session, ticket_id, *([into_id] if into_id else []))
    ticket = tickets.get(ticket_id)
    if ticket is None:
        raise not_found("This ticket")
    actor = await actor_for(desk, principal, act.as_handle, ticket)
    if act.key and await _done_before(desk, ticket_id, act.key):
        return ticket, actor
    act = _masked(act)
    if into_id and into_id not in tickets:
        raise not_found("The ticket to merge into")
    merged_into, before = ticket.duplicate_of, _corrected(ticket)
    into = facts_of(tickets[into_id]) if into_id else None
    decision = await carry_out(desk, ticket, act, actor, into=into, key=act.key or None)
    if act.act == "merge":
        await merging.move_reports_into(desk, ticket, tickets[into_id], actor)
        return ticket, actor
    if act.act == "unmerge" and merged_into:
        await merging.give_back(desk, ticket, merged_into, actor)
    if act.act in ("recategorise", "correct_place"):
        ticket.title = title_for(desk, ticket)
    _remember_correction(desk, ticket, act.act, before, actor)
    await _of_reporters(desk, ticket, act, actor, decision)
    await follow_up(desk, ticket)
    await _tell(desk, ticket, act)
    return ticket, actor


def _masked(act: Act) -> Act:
    """Words that residents will read lose any personal data in them, whoever wrote them."""
    fields = {"finish": "public_reply", "answer": "public_reply", "reply": "text", "ask_info": "question"}
    return act.model_copy(update={name: mask(getattr(act, name)).text for name in ("reason", fields.get(act.act)) if name})


async def _done_before(desk: Desk, ticket_id: str, key: str) -> bool:
    """Looked up under the ticket's lock, so two presses of one button cannot both find nothing. Raises 409 `key_used`."""
    found = await desk.session.scalar(select(History.ticket_id).where(History.key == key))
    if found is not None and found != ticket_id:
        raise conflict("key_used", "This key was used for another ticket; take a new one.")
    return found is not None


# ---- corrections: the next training data ----------------------------------------------------------------------------
def _corrected(ticket: Ticket) -> dict[str, dict[str, Any]]:
    return {
        "recategorise": {"category": ticket.category, "version": ticket.category_version},
        "correct_place": dict(ticket.place),
        "reject": {"kind": "report"},
    }


def _remember_correction(desk: Desk, ticket: Ticket, act: str, before: dict[str, dict[str, Any]], actor: Actor) -> None:
    if act not in before:
        return
    after = {"kind": "none", "reason": ticket.state_note} if act == "reject" else _corrected(ticket)[act]
    field = {"recategorise": "category", "correct_place": "place", "reject": "kind"}[act]
    if act == "reject" and _sampled(ticket):
        ticket.held = "review"
    desk.session.add(
        Correction(
            id=str(uuid.uuid4()),
            ticket_id=ticket.id,
            at=desk.now,
            field=field,
            before=before[act],
            after=after,
            by=actor.name,
            model_version=str(ticket.judgement.get("model_version", "")),
        )
    )


def _sampled(ticket: Ticket) -> bool:
    """A sample that nobody can foresee from the ticket's number, and that a second look gives again."""
    return int.from_bytes(hashlib.sha256(ticket.id.encode()).digest()[:4]) % REVIEWED_ONE_IN == 0


# ---- what reporters say ---------------------------------------------------------------------------------------------
async def _of_reporters(desk: Desk, ticket: Ticket, act: Act, actor: Actor, decision: Decision) -> None:
    if act.act == "withdraw":
        await _withdraw(desk, ticket, act.as_handle)
    if act.act == "rate":
        await _note_answer(desk, ticket, act.as_handle, decision.data)
    if act.act in ("rate", "call_back"):
        await reopen_after(desk, ticket, decision, actor)
        if not decision.reopen and (act.act == "call_back" or await _all_content(desk, ticket)):
            await carry_out(desk, ticket, Archive(act="archive"), SYSTEM)


async def _rows_of(desk: Desk, ticket: Ticket, handle: str) -> list[Any]:
    channel, _, account = handle.partition(":")
    return await queries.reporter_rows(desk.session, ticket.id, desk.vault.pseudonym(channel, account))


async def _withdraw(desk: Desk, ticket: Ticket, handle: str) -> None:
    """The reporter takes it back. It is not laid down by that: whoever holds it closes it, so that nobody can be made to hush it."""
    for row in await _rows_of(desk, ticket, handle):
        row.withdrawn_at = desk.now
    ticket.withdrawn = all(row.withdrawn_at for row in await queries.reporters_of(desk.session, ticket.id))


async def _note_answer(desk: Desk, ticket: Ticket, handle: str, said: dict[str, Any]) -> None:
    for row in await _rows_of(desk, ticket, handle):
        row.answer = {**said, "at": desk.now.isoformat()}


async def _all_content(desk: Desk, ticket: Ticket) -> bool:
    """Whether every reporter of this round has answered (those who did not are waited for, up to the call-back's timer)."""
    done = ticket.done_at.isoformat() if ticket.done_at else ""
    rows = await queries.reporters_of(desk.session, ticket.id)
    return all(row.withdrawn_at or (row.answer and _after(row.answer["at"], done)) for row in rows)


def _after(at: str, done: str) -> bool:
    return not done or datetime.fromisoformat(at) >= datetime.fromisoformat(done)


# ---- telling --------------------------------------------------------------------------------------------------------
async def _tell(desk: Desk, ticket: Ticket, act: Act) -> None:
    if act.act in _SILENT:
        await tell_subscribers(desk, ticket, "ticket.changed")
        return
    note = act.question if act.act == "ask_info" else ""
    await tell_everyone(desk, ticket, _EVENT.get(act.act, "ticket.changed"), note)
    if ticket.state in _NEW_HOLDERS:
        await show_holders(desk, ticket)
    if ticket.urgency == "emergency" and act.act == "recategorise":
        await alert_all(desk, ticket)


__all__ = ["perform"]
