"""制度文库: documents with their standing, files handed in, one document with its pieces and editions, curated pairs, a trial."""

from __future__ import annotations

import asyncio
import secrets
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, File, Form, Path, Query, Request, Response, UploadFile

from intake_api.console import queries as console_queries
from intake_api.console.frame import PageRoute, SignedIn, back, render
from intake_api.contracts import DocumentIn, TrialIn
from intake_api.db import Database
from intake_api.deps import Config, Db, Now, Session
from intake_api.http import MEDIA_LIMIT
from intake_api.knowledge import asking, queries, service
from intake_api.knowledge.files import take_file
from intake_api.knowledge.rules import STANDINGS, Standing, may_change, path_of, standing_of
from intake_api.knowledge.trial import try_question
from intake_api.problems import forbidden, invalid, not_found
from intake_api.security import Principal
from nlp.documents import passages_of

router = APIRouter(prefix="/console/knowledge", include_in_schema=False, route_class=PageRoute)
PAGE = 30
PIECES = 40
Short = Annotated[str, Query(max_length=200)]
Words = Annotated[str, Form(max_length=4000)]
Name = Annotated[str, Form(max_length=300)]
Day = Annotated[str, Form(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
DocumentId = Annotated[str, Path(min_length=1, max_length=200)]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]


def page_of(id: str) -> str:
    """Where a document is shown."""
    return f"/console/knowledge/documents/{quote(id, safe='')}"


def today_of(now: Now, settings: Config) -> date:
    return now.astimezone(ZoneInfo(settings.timezone)).date()


@router.get("")
async def list_documents(
    request: Request, who: SignedIn, session: Session, now: Now, settings: Config,
    q: Short = "", standing: Short = "", kind: Short = "", area: Short = "", page: PageNumber = 1,
) -> Response:  # fmt: skip
    """Everything in the base, the latest change first; a filter that is none of ours filters nothing."""
    today = today_of(now, settings)
    chosen: Standing | None = next((one for one in STANDINGS if one == standing), None)
    wanted = queries.Wanted(q.strip(), chosen, kind if kind in ("pairs", "documents") else "", (area,) if area else ())
    rows, total = await queries.listed(session, wanted, today, PAGE, (page - 1) * PAGE)
    soon = (await queries.listed(session, queries.Wanted(standing="ending"), today, 0))[1]
    known = await console_queries.areas(session)
    return render(
        request, "knowledge.html", "results", rows=[(row, standing_of(row, today)) for row in rows], total=total, page=page,
        pages=(total - 1) // PAGE + 1, soon=soon, filters={"q": q, "standing": standing, "kind": kind, "area": area}, areas=known,
        page_of=page_of, standings=STANDINGS, may_add=may_change(who, path_of(who.area)),
    )  # fmt: skip


# ---- files ----------------------------------------------------------------------------------------------------------
@router.get("/files")
async def files_page(request: Request, who: SignedIn, db: Db) -> Response:
    _may_add(who)
    return await _files(request, who, db, [])


@router.post("/files")
async def take_files(
    request: Request, who: SignedIn, db: Db, now: Now, files: Annotated[list[UploadFile], File()], area: Name = "", audience: Name = "",
) -> Response:  # fmt: skip
    """One result a file. The page sends them one by one where it can run its script; without it all come at once."""
    _may_add(who)
    async with db.reading() as session:
        area = await _known_area(session, who, area)
    results = [await take_file(db, one.filename or "", await one.read(), area, audience.strip(), who, now) for one in files[:200]]
    return await _files(request, who, db, results)


async def _files(request: Request, who: Principal, db: Database, results: list[Any]) -> Response:
    async with db.reading() as session:
        areas = await console_queries.areas(session, who.area)
    return render(
        request, "knowledge_files.html", "rows", results=results, areas=areas, own=path_of(who.area), page_of=page_of,
        limit_mb=MEDIA_LIMIT // 2**20,
    )  # fmt: skip


# ---- one document ---------------------------------------------------------------------------------------------------
@router.get("/documents/{id:path}")
async def one_document(
    request: Request, id: DocumentId, who: SignedIn, session: Session, now: Now, settings: Config,
    edition: Annotated[int, Query(ge=0)] = 0, pieces: PageNumber = 1,
) -> Response:  # fmt: skip
    """As it stands, or as it was in an `edition`."""
    row = await service.document_of(session, id)
    body = row.body if not edition else (await queries.edition_of(session, id, edition)).body
    read = service.read_body(id, body)
    every = await asyncio.to_thread(passages_of, read)
    today = today_of(now, settings)
    areas = await console_queries.areas(session)
    return render(
        request, "document.html", "main", row=row, body=body, shown=edition or row.edition, standing=standing_of(row, today),
        pieces=[p for p in every if not p.curated_answer][(pieces - 1) * PIECES : pieces * PIECES], pairs=list(enumerate(read.pairs)),
        piece_count=len(every) - len(read.pairs), piece_page=pieces, piece_pages=max((len(every) - len(read.pairs) - 1) // PIECES + 1, 1),
        editions=await queries.editions(session, id), votes=(await asking.votes_on(session, [id]))[id], page_of=page_of,
        may_change=may_change(who, row.area), areas=areas, nowhere=bool(row.area) and row.area not in areas,
    )  # fmt: skip


@router.post("/documents/{id:path}/edit")
async def edit(
    id: DocumentId, who: SignedIn, session: Session, now: Now, edition: Annotated[int, Form()],
    title: Name = "", number: Name = "", issuer: Name = "", date: Day = "", valid_from: Day = "", valid_until: Day = "",
    supersedes: Words = "", area: Name = "", audience: Name = "", link: Annotated[str, Form(max_length=2000)] = "",
) -> Response:  # fmt: skip
    row = await service.document_of(session, id)
    if area.strip() != row.area:
        area = await _known_area(session, who, area)
    _may_change(who, row.area, area)
    if valid_from and valid_until and valid_until < valid_from:
        raise invalid("days_crossed", "It would end before it begins.")
    if link and not link.startswith(("https://", "http://")):
        raise invalid("bad_link", "A link begins with https://.")
    names = [line.strip() for line in supersedes.splitlines() if line.strip()]
    if not who.is_administrator:
        _may_change(who, area, *await service.areas_replaced(session, id, [name for name in names if name not in row.supersedes]))
    told = {
        "title": title, "number": number, "issuer": issuer, "date": date, "valid_from": valid_from, "valid_until": valid_until,
        "supersedes": names, "area": area, "audience": audience, "link": link,
    }  # fmt: skip
    fields = {name: value.strip() if isinstance(value, str) else value for name, value in told.items()}
    changed = await service.edit_document(session, id, edition, fields, who.id, now)
    return back(page_of(id), notice="saved" if changed else "unchanged")


@router.post("/documents/{id:path}/withdraw")
async def withdraw(id: DocumentId, who: SignedIn, session: Session, now: Now) -> Response:
    _may_change(who, (await service.document_of(session, id)).area)
    await service.withdraw(session, id, who.id, now)
    return back(page_of(id), notice="withdrawn")


@router.post("/documents/{id:path}/restore")
async def restore(id: DocumentId, who: SignedIn, session: Session, now: Now, edition: Annotated[int, Form(ge=1)]) -> Response:
    # an older edition may have been for a wider area, or for another
    old = service.read_body(id, (await queries.edition_of(session, id, edition)).body)
    _may_change(who, (await service.document_of(session, id)).area, old.area)
    await service.restore(session, id, edition, who.id, now)
    return back(page_of(id), notice="restored")


@router.post("/documents/{id:path}/pairs")
async def change_pair(
    id: DocumentId, who: SignedIn, session: Session, now: Now, edition: Annotated[int, Form()], at: Annotated[int, Form(ge=-1)],
    question: Annotated[str, Form(max_length=500)] = "", answer: Words = "", remove: Name = "",
) -> Response:  # fmt: skip
    """Change, remove, or (`at` -1) add one pair. A document without any words left is withdrawn."""
    row = await service.document_of(session, id)
    _may_change(who, row.area)
    pairs = [list(pair) for pair in row.body.get("pairs", [])]
    if at >= len(pairs):
        raise not_found("This pair")
    if remove:
        pairs.pop(at)
    elif not question.strip() or not answer.strip():
        raise invalid("pair_missing", "A pair has a question and an answer.")
    elif at < 0:
        pairs.append([question.strip(), answer.strip()])
    else:
        pairs[at] = [question.strip(), answer.strip()]
    if not pairs and not row.body.get("text"):
        await service.withdraw(session, id, who.id, now)
        return back(page_of(id), notice="withdrawn")
    await service.edit_document(session, id, edition, {"pairs": pairs}, who.id, now)
    return back(page_of(id), notice="saved")


# ---- curated pairs --------------------------------------------------------------------------------------------------
@router.get("/pairs/new")
async def new_pair(request: Request, who: SignedIn, session: Session, q: Annotated[str, Query(max_length=500)] = "") -> Response:
    _may_add(who)
    areas = await console_queries.areas(session, who.area)
    return render(request, "pair.html", "main", areas=areas, own=path_of(who.area), question=q, token=secrets.token_hex(8))


@router.post("/pairs")
async def add_pair(
    who: SignedIn, session: Session, now: Now, settings: Config, question: Annotated[str, Form(max_length=2000)], answer: Words,
    token: Annotated[str, Form(pattern=r"^[0-9a-f]{16}$")], area: Name = "", audience: Name = "", valid_until: Day = "",
) -> Response:  # fmt: skip
    """Each line is one way to ask. The form's token makes it one pair, however often it is sent."""
    asked = list(dict.fromkeys(line.strip() for line in question.splitlines() if line.strip()))
    if not asked or not answer.strip():
        raise invalid("pair_missing", "A pair has a question and an answer.")
    area = await _known_area(session, who, area)
    held = await service.held(session, f"pair/{token}")
    _may_change(who, area, *((held.area,) if held else ()))
    pair = DocumentIn(
        id=f"pair/{token}", title=asking.PAIR_TITLE, date=today_of(now, settings).isoformat(), valid_until=valid_until, area=area,
        audience=audience.strip(), pairs=tuple((one[:500], answer.strip()) for one in asked),
    )  # fmt: skip
    await service.add_documents(session, [pair], who.id, now)
    return back(page_of(pair.id), notice="saved")


# ---- a trial --------------------------------------------------------------------------------------------------------
@router.get("/try")
async def trial(
    request: Request, who: SignedIn, db: Db, q: Annotated[str, Query(max_length=500)] = "", area: Short = "", staff: Short = "",
) -> Response:  # fmt: skip
    """A question answered by the assistant as it would answer residents, with what was found and why. The answer takes seconds, and
    no connection is held meanwhile."""
    asked = q.strip()
    view = None
    if asked:
        wanted = TrialIn(id=secrets.token_hex(8), question=asked, area=area, staff=bool(staff))
        view = await try_question(request.app.state.redis, wanted)
    async with db.reading() as session:
        areas, current = await console_queries.areas(session), await service.base_version(session)
    return render(
        request, "try.html", "result", q=asked, area=area, staff=bool(staff), areas=areas, view=view, current=current, page_of=page_of,
    )  # fmt: skip


# ---- who may --------------------------------------------------------------------------------------------------------
def _may_add(who: Principal) -> None:
    _may_change(who, path_of(who.area))


def _may_change(who: Principal, *areas: str) -> None:
    if not may_change(who, *areas):
        raise forbidden("Not your area.", "not_your_area")


async def _known_area(session: Session, who: Principal, area: str) -> str:
    """An area that grids have; a person of an area names their own when they name none."""
    area = area.strip().strip("/") or path_of(who.area)
    if area and area not in await console_queries.areas(session):
        raise invalid("area_unknown", "No grid lies in this area.")
    return area
