"""Two tickets that are one matter, and the way back: a merge moves reports, an unmerge gives each ticket its own and is remembered."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from intake_api.tickets import history, queries
from intake_api.tickets.desk import Desk
from intake_api.tickets.moves import Actor
from intake_api.tickets.tables import Message, Parting, Reporter, Ticket
from intake_api.tickets.telling import tell_everyone

# of what was taken apart so many words, and so many characters of each, are kept with a ticket
_UNLIKE, _WORDS = 8, 500


async def move_reports_into(desk: Desk, ticket: Ticket, into: Ticket, actor: Actor) -> None:
    """Every message and reporter of `ticket` now counts for `into`; each reporter of `ticket` is told once, where they spoke."""
    told = await _tell_merged(desk, ticket, into)
    for table in (Message, Reporter):
        await desk.session.execute(update(table).where(table.ticket_id == ticket.id).values(ticket_id=into.id))
    if ticket.urgency == "emergency":
        into.urgency = "emergency"
    into.confidential = into.confidential or ticket.confidential
    into.delicate = into.delicate or ticket.delicate
    into.incident = into.incident or ticket.incident
    await _forget_parting(desk, ticket, into)
    await recount(desk, into)
    _mark(desk, into, "absorb", actor, {"from": ticket.id, "number": ticket.number})
    await tell_everyone(desk, into, "ticket.changed", but=told)


async def _tell_merged(desk: Desk, ticket: Ticket, into: Ticket) -> frozenset[str]:
    """Told through their own ticket's card, so not a second time through the other one's. Returns the groups told."""
    await tell_everyone(desk, ticket, "ticket.changed", note=into.number)
    return frozenset(chat for chat in ticket.chats if chat not in into.chats)


async def give_back(desk: Desk, ticket: Ticket, into_id: str, actor: Actor) -> None:
    """`ticket` stands by itself again, with every report that was first filed under it or under what it had taken in."""
    into = (await queries.locked(desk.session, into_id))[into_id]
    standing = await _stands_for(desk, into)
    await _remember_parting(desk, ticket, into, actor)
    mine = await _family(desk, ticket.id)
    for table in (Message, Reporter):
        back = update(table).where(table.ticket_id == standing.id, table.home_ticket_id.in_(mine))
        await desk.session.execute(back.values(ticket_id=ticket.id))
    await recount(desk, ticket)
    await recount(desk, standing)
    _mark(desk, standing, "release", actor, {"ticket": ticket.id, "number": ticket.number})
    await tell_everyone(desk, standing, "ticket.changed")
    await tell_everyone(desk, ticket, "ticket.changed")


async def _remember_parting(desk: Desk, ticket: Ticket, into: Ticket, actor: Actor) -> None:
    """A person's word that these are two: a hard negative for training, and words that nothing joins to the other unasked."""
    one, other = sorted((ticket.id, into.id))
    if await desk.session.get(Parting, (one, other)) is None:
        desk.session.add(Parting(one=one, other=other, at=desk.now, by=actor.name))
    for mine, theirs in ((ticket, into), (into, ticket)):
        words = theirs.description[:_WORDS]
        mine.unlike = [*(w for w in mine.unlike if w != words), words][-_UNLIKE:] if words else mine.unlike


async def _forget_parting(desk: Desk, ticket: Ticket, into: Ticket) -> None:
    """Who merges them again has thought better of it."""
    one, other = sorted((ticket.id, into.id))
    await desk.session.execute(delete(Parting).where(Parting.one == one, Parting.other == other))
    for mine, theirs in ((ticket, into), (into, ticket)):
        mine.unlike = [words for words in mine.unlike if words != theirs.description[:_WORDS]]


async def _stands_for(desk: Desk, ticket: Ticket) -> Ticket:
    """Where the reports lie now: at the end of the merges that followed."""
    return await queries.after_merges(desk.session, ticket.id) or ticket


async def _family(desk: Desk, ticket_id: str) -> list[str]:
    """A ticket and everything merged into it, directly or not."""
    found = [ticket_id]
    for one in found:  # grows while it is read
        found += await desk.session.scalars(select(Ticket.id).where(Ticket.duplicate_of == one))
    return found


async def recount(desk: Desk, ticket: Ticket) -> None:
    """People, households, buildings and group chats, from the reports that lie with the ticket now."""
    await desk.session.flush()
    ticket.affected_people, ticket.affected_households, ticket.affected_buildings = await queries.affected(desk.session, ticket.id)
    chats = select(Message.chat).where(Message.ticket_id == ticket.id, Message.private.is_(False), Message.kind.in_(("report", "join")))
    ticket.chats = [] if ticket.delicate else sorted({chat for chat in await desk.session.scalars(chats) if chat})
    ticket.updated_at = desk.now


def _mark(desk: Desk, ticket: Ticket, act: str, actor: Actor, data: dict[str, str]) -> None:
    ticket.version += 1
    history.append(desk.session, ticket, act, ticket.state, actor, desk.now, before=ticket.state, data=data)
