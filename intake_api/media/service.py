"""Keeping evidence: cleaned, named by its digest, on disk before the database speaks of it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.db import Database
from intake_api.media.rules import BrokenMediaError, Clean, clean
from intake_api.media.tables import Evidence
from intake_api.problems import ProblemError, invalid, not_found
from intake_api.security import Principal
from intake_api.tickets.tables import Ticket

log = structlog.get_logger()


async def add_evidence(
    db: Database, folder: Path, ticket_id: str, data: bytes, message_id: str, key: str | None, who: Principal, now: datetime
) -> Evidence:
    """The evidence as kept. The same key, or the same picture, of one ticket is kept once.

    Raises 404, 422 `broken_media`, 507 `disk_full`.
    """
    async with db.reading() as session:
        await visible_ticket(session, ticket_id, who)
        known = await _with_key(session, ticket_id, key)
    if known is not None:
        return known
    try:
        kept = await asyncio.to_thread(clean, data)
    except BrokenMediaError as error:
        raise invalid("broken_media", str(error)) from error
    digest = await asyncio.to_thread(store, folder, kept.data)
    async with db.writing() as session:
        return await _record(session, ticket_id, digest, kept, message_id, key, who, now)


async def visible_ticket(session: AsyncSession, ticket_id: str, who: Principal) -> Ticket:
    """The ticket, for those who may see its evidence: our services, and people in whose area it lies. Raises 404."""
    ticket = await session.get(Ticket, ticket_id)
    if ticket is None or not may_see(ticket, who):
        raise not_found("This ticket")
    return ticket


def may_see(ticket: Ticket, who: Principal) -> bool:
    units = (ticket.lead_unit, *ticket.assist_units)
    return who.area.covers(grid=ticket.grid, community=ticket.community, street=ticket.street, district=ticket.district, units=units)


async def _with_key(session: AsyncSession, ticket_id: str, key: str | None) -> Evidence | None:
    if not key:
        return None
    return await session.scalar(select(Evidence).where(Evidence.ticket_id == ticket_id, Evidence.upload_key == key))


async def _record(
    session: AsyncSession, ticket_id: str, digest: str, kept: Clean, message_id: str, key: str | None, who: Principal, now: datetime
) -> Evidence:
    ticket = await session.get(Ticket, ticket_id, with_for_update=True)
    if ticket is None:
        raise not_found("This ticket")
    same = select(Evidence).where(Evidence.ticket_id == ticket_id, Evidence.sha256 == digest)
    known = await _with_key(session, ticket_id, key) or await session.scalar(same)
    if known is not None:
        return known
    row = Evidence(
        ticket_id=ticket_id,
        sha256=digest,
        mime=kept.mime,
        size=len(kept.data),
        width=kept.width,
        height=kept.height,
        message_id=message_id,
        upload_key=key or None,
        public=False,
        added_by=who.id,
        added_at=now,
    )
    session.add(row)
    ticket.media = [*ticket.media, digest]
    ticket.updated_at, ticket.version = now, ticket.version + 1
    await session.flush()
    log.info("evidence.kept", ticket=ticket_id, mime=kept.mime, size=row.size)
    return row


def path_of(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / digest


def store(folder: Path, data: bytes) -> str:
    """Write the bytes under their SHA-256, whole or not at all; returns it. Raises 507 `disk_full`. Blocking."""
    digest = hashlib.sha256(data).hexdigest()
    path = path_of(folder, digest)
    half = path.with_name(f"{digest}.{secrets.token_hex(4)}.half")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            with half.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
    except OSError as error:
        with suppress(OSError):
            half.unlink(missing_ok=True)
        log.error("evidence.not_stored", error=errno.errorcode.get(error.errno or 0, "?"))
        detail = "The file could not be stored; free some disk of the server, then send it again."
        raise ProblemError(507, "disk_full", detail, retryable=True) from error
    return digest


async def find_evidence(session: AsyncSession, digest: str, who: Principal | None) -> Evidence:
    """The file, for those who may see one of its tickets; public files for everybody. Raises 404, whatever the reason."""
    for row in await session.scalars(select(Evidence).where(Evidence.sha256 == digest).order_by(Evidence.id)):
        if row.public:
            return row
        ticket = await session.get(Ticket, row.ticket_id) if who is not None else None
        if ticket is not None and who is not None and may_see(ticket, who):
            return row
    raise not_found("This file")


async def set_public(session: AsyncSession, ticket_id: str, digest: str, public: bool, who: Principal) -> Evidence:
    """Show a file to everybody, or to staff only again. Raises 404."""
    await visible_ticket(session, ticket_id, who)
    row = await session.scalar(select(Evidence).where(Evidence.ticket_id == ticket_id, Evidence.sha256 == digest))
    if row is None:
        raise not_found("This file")
    row.public = public
    log.info("evidence.published" if public else "evidence.withdrawn", ticket=ticket_id, by=who.id)
    return row
