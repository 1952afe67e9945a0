"""The doors of the console: signing in, its assets, and the routers of its rooms."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.exceptions import HTTPException

from intake_api.console import grids, incidents, knowledge, questions, sorting, tickets, topics, upkeep
from intake_api.console.frame import HERE, SIGN_IN, PageRoute, SignedIn, back, render, safe_path
from intake_api.deps import Config, Db, Now, Seal, Session
from intake_api.people import service
from intake_api.people.api import address_of, set_session_cookie
from intake_api.problems import ProblemError, forbidden
from intake_api.security import SESSION_COOKIE, same

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FORM_COOKIE = "minhu_form"
ASSETS = {path.name: path for path in (HERE / "static").iterdir() if path.is_file()}


@router.get("/")
async def root() -> RedirectResponse:
    return RedirectResponse("/console", 307)


@router.get("/favicon.ico")
async def favicon() -> FileResponse:
    return FileResponse(ASSETS["favicon.svg"], media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})


@router.get("/console/static/{name}")
async def asset(name: str) -> FileResponse:
    if name not in ASSETS:
        raise HTTPException(404)
    return FileResponse(ASSETS[name], headers={"Cache-Control": "public, max-age=3600"})


@router.get(SIGN_IN)
async def sign_in_page(request: Request, next: str = "/console") -> Response:
    """The form carries a token that its own cookie must match, so that no other site can sign anybody in."""
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
    page = render(request, "sign_in.html", next=safe_path(next), token=token)
    page.set_cookie(FORM_COOKIE, token, max_age=3600, httponly=True, samesite="strict", path=SIGN_IN)
    return page


@router.post(SIGN_IN)
async def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=100)],
    password: Annotated[str, Form(max_length=1000)],
    token: Annotated[str, Form(max_length=100)],
    db: Db,
    seal: Seal,
    settings: Config,
    now: Now,
    next: Annotated[str, Form(max_length=500)] = "/console",
) -> Response:
    cookie = request.cookies.get(FORM_COOKIE, "")
    try:
        if not cookie or not same(cookie, token):
            raise forbidden("the form came from elsewhere", "csrf")
        _, session = await service.sign_in(db, seal, login.strip(), password, address_of(request, settings), now)
    except ProblemError as error:
        return back(SIGN_IN, next=safe_path(next), refused=error.code)
    answer = back(safe_path(next))
    set_session_cookie(answer, session, seal, settings)
    return answer


@router.post("/console/sign-out")
async def sign_out(who: SignedIn, session: Session) -> Response:
    await service.sign_out_everywhere(session, who.id)
    answer = back(SIGN_IN)
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


_ROOMS = (tickets, sorting, incidents, topics, knowledge, questions, grids, upkeep)
for room in (one.router for one in _ROOMS):
    router.include_router(room)
