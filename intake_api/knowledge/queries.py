"""What lists of documents show, and the base's passages in pages: only what changed since the version a reader has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from intake_api.contracts import PassagesView, PassageView
from intake_api.knowledge.rules import ENDING, Standing
from intake_api.knowledge.service import base_version, read_body
from intake_api.knowledge.tables import Edition, KnowledgeDocument
from intake_api.problems import invalid, not_found
from nlp.documents import passages_of
from nlp.schema import Passage

# characters of documents a page of passages is made of, beyond its first document: a page is some thousand passages
PAGE_CHARS = 500_000
_PAIR_CHARS = 100
_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents a list shows; "" filters nothing. `area`: those that apply there (see nlp.retrieve.within)."""

    q: str = ""
    standing: Standing | None = None
    kind: str = ""
    areas: tuple[str, ...] = ()


async def listed(session: AsyncSession, wanted: Wanted, today: date, limit: int, offset: int = 0) -> tuple[list[KnowledgeDocument], int]:
    """(documents without their bodies, the latest change first; how many there are in all)."""
    chosen = and_(*_conditions(wanted, today))
    total = await session.scalar(select(func.count()).select_from(KnowledgeDocument).where(chosen)) or 0
    rows = select(KnowledgeDocument).where(chosen).order_by(KnowledgeDocument.added_at.desc(), KnowledgeDocument.id)
    return list(await session.scalars(rows.limit(limit).offset(offset))), total


async def after(session: AsyncSession, id: str, limit: int) -> list[KnowledgeDocument]:
    """Documents that are not withdrawn, by id, those after one."""
    rows = select(KnowledgeDocument).where(KnowledgeDocument.id > id, KnowledgeDocument.withdrawn.is_(False))
    return list(await session.scalars(rows.order_by(KnowledgeDocument.id).limit(limit)))


async def by_file(session: AsyncSession, digest: str) -> list[KnowledgeDocument]:
    """The documents that came from a file with these very bytes."""
    return list(await session.scalars(select(KnowledgeDocument).where(KnowledgeDocument.file_digest == digest)))


async def editions(session: AsyncSession, id: str) -> Sequence[Edition]:
    """The newest first, without their bodies."""
    return list(await session.scalars(select(Edition).where(Edition.document_id == id).order_by(Edition.edition.desc()).limit(50)))


async def edition_of(session: AsyncSession, id: str, edition: int) -> Edition:
    """With its body. Raises 404."""
    row = await session.get(Edition, (id, edition), options=[undefer(Edition.body)])
    if row is None:
        raise not_found("This edition")
    return row


def _conditions(wanted: Wanted, today: date) -> list[ColumnElement[bool]]:
    d = KnowledgeDocument
    found: list[ColumnElement[bool]] = [d.id != ""]
    for word in wanted.q.split()[:5]:
        in_pairs = and_(d.pairs > 0, cast(d.body, Text).icontains(word, autoescape=True))
        found.append(or_(in_pairs, *(column.icontains(word, autoescape=True) for column in (d.title, d.number, d.issuer, d.id))))
    if wanted.areas:
        found.append(or_(*((d.area == area) if area == "" else d.area.startswith(area, autoescape=True) for area in wanted.areas)))
    if wanted.kind:
        found.append(d.pairs > 0 if wanted.kind == "pairs" else d.pairs == 0)
    return [*found, *_stands(wanted.standing, today)]


def _stands(standing: Standing | None, today: date) -> list[ColumnElement[bool]]:
    """As rules.standing_of, asked of the database."""
    d, day, soon = KnowledgeDocument, today.isoformat(), (today + ENDING).isoformat()
    followed = and_(d.heir != "", d.heir_from <= day)
    begun, over = d.valid_from <= day, and_(d.valid_until != "", d.valid_until < day)
    ends = or_(and_(d.valid_until != "", d.valid_until <= soon), and_(d.heir_from != "", d.heir_from <= soon))
    by_standing: dict[Standing, list[ColumnElement[bool]]] = {
        "withdrawn": [d.withdrawn.is_(True)],
        "superseded": [d.withdrawn.is_(False), followed],
        "not_yet": [d.withdrawn.is_(False), ~followed, ~begun],
        "over": [d.withdrawn.is_(False), ~followed, begun, over],
        "ending": [d.withdrawn.is_(False), ~followed, begun, ~over, ends],
        "in_force": [d.withdrawn.is_(False), ~followed, begun, ~over, ~ends],
    }
    return by_standing[standing] if standing else []


# ---- passages -------------------------------------------------------------------------------------------------------
async def changed_passages(session: AsyncSession, known: int, cursor: str) -> PassagesView:
    """One page of what changed since the version `known` (-1: everything). Raises 422 `bad_cursor`.

    A document that changes while its reader pages comes again later in the same reading, so that nothing is missed.
    """
    current = await base_version(session)
    whole = known < 0 or known > current
    since, last = _read_cursor(cursor) if cursor else (0 if whole else known, None)
    d = KnowledgeDocument
    later = d.changed_in > since if last is None else or_(d.changed_in > since, and_(d.changed_in == since, d.id > last))
    ahead = select(d.id, d.chars, d.pairs, d.changed_in).where(later).order_by(d.changed_in, d.id).limit(_READ_AT_ONCE)
    rows = (await session.execute(ahead)).all()
    chosen, size = 0, 0
    for row in rows:
        size += row.chars + _PAIR_CHARS * row.pairs
        if chosen and size > PAGE_CHARS:
            break
        chosen += 1
    more = chosen < len(rows) or len(rows) == _READ_AT_ONCE
    bodies = select(d).where(d.id.in_([row.id for row in rows[:chosen]])).options(undefer(d.body))
    documents = list(await session.scalars(bodies.order_by(d.changed_in, d.id))) if chosen else []
    passages = await asyncio.to_thread(lambda: [p for one in documents for p in passages_in(one)])
    end = rows[chosen - 1] if chosen else None
    return PassagesView.model_construct(
        version=current if not more or end is None else end.changed_in,
        whole=whole,
        changed=[one.id for one in documents],
        passages=[PassageView.model_construct(**asdict(passage)) for passage in passages],
        cursor=f"{end.changed_in}:{end.id}" if more and end is not None else "",
    )


def passages_in(row: KnowledgeDocument) -> list[Passage]:
    """What may be cited from a document whose body was loaded; nothing from a withdrawn one."""
    if row.withdrawn:
        return []
    return passages_of(read_body(row.id, row.body), heir=row.heir, heir_from=row.heir_from)


def _read_cursor(cursor: str) -> tuple[int, str]:
    version, colon, id = cursor.partition(":")
    if not colon or not version.isdigit() or len(version) > 9:
        raise invalid("bad_cursor", "Take the cursor from the page before.")
    return int(version), id
