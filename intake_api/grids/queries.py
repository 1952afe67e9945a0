"""Reading grids, rosters, chats and one-time codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, case, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import ChatSettings, ChatView, GridView, StaffIn, StaffView
from intake_api.grids.tables import Chat, Grid, Staff, StaffHandle
from intake_api.security import Area

MAX_MOVES = 8  # a chat that moved more often than this is a loop
_LADDER = case({"micro_worker": 0, "grid_worker": 1, "community": 2, "property": 3, "department": 4}, value=Staff.role, else_=9)


async def grid(session: AsyncSession, code: str) -> Grid | None:
    return await session.get(Grid, code)


async def grids(session: AsyncSession, area: Area = Area()) -> list[Grid]:
    """The grids of an area, by code."""
    return list(await session.scalars(_within(select(Grid), area).order_by(Grid.code)))


def codes_in(area: Area) -> Select[str]:
    """The codes of an area's grids, for a condition."""
    return _within(select(Grid.code), area)


def _within(found: Select[Any], area: Area) -> Select[Any]:
    columns = ((Grid.code, area.grid), (Grid.community, area.community), (Grid.street, area.street), (Grid.district, area.district))
    for column, wanted in columns:
        found = found.where(column == wanted) if wanted else found
    return found


async def rosters(session: AsyncSession, codes: Iterable[str]) -> dict[str, list[StaffView]]:
    """Grid code → its staff in the order they are asked: micro-grid workers, grid workers, community, then the others."""
    staff = list(await session.scalars(select(Staff).where(Staff.grid.in_(list(codes))).order_by(_LADDER, Staff.place, Staff.id)))
    handles: dict[str, list[str]] = defaultdict(list)
    linked = select(StaffHandle).where(StaffHandle.staff.in_([person.id for person in staff])).order_by(StaffHandle.id)
    for link in await session.scalars(linked):
        handles[link.staff].append(f"{link.channel}:{link.handle}")
    found: dict[str, list[StaffView]] = defaultdict(list)
    for person in staff:
        found[person.grid].append(
            StaffView(id=person.id, name=person.name, role=person.role, grid=person.grid, order=person.place, handles=handles[person.id])
        )
    return found


async def roster(session: AsyncSession, code: str) -> list[StaffView]:
    return (await rosters(session, [code])).get(code, [])


async def staff_behind(session: AsyncSession, handle: str) -> list[StaffView]:
    """Every post of the person whose account this is ("channel:id"), in any grid; empty for residents."""
    channel, _, account = handle.partition(":")
    posts = (
        select(Staff)
        .join(StaffHandle, StaffHandle.staff == Staff.id)
        .where(tuple_(StaffHandle.channel, StaffHandle.handle) == (channel, account))
        .order_by(_LADDER, Staff.id)
    )
    return [
        StaffView(id=post.id, name=post.name, role=post.role, grid=post.grid, handles=[handle]) for post in await session.scalars(posts)
    ]


async def grid_views(session: AsyncSession, rows: list[Grid]) -> list[GridView]:
    staff = await rosters(session, [row.code for row in rows])
    return [_grid_view(row, staff.get(row.code, [])) for row in rows]


def _grid_view(row: Grid, staff: list[StaffView]) -> GridView:
    roster = [StaffIn(**person.model_dump(exclude={"grid"})) for person in staff]
    return GridView(
        code=row.code,
        name=row.name,
        community=row.community,
        street=row.street,
        district=row.district,
        version=row.version,
        staff=roster,
        **row.gazetteer,
    )


async def chat(session: AsyncSession, channel: str, chat_id: str) -> Chat | None:
    """The chat as it is now: an old id leads to where the group moved."""
    for _ in range(MAX_MOVES):
        row = await session.get(Chat, (channel, chat_id))
        if row is None or not row.moved_to:
            return row
        chat_id = row.moved_to
    return None


async def chat_view(session: AsyncSession, channel: str, chat_id: str) -> ChatView:
    """The chat with its grid; without one when it was never bound."""
    row = await chat(session, channel, chat_id)
    if row is None:
        return ChatView(channel=channel, chat_id=chat_id, grid=None)
    found = await grid(session, row.grid) if row.grid else None
    bound = (await grid_views(session, [found]))[0] if found else None
    return ChatView(channel=row.channel, chat_id=row.chat_id, grid=bound, settings=ChatSettings(**row.settings), title=row.title)
