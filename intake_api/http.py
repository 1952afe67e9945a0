"""The outermost layer of every request: clean text, a request id in the logs, metrics, and an answer for what nobody foresaw."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intake_api.problems import ProblemError, internal_problem, problem_response

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
    """ASGI middleware: takes out what no database can store (NUL, lone surrogates), so that no words are lost for it.

    A body of a kind that no door takes is refused with 415. Bodies over the limit go on untouched, to be refused with 413.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
            refusal = ProblemError(422, "control_character", "The address holds a NUL character; leave it out.")
            await problem_response(refusal)(scope, receive, send)
            return
        kind, has_body = _body_of(scope)
        if has_body and not kind.startswith(_BODY_TYPES):
            refusal = ProblemError(
                415, "unsupported_media_type", "Send the body as application/json (files as multipart/form-data)."
            )
            await problem_response(refusal)(scope, receive, send)
            return
        cleaned = _cleaning(receive, kind) if has_body and not kind.startswith("multipart/") else receive
        await self.app(scope, cleaned, send)


def _body_of(scope: Scope) -> tuple[str, bool]:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    has_body = b"transfer-encoding" in headers or (length.isdigit() and int(length) > 0)
    return headers.get(b"content-type", b"").decode("latin-1").lower().strip(), has_body


def _cleaning(receive: Receive, kind: str) -> Receive:
    """A `receive` that gathers the body once (up to the limit), cleans it when it looks suspect, and hands it on."""
    gathered = False

    async def clean_receive() -> Message:
        nonlocal gathered
        if gathered:
            return await receive()
        gathered = True
        body, more = b"", True
        while more and len(body) <= JSON_LIMIT:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if not more and _SUSPECT.search(body):
            body = clean_json(body) if kind.startswith("application/json") else body.replace(b"%00", b"")
        return {"type": "http.request", "body": body, "more_body": more}

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
