"""The clock of personal data: originals go when their time is over, handles when nobody needs an answer any more (PR2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from intake_api.db import Database
from intake_api.tickets.moves import LAID_DOWN
from intake_api.tickets.tables import Message, Reporter, Ticket


async def forget_expired(db: Database, now: datetime) -> int:
    """Destroy what is over its date; how many originals and handles. Handles of tickets that still live are kept for the answer."""
    async with db.writing() as session:
        over = update(Message).where(Message.original_until <= now).values(original=None, original_until=None)
        originals = len(list(await session.scalars(over.returning(Message.id))))
        laid_down = select(Ticket.id).where(Ticket.state.in_(LAID_DOWN))
        ended = update(Reporter).where(Reporter.handle_until <= now, Reporter.ticket_id.in_(laid_down))
        handles = len(list(await session.scalars(ended.values(handle=None, handle_until=None).returning(Reporter.id))))
    return originals + handles
