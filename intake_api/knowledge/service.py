"""Taking documents into the policy base, changing, withdrawing and restoring them; every change is an edition and a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from intake_api.contracts import DocumentIn
from intake_api.knowledge.tables import Edition, KnowledgeDocument, KnowledgeVersion
from intake_api.problems import conflict, invalid, not_found
from nlp.documents import Document, DocumentError, document, heirs_of, is_named

log = structlog.get_logger()
Act = Literal["added", "changed", "edited", "withdrawn", "restored"]
ABOUT = ("title", "number", "issuer", "date", "valid_from", "valid_until", "supersedes", "area", "audience", "link")
_WIDTHS = {"title": 300, "number": 300, "issuer": 300, "date": 10, "valid_from": 10, "valid_until": 10, "area": 300, "audience": 300}


async def base_version(session: AsyncSession) -> int:
    """0 for a base that never held anything."""
    return await session.scalar(select(func.max(KnowledgeVersion.version))) or 0


def read_body(id: str, body: Mapping[str, object]) -> Document:
    """Raises 422 `document_invalid` with the id."""
    try:
        return document({key: value for key, value in body.items() if value})
    except DocumentError as error:
        raise invalid("document_invalid", f"{id}: {error}") from error


async def held(session: AsyncSession, id: str) -> KnowledgeDocument | None:
    """A document with its body, whether withdrawn or not."""
    return await session.get(KnowledgeDocument, id, options=[undefer(KnowledgeDocument.body)])


async def document_of(session: AsyncSession, id: str) -> KnowledgeDocument:
    """As `held`. Raises 404."""
    row = await held(session, id)
    if row is None:
        raise not_found("This document")
    return row


async def add_documents(session: AsyncSession, wanted: Sequence[DocumentIn], by: str, now: datetime, *, file_digest: str = "") -> int:
    """Add or replace documents by id; how many changed the base. What is the same as before changes nothing.

    A field that a person wrote stays as they wrote it; a withdrawn document that is handed in again comes back.
    Raises 422 `document_invalid` with the id, and then takes none of them.
    """
    await one_at_a_time(session)
    changed: list[KnowledgeDocument] = []
    for one in wanted:
        row = await held(session, one.id)
        body = one.model_dump(mode="json")
        if row is not None:
            body |= {name: row.body.get(name) for name in row.by_hand}
        read = read_body(one.id, body)
        if row is not None and row.digest == read.hash and not row.withdrawn:
            row.file_digest = file_digest or row.file_digest
            continue
        row = await _stand(session, row, read, body, "changed" if row else "added", by, now)
        row.file_digest = file_digest
        changed.append(row)
    await _told(session, changed, by, now)
    return len(changed)


async def edit_document(session: AsyncSession, id: str, edition: int, fields: Mapping[str, Any], by: str, now: datetime) -> bool:
    """A person changes fields of a document they saw in `edition`; whether anything is different now.

    Raises 404, 409 `concurrent_change` when somebody changed it since, 422 `document_invalid`.
    """
    await one_at_a_time(session)
    row = await document_of(session, id)
    if row.edition != edition:
        raise conflict("concurrent_change", f"{id} was changed to edition {row.edition} meanwhile.")
    body = {**row.body, **fields}
    DocumentIn.model_validate(body)
    read = read_body(id, body)
    if read.hash == row.digest:
        return False
    touched = [name for name in fields if name in ABOUT and fields[name] != row.body.get(name)]
    row.by_hand = sorted({*row.by_hand, *touched})
    await _stand(session, row, read, body, "edited", by, now)
    await _told(session, [row], by, now)
    return True


async def withdraw(session: AsyncSession, id: str, by: str, now: datetime) -> None:
    """Nothing is cited from it any more; it can be restored. Raises 404, also where it is withdrawn already."""
    await one_at_a_time(session)
    row = await document_of(session, id)
    if row.withdrawn:
        raise not_found("This document")
    row.withdrawn = True
    await _keep(session, row, "withdrawn", by, now)
    await _told(session, [row], by, now)


async def restore(session: AsyncSession, id: str, edition: int, by: str, now: datetime) -> None:
    """Bring back a document as it was in an edition. Raises 404."""
    await one_at_a_time(session)
    row = await document_of(session, id)
    old = await session.get(Edition, (id, edition), options=[undefer(Edition.body)])
    if old is None:
        raise not_found("This edition")
    row.withdrawn = False
    await _stand(session, row, read_body(id, old.body), old.body, "restored", by, now)
    await _told(session, [row], by, now)


async def areas_replaced(session: AsyncSession, id: str, names: Sequence[str]) -> set[str]:
    """The areas of the documents that `id` would supersede by these names: whoever ends them must be allowed to change them."""
    if not names:
        return set()
    d = KnowledgeDocument
    every = (await session.execute(select(d.id, d.number, d.title, d.area))).all()
    return {one.area for one in every if one.id != id and is_named((one.id, one.number, one.title), names)}


# ---- how it is kept -------------------------------------------------------------------------------------------------
async def one_at_a_time(session: AsyncSession) -> None:
    """Changes take turns, so that versions are committed in their order and a reader misses none."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE knowledge_versions IN SHARE ROW EXCLUSIVE MODE"))


async def _stand(
    session: AsyncSession, row: KnowledgeDocument | None, read: Document, body: dict[str, Any], act: Act, by: str, now: datetime
) -> KnowledgeDocument:
    """Make the row say what was read, as a new edition."""
    if row is None:
        row = KnowledgeDocument(id=read.id, edition=0, withdrawn=False, by_hand=[], heir="", heir_from="", file_digest="")
        session.add(row)
    for name, width in _WIDTHS.items():
        setattr(row, name, getattr(read, name)[:width])
    row.body, row.digest, row.added_at, row.added_by = body, read.hash, now, by
    row.supersedes, row.pairs, row.chars = list(read.supersedes), len(read.pairs), len(read.text)
    row.withdrawn = False
    await _keep(session, row, act, by, now)
    return row


async def _keep(session: AsyncSession, row: KnowledgeDocument, act: Act, by: str, now: datetime) -> None:
    row.edition += 1
    row.added_at, row.added_by = now, by
    session.add(Edition(document_id=row.id, edition=row.edition, act=act, body=row.body, at=now, by=by))
    await session.flush()


async def _told(session: AsyncSession, changed: Iterable[KnowledgeDocument], by: str, now: datetime) -> None:
    """A new version that names the changed documents, and those whose heir is another one now."""
    rows: dict[str, KnowledgeDocument] = {row.id: row for row in changed}
    if not rows:
        return
    d = KnowledgeDocument
    named = select(d.id, d.number, d.title, d.supersedes, d.valid_from, d.date, d.heir, d.heir_from, d.withdrawn)
    every = (await session.execute(named)).all()
    heirs = heirs_of([one for one in every if not one.withdrawn])
    follows = {id: (heir.id, heir.valid_from or heir.date) for id, heir in heirs.items()}
    for id in [one.id for one in every if follows.get(one.id, ("", "")) != (one.heir, one.heir_from)]:
        if id not in rows:
            rows[id] = await session.get_one(d, id)
        rows[id].heir, rows[id].heir_from = follows.get(id, ("", ""))
    version = await base_version(session) + 1
    for row in rows.values():
        row.changed_in = version
    session.add(KnowledgeVersion(version=version, at=now, by=by, changed=len(rows)))
    await session.flush()
    log.info("knowledge.changed", version=version, changed=len(rows))
