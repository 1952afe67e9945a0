"""What only the pages of the console look up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.grids.tables import Chat
from intake_api.media.tables import Evidence
from intake_api.outbox.tables import Outbox
from intake_api.tickets.tables import Ticket


async def numbered(session: AsyncSession, number: str) -> Ticket | None:
    """The ticket with the number that people see."""
    return await session.scalar(select(Ticket).where(Ticket.number == number.upper()))


async def several(session: AsyncSession, ids: Sequence[str]) -> list[Ticket]:
    return list(await session.scalars(select(Ticket).where(Ticket.id.in_(ids[:50]))))


async def evidence_of(session: AsyncSession, ticket_id: str) -> list[Evidence]:
    return list(await session.scalars(select(Evidence).where(Evidence.ticket_id == ticket_id).order_by(Evidence.sha256)))


async def chats_of(session: AsyncSession, grid: str) -> list[Chat]:
    """The groups bound to a grid."""
    return list(await session.scalars(select(Chat).where(Chat.grid == grid).order_by(Chat.channel, Chat.chat_id)))


async def unsent(session: AsyncSession) -> int:
    """Changes that are written and not yet told."""
    return await session.scalar(select(func.count()).select_from(Outbox).where(Outbox.sent_at.is_(None))) or 0
