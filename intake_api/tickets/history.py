"""The chain of a ticket's history: each entry carries the hash of the one before, so that no change goes unseen.

The database refuses UPDATE and DELETE on history (migration 0002); `verify` finds what somebody with the file itself did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import HistoryEntry, State
from intake_api.tickets.moves import Actor
from intake_api.tickets.tables import History, Sequence, Ticket

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold. `seq` 0: the ticket as a whole (its end, or tickets that are gone)."""

    ticket_id: str
    number: str
    seq: int
    fact: str


def append(
    session: AsyncSession,
    ticket: Ticket,
    act: str,
    to: State,
    actor: Actor,
    now: datetime,
    *,
    before: State | None,
    reason: str = "",
    data: dict[str, Any] | None = None,
    key: str | None = None,
) -> History:
    """One more entry at the end of the ticket's chain; written with the session."""
    row = History(
        ticket_id=ticket.id,
        seq=ticket.history_seq + 1,
        at=now,
        actor=actor.name,
        role=actor.role,
        act=act,
        from_state=before,
        to_state=to,
        reason=reason,
        data=data or {},
        key=key,
        previous_hash=ticket.history_head,
    )
    row.hash = hash_of(row)
    session.add(row)
    ticket.history_seq, ticket.history_head = row.seq, row.hash
    return row


def hash_of(row: History) -> str:
    """sha256 over the canonical JSON of everything the entry says and the hash before it."""
    said = {
        "ticket": row.ticket_id,
        "seq": row.seq,
        "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": row.actor,
        "role": row.role,
        "act": row.act,
        "from": row.from_state,
        "to": row.to_state,
        "reason": row.reason,
        "data": row.data,
        "key": row.key,
        "previous": row.previous_hash,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def entry_view(row: History) -> HistoryEntry:
    return HistoryEntry.model_construct(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        role=row.role,
        act=row.act,
        from_state=row.from_state,
        to_state=row.to_state,
        reason=row.reason,
        data=row.data,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


async def verify(session: AsyncSession, ticket_id: str | None = None) -> list[Break]:
    """Every break in the chains of all tickets (or of one): changed or removed entries, cut-off ends, removed tickets."""
    found: list[Break] = []
    async for tickets in _tickets(session, ticket_id):
        rows = select(History).where(History.ticket_id.in_([t.id for t in tickets])).order_by(History.ticket_id, History.seq)
        chains: dict[str, list[History]] = {t.id: [] for t in tickets}
        for row in await session.scalars(rows):
            chains[row.ticket_id].append(row)
        for ticket in tickets:
            found += _breaks(ticket, chains[ticket.id])
        session.expunge_all()
    return found if ticket_id else found + await _missing_tickets(session)


async def _tickets(session: AsyncSession, ticket_id: str | None) -> AsyncIterator[list[Ticket]]:
    last = ""
    while True:
        page = select(Ticket).where(Ticket.id > last).order_by(Ticket.id).limit(_BATCH)
        tickets = list(await session.scalars(page if ticket_id is None else page.where(Ticket.id == ticket_id)))
        if not tickets:
            return
        yield tickets
        last = tickets[-1].id


def _breaks(ticket: Ticket, chain: list[History]) -> list[Break]:
    previous, found = "", []
    for expected, row in enumerate(chain, 1):
        if row.seq != expected or row.previous_hash != previous:
            found.append(Break(ticket.id, ticket.number, row.seq, "an entry before this one was removed or changed"))
        if row.hash != hash_of(row):
            found.append(Break(ticket.id, ticket.number, row.seq, "this entry was changed"))
        previous = row.hash
    if (ticket.history_seq, ticket.history_head) != (len(chain), previous):
        found.append(Break(ticket.id, ticket.number, 0, "the end of the chain was removed or changed"))
    if chain and chain[-1].to_state != ticket.state:
        found.append(Break(ticket.id, ticket.number, 0, "the ticket's state is not what its history says"))
    return found


async def _missing_tickets(session: AsyncSession) -> list[Break]:
    """Numbers have no gaps, so a whole ticket that was removed leaves one."""
    found = []
    for row in await session.scalars(select(Sequence)):
        prefix = f"{row.prefix}-{row.day}-"
        count = await session.scalar(select(func.count()).where(Ticket.number.between(prefix, prefix + "~")))
        if count != row.last:
            found.append(Break("", prefix, 0, f"{row.last} tickets were numbered, {count} are there"))
    return found
