"""The page and its server: thin routes over the room, and the stream of changes to every browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, cast

import structlog
from fastapi import FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from redis.exceptions import RedisError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.channels.web import stream
from bot.channels.web.asks import Change, Play, Post, Press
from bot.channels.web.feed import Feed
from bot.channels.web.log import Picture
from bot.channels.web.photos import MAX_BYTES, PhotoError, Photos
from bot.channels.web.play import Player
from bot.channels.web.room import MAX_TEXT, RefusedError, Room
from bot.channels.web.sample import HERE, Person, Sample, load_wording

log = structlog.get_logger(__name__)

# one CSS file dresses the chat and the console; it lives with the console and is only read as data here
STYLE = Path(str(files("intake_api"))) / "console" / "static"
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
}
MAX_JSON = 64 * 1024
STATUS = {"too_fast": 429, "too_long": 413, "not_yours": 403, "no_such_button": 409, "empty": 422}


def build_app(sample: Sample, room: Room, player: Player, photos: Photos, feed: Feed, console_url: str = "") -> FastAPI:
    """The whole web application of the channel. It takes no part in the process's signals or lifespan."""
    app = FastAPI(title="minhu web chat", docs_url=None, redoc_url=None, openapi_url=None)
    wording = load_wording()
    _guard(app, wording)
    _pages(app, sample, wording, console_url)
    _reading(app, sample, room, player, feed)
    _writing(app, sample, room, player, photos)
    _pictures(app, sample, photos, wording)
    app.mount("/chat/static", StaticFiles(directory=HERE / "static"), name="static")
    app.mount("/chat/style", StaticFiles(directory=STYLE), name="style")
    return app


class Fence:
    """Pure ASGI, because streams pass through it: foreign sites and oversized bodies stay out, every answer gets its headers."""

    def __init__(self, app: ASGIApp, refusal: Callable[..., JSONResponse]) -> None:
        self.app = app
        self.refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        stopped = self._stop(scope) if scope["method"] == "POST" else None
        await (stopped or self.app)(scope, receive, dressed)
        return None

    def _stop(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin and origin.split("://", 1)[-1] != headers.get("host"):
            return self.refusal("other_site", 403)
        length = headers.get("content-length", "")
        limit = MAX_BYTES if scope["path"] == "/chat/photos" else MAX_JSON
        # without a length there is no telling how much will come
        if not length.isdigit() or int(length) > limit:
            return self.refusal("too_big" if limit == MAX_BYTES else "too_long", 413)
        return None


def _person(sample: Sample, who: str) -> Person:
    person = sample.person(who)
    if person is None or not person.pick:
        raise RefusedError("no_such_person")
    return person


def _guard(app: FastAPI, wording: dict[str, Any]) -> None:
    def refusal(code: str, status: int, retryable: bool = False) -> JSONResponse:
        sentence = str(wording["refused"].get(code, wording["refused"]["unknown"])).format(limit=MAX_TEXT)
        return JSONResponse({"code": code, "detail": sentence, "retryable": retryable}, status)

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: Exception) -> Response:
        code = str(error)
        return refusal(code, STATUS.get(code, 404), code == "too_fast")

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: Exception) -> Response:
        # never echo the input back: it may hold personal data
        return refusal("malformed", 422)

    @app.exception_handler(HTTPException)
    async def refused_by_framework(request: Request, error: Exception) -> Response:
        status = cast(HTTPException, error).status_code
        return refusal({400: "malformed", 404: "not_found"}.get(status, "unknown"), status)

    @app.exception_handler(RedisError)
    @app.exception_handler(OSError)
    async def out_of_reach(request: Request, error: Exception) -> Response:
        log.warning("web.store_out_of_reach", error=type(error).__name__)
        return refusal("unavailable", 503, True)

    app.add_middleware(Fence, refusal=refusal)


def _pages(app: FastAPI, sample: Sample, wording: dict[str, Any], console_url: str) -> None:
    pages = Environment(
        loader=FileSystemLoader(HERE / "pages"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/chat")

    @app.get("/chat")
    async def page() -> HTMLResponse:
        people = [person for person in sample.people if person.pick]
        faces = {person.id: {"face": person.face, "tone": number} for number, person in enumerate(sample.people, start=1)}
        said = json.dumps({"words": wording["script"], "faces": faces}, ensure_ascii=False).replace("<", "\\u003c")
        body = pages.get_template("chat.html").render(
            w=wording, sample=sample, people=people, said=said, max_text=MAX_TEXT, console_url=console_url
        )
        return HTMLResponse(body)

    @app.get("/favicon.ico")
    async def favicon() -> FileResponse:
        return FileResponse(STYLE / "favicon.svg", media_type="image/svg+xml")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}


def _reading(app: FastAPI, sample: Sample, room: Room, player: Player, feed: Feed) -> None:
    @app.get("/chat/state")
    async def state(who: str) -> dict[str, Any]:
        person = _person(sample, who)
        await room.enter(person)
        return await stream.snapshot(room.log, player, sample, person)

    @app.get("/chat/earlier")
    async def earlier(who: str, chat: str, before: str) -> dict[str, Any]:
        person = _person(sample, who)
        if chat not in sample.chats_of(person):
            raise RefusedError("no_such_chat")
        messages, more = await room.log.latest(chat, stream.PAGE, before)
        return {"messages": [message.model_dump(mode="json") for message in messages], "more": more}

    @app.get("/chat/stream")
    async def changes(
        who: str, after: Annotated[str, Query(max_length=100)] = "", last_event_id: Annotated[str, Header(max_length=100)] = ""
    ) -> StreamingResponse:
        chats = sample.chats_of(_person(sample, who))
        body: AsyncIterator[str] = stream.events(room.log, feed, chats, last_event_id or after)
        return StreamingResponse(body, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _writing(app: FastAPI, sample: Sample, room: Room, player: Player, photos: Photos) -> None:
    @app.post("/chat/messages")
    async def post(ask: Post) -> dict[str, Any]:
        person = _person(sample, ask.who)
        media = [Picture.model_validate(m.model_dump()) for m in ask.media]
        if any(m.kind == "photo" and photos.path(m.ref) is None for m in media):
            raise RefusedError("no_such_photo")
        shown = await room.post(person, ask.chat, ask.nonce, ask.text, reply_to=ask.reply_to, media=media)
        return shown.model_dump(mode="json")

    @app.post("/chat/edits")
    async def edit(ask: Change) -> dict[str, Any]:
        return (await room.edit(_person(sample, ask.who), ask.chat, ask.id, ask.text)).model_dump(mode="json")

    @app.post("/chat/presses")
    async def press(ask: Press) -> dict[str, bool]:
        await room.press(_person(sample, ask.who), ask.chat, ask.id, ask.action, ask.nonce)
        return {"heard": True}

    @app.post("/chat/play")
    async def play(ask: Play) -> dict[str, Any]:
        return await player.start(ask.run)

    @app.post("/chat/play/stop")
    async def stop() -> dict[str, Any]:
        return await player.stop()


def _pictures(app: FastAPI, sample: Sample, photos: Photos, wording: dict[str, Any]) -> None:
    @app.post("/chat/photos")
    async def upload(request: Request, who: str) -> Response:
        _person(sample, who)
        try:
            picture = await photos.keep(await request.body())
        except PhotoError:
            return JSONResponse({"code": "not_a_photo", "detail": wording["refused"]["not_a_photo"], "retryable": False}, 415)
        return JSONResponse(picture.model_dump(mode="json"))

    @app.get("/chat/photos/{ref}")
    async def photo(ref: str) -> Response:
        path = photos.path(ref)
        if path is None:
            raise RefusedError("no_such_message")
        return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=31536000, immutable"})
