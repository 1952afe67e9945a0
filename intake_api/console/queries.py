"""What only the pages of the console look up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.grids.tables import Chat, Grid
from intake_api.knowledge.tables import OpenQuestion
from intake_api.media.tables import Evidence
from intake_api.outbox.tables import Outbox
from intake_api.security import Area
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


async def areas(session: AsyncSession, within: Area | None = None) -> list[str]:
    """Every 区, 区/街道 and 区/街道/社区 that has grids, as documents name them; only those of somebody's area."""
    rows = (await session.execute(select(Grid.district, Grid.street, Grid.community).distinct())).all()
    found: set[str] = set()
    for names in rows:
        path = [name for name in names if name]
        found |= {"/".join(path[: n + 1]) for n in range(len(path))}
    own = "/".join(part for part in (within.district, within.street, within.community) if part) if within else ""
    return sorted(one for one in found if not own or f"{one}/".startswith(f"{own}/"))


async def grid_names(session: AsyncSession, rows: Sequence[OpenQuestion]) -> dict[str, str]:
    """Code → name of the grids in which these were asked."""
    found = select(Grid.code, Grid.name).where(Grid.code.in_({row.grid for row in rows}))
    return {row[0]: row[1] for row in await session.execute(found)}
