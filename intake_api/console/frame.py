"""What every page of the console shares: templates, words, who is signed in, and errors as pages instead of JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import structlog
import yaml
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2_fragments.fastapi import Jinja2Blocks
from pydantic import ValidationError
from redis.exceptions import RedisError
from sqlalchemy.exc import IntegrityError, OperationalError

from intake_api.deps import Db, Seal, person_behind, require_csrf
from intake_api.problems import ProblemError, forbidden
from intake_api.security import SESSION_COOKIE, Principal

HERE = Path(__file__).parent
SIGN_IN = "/console/sign-in"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Vary": "HX-Request",
}
log = structlog.get_logger()


@lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """Names of states, acts and codes in Chinese."""
    return dict(yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf8")))


def act_name(act: str) -> str:
    """What an act is called once it is done; an act that nobody named yet is shown by its id."""
    known = words()["acts"].get(act)
    return str(known["past"] if known else words()["past"].get(act, act))


@lru_cache(maxsize=1)
def pages() -> Jinja2Blocks:
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(w=words(), act_name=act_name, nonce=lambda: secrets.token_hex(12))
    env.filters.update(pretty=lambda value: json.dumps(value, ensure_ascii=False), query=with_query)
    return Jinja2Blocks(env=env)


def with_query(filters: dict[str, str], **changes: str) -> str:
    """The same filters with some changed, as a query string; empty ones are left out."""
    return "?" + urlencode({name: value for name, value in {**filters, **changes}.items() if value})


def render(request: Request, name: str, block: str = "", *, status: int = 200, **context: Any) -> Response:
    """The page, or only its `block` when HTMX asks for it."""
    who: Principal | None = getattr(request.state, "who", None)
    zone = ZoneInfo(request.app.state.settings.timezone)
    now: datetime = request.app.state.now()
    context |= {
        "who": who,
        "csrf": getattr(request.state, "csrf", ""),
        "path": request.url.path,
        "now": now,
        "refused": refusal_of(request),
        "notice": words()["notices"].get(request.query_params.get("notice", ""), ""),
        "moment": lambda at: local_time(at, zone, now),
        "full": lambda at: at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
        "left": lambda at: time_left(at, now),
    }
    only = block if block and request.headers.get("hx-request") == "true" and "hx-boosted" not in request.headers else None
    return pages().TemplateResponse(request, name, context, status_code=status, headers=HEADERS, block_name=only)


def refusal_of(request: Request) -> str:
    code = request.query_params.get("refused", "")
    return str(words()["refusals"].get(code, words()["refusals"]["unknown"])) if code else ""


def local_time(at: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    """Short for a reader: the time today, the date this year, else everything."""
    if at is None:
        return ""
    here, today = at.astimezone(zone), now.astimezone(zone)
    if here.date() == today.date():
        return here.strftime("%H:%M")
    return here.strftime("%m-%d %H:%M" if here.year == today.year else "%Y-%m-%d %H:%M")


def time_left(at: datetime | None, now: datetime) -> tuple[str, str]:
    """(tone, words) of a deadline: how long there is, or how long it is over."""
    if at is None:
        return "", ""
    minutes = int((at - now).total_seconds() // 60)
    amount = abs(minutes)
    unit = "minutes" if amount < 60 else "hours" if amount < 48 * 60 else "days"
    count = amount // {"minutes": 1, "hours": 60, "days": 1440}[unit]
    tone = "is-alarm" if minutes < 0 else "is-hurry" if minutes < 240 else ""
    return tone, pages().env.get_template("left.html").render(over=minutes < 0, count=count, unit=unit)


# ---- who is signed in -----------------------------------------------------------------------------------------------
async def signed_in(request: Request, db: Db, seal: Seal) -> Principal:
    """The person of the session cookie; changes need the CSRF token of their form. Raises 401, 403."""
    cookie = request.cookies.get(SESSION_COOKIE)
    person = await person_behind(db, seal, cookie)
    claim = seal.read(cookie) if cookie else None
    if person is None or claim is None:
        raise ProblemError(401, "unauthorised")
    if request.method not in ("GET", "HEAD"):
        await require_csrf(request, seal, cookie)
    request.state.who, request.state.csrf = person, seal.csrf(claim)
    return person


async def administrators_only(who: Annotated[Principal, Depends(signed_in)]) -> Principal:
    if not who.is_administrator:
        raise forbidden("administrators only")
    return who


SignedIn = Annotated[Principal, Depends(signed_in)]
AdministratorHere = Annotated[Principal, Depends(administrators_only)]


def back(path: str, **said: str) -> RedirectResponse:
    """After a form: to the page that shows what became of it, so that a reload repeats nothing."""
    told = urlencode({name: value for name, value in said.items() if value})
    joint = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{joint if told else ''}{told}", 303, headers={"Cache-Control": "no-store"})


def safe_path(path: str) -> str:
    """A path of this console, whatever was asked for."""
    fine = path.startswith("/console") and "\\" not in path and "//" not in path and path.isprintable()
    return path if fine else "/console"


class PageRoute(APIRoute):
    """Errors become pages: nobody signed in → the sign-in page; a form refused → its page with the reason; else an error page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ProblemError as error:
                return refuse(request, error.status, error.code)
            except (RequestValidationError, ValidationError):
                return refuse(request, 422, "invalid")
            except OperationalError:
                return refuse(request, 503, "database_busy")
            except IntegrityError:
                return refuse(request, 409, "concurrent_change")
            except (RedisError, ConnectionError):
                return refuse(request, 503, "redis_down")

        return handle


def refuse(request: Request, status: int, code: str) -> Response:
    """The answer to something that was not taken."""
    log.info("console.refused", status=status, code=code)
    if status == 401 and request.url.path != SIGN_IN:
        path = request.url.path if request.method == "GET" else "/console"
        to = f"{SIGN_IN}?next={quote(path)}"
        return Response(status_code=204, headers={"HX-Redirect": to}) if "hx-request" in request.headers else back(to)
    came_from = request.headers.get("referer", "")
    if request.method == "POST" and status != 404:
        path = safe_path("/" + came_from.split("/", 3)[-1].split("?")[0]) if came_from.count("/") >= 3 else "/console"
        return back(path, refused=code)
    sentence = words()["refusals"].get(code, words()["refusals"]["unknown"])
    return render(request, "error.html", "main", status=status, sentence=sentence, code=code)
