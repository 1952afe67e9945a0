"""Keeping grids and rosters, binding groups and workers' accounts, following a group that moves."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import BindIn, ChatSettings, GridIn, LinkIn, MigrateIn
from intake_api.grids import queries
from intake_api.grids.tables import Chat, Grid, OneTimeCode, Staff, StaffHandle
from intake_api.incidents.service import move_group
from intake_api.problems import ProblemError, conflict, forbidden, invalid, not_found
from intake_api.security import token_digest
from intake_api.tickets.service import move_chat

BIND_CODE_LIVES = timedelta(hours=24)
START_LINK_LIVES = timedelta(days=7)
GAZETTEER = {"estates", "spots", "roads", "aliases", "official_phones"}
log = structlog.get_logger()


async def put_grid(session: AsyncSession, wanted: GridIn, now: datetime) -> Grid:
    """Make or replace a grid with its gazetteer and roster. Accounts linked by start links stay with those who stay.

    Raises 422 `staff_twice`, 409 `staff_elsewhere` when an id belongs to the roster of another grid.
    """
    ids = [person.id for person in wanted.staff]
    if len(set(ids)) != len(ids):
        raise invalid("staff_twice", "Two people on the roster have the same id; ids are unique in the whole installation.")
    row = await session.get(Grid, wanted.code, with_for_update=True)
    gazetteer = wanted.model_dump(include=GAZETTEER)
    if row is None:
        row = Grid(code=wanted.code, version=0)
        session.add(row)
    row.name, row.community, row.street, row.district = wanted.name, wanted.community, wanted.street, wanted.district
    row.gazetteer, row.version, row.updated_at = gazetteer, row.version + 1, now
    await session.flush()
    await _put_roster(session, wanted)
    log.info("grid.saved", grid=row.code, version=row.version, staff=len(ids))
    return row


async def _put_roster(session: AsyncSession, wanted: GridIn) -> None:
    ids = [person.id for person in wanted.staff]
    existing = {row.id: row for row in await session.scalars(select(Staff).where(Staff.grid == wanted.code))}
    elsewhere = await session.scalar(select(Staff.id).where(Staff.id.in_(ids), Staff.grid != wanted.code).limit(1))
    if elsewhere is not None:
        raise conflict("staff_elsewhere", f"{elsewhere} is on the roster of another grid; take another id here.")
    gone = sorted(set(existing) - set(ids))
    await session.execute(delete(OneTimeCode).where(OneTimeCode.staff.in_(gone)))
    await session.execute(delete(StaffHandle).where(StaffHandle.staff.in_(gone)))
    await session.execute(delete(Staff).where(Staff.id.in_(gone)))
    for person in wanted.staff:
        row = existing.get(person.id)
        if row is None:
            row = Staff(id=person.id, grid=wanted.code)
            session.add(row)
        row.name, row.role, row.place = person.name, person.role, person.order
        await session.flush()
        for handle in person.handles:
            await _link(session, person.id, *handle.split(":", 1))


async def _link(session: AsyncSession, staff: str, channel: str, handle: str) -> None:
    known = select(StaffHandle.id).where(StaffHandle.staff == staff, StaffHandle.channel == channel, StaffHandle.handle == handle)
    if await session.scalar(known) is None:
        session.add(StaffHandle(staff=staff, channel=channel, handle=handle))
        await session.flush()


# ---- one-time codes -------------------------------------------------------------------------------------------------
async def make_bind_code(session: AsyncSession, grid: str, by: str, now: datetime) -> tuple[str, datetime]:
    """A code that binds one group to the grid within a day. Raises 404."""
    if await queries.grid(session, grid) is None:
        raise not_found("This grid")
    code = "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTUVWXYZ") for _ in range(10))
    return code, _keep(session, OneTimeCode(digest=token_digest(code), grid=grid, made_by=by, expires_at=now + BIND_CODE_LIVES))


async def make_start_link(session: AsyncSession, staff: str, by: str, now: datetime) -> tuple[str, Staff, datetime]:
    """A token for a worker's personal start link, good for a week and one account. Raises 404."""
    person = await session.get(Staff, staff)
    if person is None:
        raise not_found("This member of staff")
    token = secrets.token_urlsafe(16)
    row = OneTimeCode(digest=token_digest(token), grid=person.grid, staff=staff, made_by=by, expires_at=now + START_LINK_LIVES)
    return token, person, _keep(session, row)


def _keep(session: AsyncSession, row: OneTimeCode) -> datetime:
    session.add(row)
    return row.expires_at


async def _use_code(session: AsyncSession, code: str, used_by: str, for_staff: bool, now: datetime) -> OneTimeCode:
    """Mark the code used. The one who used it may repeat (a lost answer, a retry); anybody else is refused with 403."""
    row = await session.get(OneTimeCode, token_digest(code.strip()), with_for_update=True)
    if row is None or (row.staff is not None) is not for_staff:
        raise forbidden("This code is not known; ask for a new one.", "code_unknown")
    if row.used_at is not None and row.used_by != used_by:
        raise forbidden("This code was used already; ask for a new one.", "code_used")
    if row.used_at is None and row.expires_at <= now:
        raise forbidden("This code is too old; ask for a new one.", "code_expired")
    row.used_at, row.used_by = row.used_at or now, used_by
    return row


# ---- chats ----------------------------------------------------------------------------------------------------------
async def bind(session: AsyncSession, wanted: BindIn, now: datetime) -> Chat:
    """Bind a group to the grid of the code. Raises 403 code_unknown, code_used, code_expired."""
    code = await _use_code(session, wanted.code.upper(), f"{wanted.channel}:{wanted.chat_id}", False, now)
    chat = await bind_chat(session, code.grid, wanted.channel, wanted.chat_id, wanted.title, wanted.by_handle, now)
    log.info("chat.bound", channel=chat.channel, grid=chat.grid)
    return chat


async def bind_chat(session: AsyncSession, grid: str, channel: str, chat_id: str, title: str, by: str, now: datetime) -> Chat:
    """Bind without a code (an administrator on the console, the demo); settings made before stay."""
    row = await queries.chat(session, channel, chat_id)
    if row is None:
        row = Chat(channel=channel, chat_id=chat_id, settings=ChatSettings().model_dump(), moved_to="")
        session.add(row)
    row.grid, row.title, row.bound_by, row.bound_at = grid, title or row.title or "", by, now
    await session.flush()
    return row


async def put_settings(session: AsyncSession, channel: str, chat_id: str, wanted: ChatSettings) -> Chat:
    """A chat that was never bound may have settings too (the kill switch, before anything else)."""
    row = await queries.chat(session, channel, chat_id)
    if row is None:
        row = Chat(channel=channel, chat_id=chat_id, moved_to="", title="")
        session.add(row)
    row.settings = wanted.model_dump()
    return row


async def migrate(session: AsyncSession, wanted: MigrateIn) -> Chat | None:
    """A group got another id: binding, settings and tickets follow, the old id leads to the new one. Repeating changes nothing.

    None when neither id was ever bound. Raises 409 `chat_bound_elsewhere` when the new id is bound to another grid.
    """
    if wanted.from_chat_id == wanted.to_chat_id:
        raise invalid("same_chat", "The old and the new id are the same.")
    old = await session.get(Chat, (wanted.channel, wanted.from_chat_id), with_for_update=True)
    new = await session.get(Chat, (wanted.channel, wanted.to_chat_id), with_for_update=True)
    # incidents are locked before tickets, as everywhere
    await move_group(session, f"{wanted.channel}:{wanted.from_chat_id}", f"{wanted.channel}:{wanted.to_chat_id}")
    await move_chat(session, wanted.channel, wanted.from_chat_id, wanted.to_chat_id)
    if old is None:
        return new
    if old.moved_to == wanted.to_chat_id and new is not None:
        return new
    if new is not None and new.moved_to:
        raise conflict("chat_moved_on", "The new id has itself moved on; name the last one.")
    if new is not None and new.grid is not None and new.grid != old.grid:
        raise conflict("chat_bound_elsewhere", "The new id is bound to another grid; unbind it first.")
    if new is None:
        new = Chat(channel=wanted.channel, chat_id=wanted.to_chat_id, moved_to="")
        session.add(new)
    new.grid, new.title, new.settings, new.bound_by, new.bound_at = old.grid, old.title, old.settings, old.bound_by, old.bound_at
    old.moved_to, old.grid = wanted.to_chat_id, None
    await session.flush()
    log.info("chat.migrated", channel=wanted.channel, grid=new.grid)
    return new


async def link(session: AsyncSession, wanted: LinkIn, now: datetime) -> Staff:
    """The worker who opened their start link gets their account linked. Raises 403 code_unknown, code_used, code_expired."""
    code = await _use_code(session, wanted.token, f"{wanted.channel}:{wanted.handle}", True, now)
    person = await session.get(Staff, code.staff)
    if person is None:
        raise ProblemError(403, "code_unknown", "This code is not known; ask for a new one.")
    await _link(session, person.id, wanted.channel, wanted.handle)
    await _roster_changed(session, person.grid)
    log.info("staff.linked", grid=person.grid, role=person.role, channel=wanted.channel)
    return person


async def unlink(session: AsyncSession, staff: str, handle: str) -> None:
    """Take an account off a worker (a lost phone, somebody left)."""
    channel, _, account = handle.partition(":")
    mine = (StaffHandle.staff == staff, StaffHandle.channel == channel, StaffHandle.handle == account)
    await session.execute(delete(StaffHandle).where(*mine))
    person = await session.get(Staff, staff)
    if person is not None:
        await _roster_changed(session, person.grid)


async def _roster_changed(session: AsyncSession, grid: str) -> None:
    """Who can be reached is part of a grid: whoever keeps a copy by its version must look again."""
    await session.execute(update(Grid).where(Grid.code == grid).values(version=Grid.version + 1))


async def seed_sample(session: AsyncSession, grid: GridIn, channel: str, chat_id: str, title: str, now: datetime) -> None:
    """The demo's grid and its group, bound and without quiet hours (a demo is tried at any hour); what is there already stays."""
    if await queries.grid(session, grid.code) is None:
        await put_grid(session, grid, now)
    if await queries.chat(session, channel, chat_id) is None:
        await bind_chat(session, grid.code, channel, chat_id, title, "demo", now)
        await put_settings(session, channel, chat_id, ChatSettings(quiet_from=0, quiet_to=0))
