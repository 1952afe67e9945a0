"""The outermost layer of every request: clean text, a request id in the logs, metrics, and an answer for what nobody foresaw."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intake_api.problems import BY_STATUS, ProblemError, internal_problem, problem_response

JSON_LIMIT = 1_000_000
MEDIA_LIMIT = 10 * 1024 * 1024
FORM_OVERHEAD = 64 * 1024
_BODY_TYPES = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")
_SUSPECT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|%00")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
log = structlog.get_logger()


class Metrics:
    """Counts and times of requests by route template, never by address (addresses hold ids)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ["method", "route", "status"]
        self.requests = Counter("minhu_http_requests_total", "Requests answered.", names, registry=registry)
        self.seconds = Histogram("minhu_http_request_seconds", "Time to answer.", ["method", "route"], registry=registry)


class Observed:
    """ASGI middleware: binds a request id, times the request, makes an unforeseen error a problem without a stack trace."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, started, status = secrets.token_hex(6), time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode()), *_SAFETY]
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self.app(scope, receive, note)
            except Exception:  # the outermost door: nothing may leave as a stack trace
                log.exception("request.failed", method=scope["method"])
                if status == 0:
                    await internal_problem(request_id)(scope, receive, note)
            finally:
                self._count(scope, status or 500, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or "unknown"
        self.metrics.requests.labels(scope["method"], route, str(status)).inc()
        self.metrics.seconds.labels(scope["method"], route).observe(seconds)


_SAFETY = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"), (b"x-frame-options", b"DENY")]


class CleanText:
    """ASGI middleware: bounds the body, and takes out what no database can store (NUL, lone surrogates), so that no words are
    lost for it. A body of a kind that no door takes is refused with 415, one that is too large with 413.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal, kind, length = _refusal(scope)
        if refusal is not None:
            await problem_response(refusal)(scope, receive, send)
        elif length == 0:
            await self.app(scope, receive, send)
        elif kind.startswith("multipart/"):
            await self.app(scope, _bounded(receive), send)
        else:
            await self.app(scope, _cleaning(receive, kind), send)


def _refusal(scope: Scope) -> tuple[ProblemError | None, str, int]:
    """Why a request is refused by its head alone (None: it is not), with the kind and the length of its body (-1: not told)."""
    headers = dict(scope["headers"])
    told = headers.get(b"content-length", b"0")
    length = -1 if b"transfer-encoding" in headers else int(told) if told.isdigit() else 0
    kind = headers.get(b"content-type", b"").decode("latin-1").lower().strip()
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        return ProblemError(422, "control_character", "The address holds a NUL character; leave it out."), kind, length
    if length != 0 and not kind.startswith(_BODY_TYPES):
        detail = "Send the body as application/json (files as multipart/form-data)."
        return ProblemError(415, "unsupported_media_type", detail), kind, length
    if length > (MEDIA_LIMIT + FORM_OVERHEAD if kind.startswith("multipart/") else JSON_LIMIT):
        return ProblemError(413, *BY_STATUS[413]), kind, length
    return None, kind, length


def _bounded(receive: Receive) -> Receive:
    """A `receive` that stops a body whose sender did not tell its length, or lied."""
    seen = 0

    async def bounded_receive() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MEDIA_LIMIT + FORM_OVERHEAD:
            raise HTTPException(413)
        return message

    return bounded_receive


def _cleaning(receive: Receive, kind: str) -> Receive:
    """A `receive` that gathers the body once, cleans it when it looks suspect, and hands it on whole."""
    gathered = False

    async def clean_receive() -> Message:
        nonlocal gathered
        if gathered:
            return await receive()
        gathered, body, more = True, b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > JSON_LIMIT:
                raise HTTPException(413)
        if _SUSPECT.search(body):
            body = clean_json(body) if kind.startswith("application/json") else body.replace(b"%00", b"")
        return {"type": "http.request", "body": body, "more_body": False}

    return clean_receive


def clean_json(body: bytes) -> bytes:
    """The same JSON without NUL characters and lone surrogates; what is not JSON comes back as it was, to be refused later."""
    try:
        return json.dumps(_clean(json.loads(body)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return body


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("", key): _clean(item) for key, item in value.items()}
    return value
