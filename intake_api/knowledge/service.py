"""Taking documents into the policy base and handing out its passages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import DocumentIn
from intake_api.knowledge.tables import KnowledgeDocument, KnowledgeVersion
from intake_api.problems import invalid, not_found
from nlp.documents import Document, DocumentError, document, passages_of_all
from nlp.schema import Passage

log = structlog.get_logger()


async def base_version(session: AsyncSession) -> int:
    """0 for a base that never held anything."""
    return await session.scalar(select(func.max(KnowledgeVersion.version))) or 0


async def documents(session: AsyncSession) -> list[KnowledgeDocument]:
    return list(await session.scalars(select(KnowledgeDocument).order_by(KnowledgeDocument.id)))


async def passages(session: AsyncSession) -> list[Passage]:
    """Every passage of the base; those of superseded documents say so."""
    rows = await documents(session)
    return await asyncio.to_thread(lambda: passages_of_all(_read(row.id, row.body) for row in rows))


def _read(id: str, body: dict[str, object]) -> Document:
    try:
        return document({key: value for key, value in body.items() if value})
    except DocumentError as error:
        raise invalid("document_invalid", f"{id}: {error}") from error


async def add_documents(session: AsyncSession, wanted: Sequence[DocumentIn], by: str, now: datetime) -> int:
    """Add or replace documents by id; how many changed the base. What is the same as before changes nothing.

    Raises 422 `document_invalid` with the id, and then takes none of them.
    """
    changed = 0
    for one in wanted:
        body = one.model_dump(mode="json")
        digest = _read(one.id, body).hash
        row = await session.get(KnowledgeDocument, one.id)
        if row is not None and row.digest == digest:
            continue
        if row is None:
            row = KnowledgeDocument(id=one.id)
            session.add(row)
        row.body, row.digest, row.added_at, row.added_by = body, digest, now, by
        changed += 1
        await session.flush()
    await _new_version(session, changed, by, now)
    return changed


async def remove_document(session: AsyncSession, id: str, by: str, now: datetime) -> None:
    """Nothing is cited from it any more. Raises 404."""
    row = await session.get(KnowledgeDocument, id)
    if row is None:
        raise not_found("This document")
    await session.delete(row)
    await _new_version(session, 1, by, now)


async def _new_version(session: AsyncSession, changed: int, by: str, now: datetime) -> None:
    if changed:
        version = await base_version(session) + 1
        session.add(KnowledgeVersion(version=version, at=now, by=by, changed=changed))
        await session.flush()
        log.info("knowledge.changed", version=version, changed=changed)
