"""The webhook: Telegram posts updates here with a secret; 200 is answered only after an update was stored.

Telegram posts the updates of one chat one after the other and repeats what was not answered with 2xx, so order and
completeness are kept. TLS ends at the reverse proxy in front.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from redis.exceptions import RedisError
from telegram import Bot
from telegram.error import TelegramError

from bot.channels.telegram.hearing import Hearing
from bot.channels.telegram.polling import patiently
from bot.channels.telegram.reading import WANTED
from bot.errors import UsageError

log = structlog.get_logger()

HEADER = "X-Telegram-Bot-Api-Secret-Token"
# an update is a few kB; the Bot API names no limit
LONGEST_BODY = 1_000_000


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """`url`: the public address; its path is served here. `secret`: 1-256 of A-Z a-z 0-9 _ -. `sock` or host and port to listen."""

    url: str
    secret: str
    host: str = "127.0.0.1"
    port: int = 8702
    sock: socket.socket | None = None

    def __post_init__(self) -> None:
        plain = self.secret.isascii() and self.secret.replace("_", "a").replace("-", "a").isalnum()
        if not plain or len(self.secret) > 256:
            raise UsageError("the webhook needs a secret of 1-256 letters, digits, _ or -; set MINHU_TELEGRAM_WEBHOOK_SECRET")


class _Server(uvicorn.Server):
    """uvicorn inside somebody else's loop: signals belong to the process that started us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def build_app(config: WebhookConfig, hearing: Hearing) -> FastAPI:
    """The endpoint: 403 without the secret, 400 for what is no update, 413 for too much, 503 when it could not be stored."""
    app = FastAPI(openapi_url=None)
    secret = config.secret.encode()

    @app.post(urlsplit(config.url).path or "/")
    async def update(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get(HEADER, "").encode("latin-1"), secret):
            log.warning("webhook.forged")
            return Response(status_code=403)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                return Response(status_code=413)
        data = _update_in(body)
        if data is None:
            return Response(status_code=400)
        try:
            await hearing.take(data)
        except (RedisError, OSError, TelegramError) as error:
            log.warning("update.not_stored", error=type(error).__name__)
            return Response(status_code=503)
        return Response(status_code=200)

    return app


def _update_in(body: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("update_id"), int) else None


def listen(host: str, port: int) -> socket.socket:
    """UsageError when the port is taken."""
    # with the protocol named, asyncio turns Nagle's delay off
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise UsageError(f"the webhook cannot listen on {host}:{port} ({error.strerror}); choose MINHU_TELEGRAM_WEBHOOK_PORT") from error
    sock.setblocking(False)
    return sock


async def serve_webhook(config: WebhookConfig, bot: Bot, hearing: Hearing) -> None:
    """Listen, tell Telegram, serve until cancelled. The webhook stays registered: while we are down, Telegram keeps the updates."""
    sock = config.sock or listen(config.host, config.port)
    options = uvicorn.Config(
        build_app(config, hearing), log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=3
    )
    server = _Server(options)
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        await patiently(lambda: bot.set_webhook(config.url, secret_token=config.secret, allowed_updates=WANTED, drop_pending_updates=False))
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        sock.close()
