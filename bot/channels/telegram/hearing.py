"""From an update to the ear: adds what the chat's card map and the bot's rights say, stores, answers presses.

An update is done with only when `take` returns. It is safe to take an update again: it yields the same key.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError
from telegram import Bot, CallbackQuery, ChatMember, ChatMemberMember, Update, User
from telegram.error import TelegramError

from bot.channels.contract import ChatMessage, Ear, Sender
from bot.channels.ledger import Ledger
from bot.channels.stopping import heed_cancel
from bot.channels.telegram.reading import NAME, Me, missing_rights, moved, read
from bot.streams import POISON, POISON_KEPT, REMEMBER_S
from nlp.privacy import mask

log = structlog.get_logger()

HEARD = Counter("minhu_heard", "Updates of a channel by what became of them", ["channel", "outcome"])
# joining a group is told twice, by a service message and by a change of membership, at most this far apart
SAME_WELCOME_S = 60


class Hearing:
    """Takes updates for `ear`. `redis` decodes responses."""

    def __init__(self, bot: Bot, redis: Redis, ear: Ear, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.bot = bot
        self.redis = redis
        self.ear = ear
        self.ledger = Ledger(redis, NAME)
        self.me: Me | None = None
        self._clock = clock
        self._aside: set[asyncio.Task[Any]] = set()

    async def meet(self) -> Me:
        """Ask Telegram who the bot is, and whether it hears everything now. TelegramError when it cannot be asked."""
        about: User = await self.bot.get_me()
        self.me = Me(about.id, about.username or "", bool(about.can_read_all_group_messages))
        return self.me

    async def take(self, data: dict[str, Any]) -> None:
        """Hear one update, as JSON. Raises RedisError or OSError when it could not be stored: take it again.

        An update nobody can read is set aside and never stops those behind it.
        """
        try:
            update = Update.de_json(data, self.bot)
            message = read(update, self.me or await self.meet(), self._clock())
        except TelegramError:
            raise
        except Exception as error:
            await self._set_aside(data, error)
            return
        if message is None:
            HEARD.labels(NAME, "passed_over").inc()
            return
        message = await self._complete(message, update)
        fresh = await self.ear.heard(message)
        HEARD.labels(NAME, "heard" if fresh else "known").inc()
        if update.callback_query:
            self._beside(self._answer(update.callback_query))

    async def hear_moved(self, old: int, new: int) -> None:
        """A chat's new id that was learnt while speaking."""
        me = self.me or await self.meet()
        await self.ear.heard(moved(old, new, Sender(id=str(me.id), name=me.username), self._clock()))

    async def close(self) -> None:
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)

    async def _complete(self, message: ChatMessage, update: Update) -> ChatMessage:
        if message.kind == "migrated":
            await self.ledger.move(message.chat_id, message.moved_to)
        elif message.reply_to:
            return message.model_copy(update={"card_id": await self.ledger.card_of(message.chat_id, message.reply_to)})
        elif message.kind == "welcome" and message.chat_kind == "group":
            welcome_id = await self._one_welcome(message)
            return message.model_copy(update={"message_id": welcome_id, "rights_missing": await self._rights(message, update)})
        return message

    async def _one_welcome(self, message: ChatMessage) -> str:
        if message.message_id.startswith("rights"):
            return message.message_id
        name = f"welcomed:{NAME}:{message.chat_id}"
        await self.redis.set(name, message.message_id, nx=True, ex=SAME_WELCOME_S)
        return str(await self.redis.get(name) or message.message_id)

    async def _rights(self, message: ChatMessage, update: Update) -> tuple[str, ...]:
        """What the bot lacks. Where Telegram cannot be asked, what is known from before is told: being late is worse."""
        me = self.me
        with suppress(TelegramError):
            me = await self.meet()
        if me is None:
            return ()
        member: ChatMember = ChatMemberMember(User(me.id, me.username, is_bot=True))
        if update.my_chat_member:
            member = update.my_chat_member.new_chat_member
        else:
            with suppress(TelegramError):
                member = await self.bot.get_chat_member(int(message.chat_id), me.id)
        return missing_rights(member, me)

    async def _answer(self, query: CallbackQuery) -> None:
        """Stop the button's spinner. A query that is too old needs no answer any more."""
        with suppress(TelegramError):
            await self.bot.answer_callback_query(query.id)

    def _beside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _set_aside(self, data: dict[str, Any], error: Exception) -> None:
        log.error("update.unreadable", update=data.get("update_id"), error=type(error).__name__)
        raw = json.dumps(data, ensure_ascii=False)
        fields = {
            "stream": f"updates:{NAME}",
            "entry": str(data.get("update_id", "")),
            "error": f"unreadable update: {type(error).__name__}: {str(error)[:200]}",
            "payload": mask(raw[:4000]).text,
        }
        poison_id = await self.redis.xadd(POISON, cast(dict[Any, Any], fields), maxlen=POISON_KEPT, approximate=True)
        await self.redis.set(f"poison-raw:{poison_id!s}", raw, ex=REMEMBER_S)
        HEARD.labels(NAME, "unreadable").inc()


async def until_stored(take: Callable[[], Awaitable[None]], most_s: float = 5.0) -> None:
    """Repeat `take` until Redis and Telegram let it through."""
    wait_s = 0.05
    while True:
        try:
            await take()
            return
        except (RedisError, OSError, TelegramError) as error:
            log.warning("update.not_stored", error=type(error).__name__)
            heed_cancel()
            await asyncio.sleep(wait_s)
            wait_s = min(most_s, wait_s * 2)
