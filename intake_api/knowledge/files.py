"""Files that people hand in: read beside the event loop, stored in one go, and one result a file that says what became of it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import PurePath

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import DocumentIn
from intake_api.db import Database
from intake_api.http import MEDIA_LIMIT
from intake_api.knowledge import queries, service
from intake_api.knowledge.rules import may_change
from intake_api.problems import ProblemError
from intake_api.security import Principal
from nlp.documents import Document, DocumentError
from nlp.readers import read_file

log = structlog.get_logger()
MOST_CHARS = 900_000
MOST_PAIRS = 2000
MOST_DOCUMENTS = 2000
_FIELDS = frozenset(DocumentIn.model_fields)
_NUMBERED = re.compile(r"^(.*?)( \(\d+\))?(\.\w+)?$", re.S)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file. `outcome`: added, changed, same (nothing new in it), known (these very bytes were handed in before),
    refused. `code` says why it was refused, `wrong` counts lines of it that could not be read; `documents` are (id, title, edition).
    """

    name: str
    outcome: str
    code: str = ""
    wrong: int = 0
    documents: list[tuple[str, str, int]] = field(default_factory=list)


async def take_file(db: Database, name: str, data: bytes, area: str, audience: str, who: Principal, now: datetime) -> Taken:
    """Read a file and keep what it holds. Never raises for what is wrong with the file; the same file again changes nothing.

    `area`, `audience`: for documents that do not say theirs.
    """
    name = PurePath(name.replace("\\", "/")).name.strip()[-150:] or "file"
    if len(data) > MEDIA_LIMIT:
        return Taken(name, "refused", "too_large")
    digest = hashlib.sha256(data).hexdigest()
    async with db.reading() as session:
        if known := await queries.by_file(session, digest):
            withdrawn = all(row.withdrawn for row in known)
            return Taken(name, "known", "withdrawn" if withdrawn else "", documents=[(row.id, row.title, row.edition) for row in known])
    try:
        read, wrong = await asyncio.to_thread(read_file, name, data)
        wanted = [DocumentIn(**_fields_of(one, area, audience)) for part in read for one in _in_parts(part)]
        if len(wanted) > MOST_DOCUMENTS:
            return Taken(name, "refused", "too_many")
        return await _keep(db, name, wanted, len(wrong), digest, who, now)
    except DocumentError as error:
        return Taken(name, "refused", error.code)
    except ValidationError:
        return Taken(name, "refused", "bad_fields")
    except ProblemError as error:
        return Taken(name, "refused", "bad_fields" if error.code == "document_invalid" else error.code)


async def _keep(db: Database, name: str, wanted: Sequence[DocumentIn], wrong: int, digest: str, who: Principal, now: datetime) -> Taken:
    async with db.writing() as session:
        await service.one_at_a_time(session)  # before anything is looked up: who waited must see what the other has kept
        placed: list[DocumentIn] = []
        before: dict[str, int] = {}
        for one in wanted:
            one, edition, area = await _placed(session, one)
            claims = () if who.is_administrator else service.read_body(one.id, one.model_dump(mode="json")).supersedes
            if not may_change(who, one.area, *area, *await service.areas_replaced(session, one.id, claims)):
                return Taken(name, "refused", "not_your_area")
            before[one.id] = edition
            placed.append(one)
        changed = await service.add_documents(session, placed, who.id, now, file_digest=digest)
        rows = [await service.document_of(session, one.id) for one in placed]
        found = [(row.id, row.title, row.edition) for row in rows]
    log.info("file.taken", documents=len(found), changed=changed, wrong=wrong)
    outcome = "same" if not changed else "added" if not any(before.values()) else "changed"
    return Taken(name, outcome, wrong=wrong, documents=found)


async def _placed(session: AsyncSession, one: DocumentIn) -> tuple[DocumentIn, int, list[str]]:
    """(the document under its id, the edition that stands there, its area).

    Another document under the name of this one (通知.docx of two offices) keeps the name, and this one gets a number: they are
    the same document where title or number agree.
    """
    read = service.read_body(one.id, one.model_dump(mode="json"))
    stem = _NUMBERED.match(one.id)
    for n in range(1, 100):
        id = one.id if n == 1 or stem is None else f"{stem[1]} ({n}){stem[3] or ''}"
        row = await service.held(session, id)
        if row is None:
            return one.model_copy(update={"id": id}), 0, []
        same = row.title == read.title[:300] or bool(row.number and row.number == read.number[:300])
        if same or "title" in row.by_hand:
            return one.model_copy(update={"id": id}), row.edition, [row.area]
    raise DocumentError("a hundred documents of this name", "too_many")


def _fields_of(one: Document, area: str, audience: str) -> dict[str, object]:
    if len(one.text) > MOST_CHARS:
        raise DocumentError("too long", "too_long")
    told = {name: value for name, value in asdict(one).items() if name in _FIELDS}
    cut = {name: told[name][:300] for name in ("title", "number", "issuer")}
    return told | cut | {"area": one.area or area, "audience": one.audience or audience}


def _in_parts(one: Document) -> list[Document]:
    """A sheet of very many pairs is several documents."""
    if len(one.pairs) <= MOST_PAIRS:
        return [one]
    starts = range(0, len(one.pairs), MOST_PAIRS)
    return [
        replace(one, id=f"{one.id}#{n}", text=one.text if n == 1 else "", pairs=one.pairs[start : start + MOST_PAIRS])
        for n, start in enumerate(starts, 1)
    ]
