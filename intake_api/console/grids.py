"""Grids and their staff: who is asked first, whose account is linked, codes for groups and links for workers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response

from intake_api.console import queries as console_queries
from intake_api.console.frame import AdministratorHere, PageRoute, SignedIn, back, render
from intake_api.deps import Config, Now, Session
from intake_api.grids import queries, service
from intake_api.problems import not_found
from intake_api.security import Principal

router = APIRouter(prefix="/console/grids", include_in_schema=False, route_class=PageRoute)
Code = Annotated[str, Path(max_length=100)]
StaffId = Annotated[str, Path(max_length=100)]


@router.get("")
async def list_grids(request: Request, who: SignedIn, session: Session) -> Response:
    views = await queries.grid_views(session, await queries.grids(session, who.area))
    return render(request, "grids.html", "main", grids=views)


@router.get("/{code}")
async def one_grid(request: Request, code: Code, who: SignedIn, session: Session) -> Response:
    return await _grid(request, session, who, code)


async def _grid(request: Request, session: Session, who: Principal, code: str, **more: Any) -> Response:
    row = next((row for row in await queries.grids(session, who.area) if row.code == code), None)
    if row is None:
        raise not_found("This grid")
    view = (await queries.grid_views(session, [row]))[0]
    chats = await console_queries.chats_of(session, code)
    given: dict[str, Any] = {"bind_code": "", "start_link": "", "start_for": "", "expires_at": None}
    return render(request, "grid.html", "main", grid=view, chats=chats, **{**given, **more})


@router.post("/{code}/bind-code")
async def bind_code(request: Request, code: Code, who: AdministratorHere, session: Session, now: Now) -> Response:
    """The code is on this one page and nowhere else."""
    secret, expires_at = await service.make_bind_code(session, code, who.id, now)
    return await _grid(request, session, who, code, bind_code=secret, expires_at=expires_at)


@router.post("/{code}/staff/{staff}/start-link")
async def start_link(
    request: Request, code: Code, staff: StaffId, who: AdministratorHere, session: Session, now: Now, settings: Config
) -> Response:
    token, person, expires_at = await service.make_start_link(session, staff, who.id, now)
    link = f"https://t.me/{settings.telegram_name}?start={token}" if settings.telegram_name else f"/start {token}"
    return await _grid(request, session, who, code, start_link=link, start_for=person.id, expires_at=expires_at)


@router.post("/{code}/staff/{staff}/unlink")
async def unlink(
    code: Code, staff: StaffId, handle: Annotated[str, Form(max_length=300)], _: AdministratorHere, session: Session
) -> Response:
    await service.unlink(session, staff, handle)
    return back(f"/console/grids/{code}", notice="unlinked")
