"""Long polling in which an update is confirmed to Telegram only after it was stored.

python-telegram-bot's own Updater asks for the next batch, and so confirms the last one, before anything was done with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from telegram import Bot
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from bot.channels.stopping import heed_cancel
from bot.channels.telegram.errors import seconds
from bot.channels.telegram.hearing import Hearing, until_stored
from bot.channels.telegram.reading import NAME, WANTED
from bot.errors import UsageError

log = structlog.get_logger()

LONG_POLL_S = 25
BATCH = 100
# after a week without updates Telegram numbers them anew (core.telegram.org/bots/api#update): an old offset would skip those
OFFSET_KEPT_S = 86_400
BACKOFF_MOST_S = 30.0

T = TypeVar("T")


class UpdatesRequest(HTTPXRequest):
    """Keeps the updates of an answer as JSON and hands the library only their numbers: one update it cannot read must not
    hold up the others, nor be written to its log."""

    __slots__ = ("updates",)

    def __init__(self) -> None:
        super().__init__(connection_pool_size=1)
        self.updates: list[dict[str, Any]] = []

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        code, payload = await super().do_request(*args, **kwargs)
        self.updates = []
        if code != 200:
            return code, payload
        with suppress(ValueError, AttributeError, TypeError):
            self.updates = [u for u in json.loads(payload).get("result", []) if isinstance(u.get("update_id"), int)]
            payload = json.dumps({"ok": True, "result": [{"update_id": u["update_id"]} for u in self.updates]}).encode()
        return code, payload


class Poller:
    """Asks for updates until cancelled. UsageError when Telegram refuses the token."""

    def __init__(self, bot: Bot, request: UpdatesRequest, redis: Redis, hearing: Hearing) -> None:
        self.bot = bot
        self.request = request
        self.redis = redis
        self.hearing = hearing
        self._key = f"offset:{NAME}:{bot.token.partition(':')[0]}"

    async def run(self) -> None:
        await patiently(lambda: self.bot.delete_webhook(drop_pending_updates=False))
        offset: int | None = None
        with suppress(RedisError, OSError, ValueError):
            offset = int(await self.redis.get(self._key) or 0) or None
        while True:
            heed_cancel()
            updates = await patiently(partial(self._ask, offset))
            for update in updates:
                heed_cancel()
                await until_stored(partial(self.hearing.take, update))
            if not updates:
                # all before the offset is confirmed now, so the next question may be asked without one
                offset = None
                continue
            offset = max(update["update_id"] for update in updates) + 1
            with suppress(RedisError, OSError):
                await self.redis.set(self._key, offset, ex=OFFSET_KEPT_S)

    async def _ask(self, offset: int | None) -> list[dict[str, Any]]:
        await self.bot.get_updates(offset=offset, limit=BATCH, timeout=LONG_POLL_S, allowed_updates=WANTED)
        return self.request.updates


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask Telegram until it answers. UsageError when it refuses the token: waiting would not help."""
    wait_s = 0.2
    while True:
        try:
            return await ask()
        except InvalidToken:
            raise UsageError("Telegram refuses the token; get the right one from @BotFather and set MINHU_TELEGRAM_TOKEN") from None
        except RetryAfter as error:
            await asyncio.sleep(seconds(error.retry_after))
        except Conflict:
            log.warning("telegram.conflict", remedy="another process reads this bot's updates; stop it")
            await asyncio.sleep(5.0)
        except TelegramError as error:
            log.warning("telegram.away", error=type(error).__name__)
            await asyncio.sleep(wait_s)
            wait_s = min(BACKOFF_MOST_S, wait_s * 2)
