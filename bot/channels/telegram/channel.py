"""The Telegram channel: hears by polling or webhook, speaks plain text, fetches files."""

from __future__ import annotations

import logging
import mimetypes
import os
from collections.abc import Mapping

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters
from telegram.error import ChatMigrated, InvalidToken, TelegramError
from telegram.request import HTTPXRequest

from bot.channels.contract import Button, Ear, Media, SpeakError, Speech, Spoken
from bot.channels.outgoing import Manners, Rate
from bot.channels.telegram.errors import NOT_MODIFIED, says, speak_error, thread_is_gone
from bot.channels.telegram.hearing import Hearing
from bot.channels.telegram.polling import Poller, UpdatesRequest, patiently
from bot.channels.telegram.reading import NAME
from bot.channels.telegram.text import split_text
from bot.channels.telegram.webhook import WebhookConfig, serve_webhook

log = structlog.get_logger()

# core.telegram.org/bots/faq#my-bot-is-hitting-limits: 20 messages a minute in a group, 1 a second in a chat, 30 a second in
# all. The windows are a little longer than Telegram's, for the way there takes different times; a few are kept for emergencies.
IN_ALL = Rate(count=30, window_s=1.05, reserved=2)
IN_A_GROUP = Rate(count=20, window_s=61.0, reserved=2)
IN_PRIVATE = Rate(count=1, window_s=1.05)
# getFile gives bots files up to 20 MB
LARGEST_FILE = 20_000_000
TELEGRAM = "https://api.telegram.org"


def rate_of(chat_id: str) -> Rate:
    """Groups have negative ids."""
    return IN_A_GROUP if chat_id.startswith("-") else IN_PRIVATE


MANNERS = Manners(total=IN_ALL, rate_of=rate_of, parts=split_text)


class TelegramChannel:
    """One bot. `redis` decodes responses. `commands`: name → description for Telegram's menu, in its order.

    Text is sent as it is: no parse mode, so nothing in it is ever markup.
    """

    name = NAME

    def __init__(
        self,
        token: str,
        redis: Redis,
        *,
        base_url: str | None = None,
        base_file_url: str | None = None,
        webhook: WebhookConfig | None = None,
        commands: Mapping[str, str] | None = None,
        manners: Manners = MANNERS,
    ) -> None:
        # durations as timedelta, the library's coming default; without it every RetryAfter is a deprecation warning
        os.environ.setdefault("PTB_TIMEDELTA", "1")
        # these write the addresses they call, and the token is part of Telegram's
        for wordy in ("httpx", "httpcore", "telegram"):
            logging.getLogger(wordy).setLevel(logging.WARNING)
        self.redis = redis
        self.manners = manners
        self._webhook = webhook
        self._commands = commands or {}
        self._updates = UpdatesRequest()
        self._request = HTTPXRequest(connection_pool_size=64, read_timeout=15.0, connect_timeout=10.0, pool_timeout=10.0)
        self.bot = Bot(
            token,
            base_url=base_url or f"{TELEGRAM}/bot",
            base_file_url=base_file_url or f"{TELEGRAM}/file/bot",
            request=self._request,
            get_updates_request=self._updates,
        )
        self._hearing: Hearing | None = None

    async def hear(self, ear: Ear) -> None:
        """Hear until cancelled; Telegram and Redis being away are waited out. UsageError when the token is refused."""
        hearing = Hearing(self.bot, self.redis, ear)
        try:
            me = await patiently(hearing.meet)
            self._hearing = hearing
            log.info("telegram.started", bot=me.username, reads_all=me.reads_all, webhook=bool(self._webhook))
            if self._commands:
                menu = [BotCommand(name.lstrip("/"), about) for name, about in self._commands.items()]
                await patiently(lambda: self.bot.set_my_commands(menu))
            if self._webhook:
                await serve_webhook(self._webhook, self.bot, hearing)
            else:
                await Poller(self.bot, self._updates, self.redis, hearing).run()
        finally:
            self._hearing = None
            await hearing.close()

    async def speak(self, speech: Speech, message_id: str | None) -> Spoken:
        """Send, or edit `message_id`. A card that already reads so is spoken. SpeakError says what became of it otherwise."""
        try:
            return await self._speak(speech, message_id, speech.thread_id)
        except TelegramError as error:
            if message_id and says(error, NOT_MODIFIED):
                return Spoken(message_id=message_id)
            if isinstance(error, ChatMigrated):
                await self._tell_moved(speech.chat_id, error.new_chat_id)
            if not (speech.thread_id and thread_is_gone(error)):
                raise speak_error(error) from error
        try:
            # a topic that was closed or deleted: in the group itself
            return await self._speak(speech, message_id, "")
        except TelegramError as error:
            raise speak_error(error) from error

    async def _speak(self, speech: Speech, message_id: str | None, thread_id: str) -> Spoken:
        chat_id, buttons = _number(speech.chat_id), _keyboard(speech.buttons)
        preview = LinkPreviewOptions(is_disabled=True)
        if message_id:
            await self.bot.edit_message_text(
                speech.text, chat_id=chat_id, message_id=_number(message_id), reply_markup=buttons, link_preview_options=preview
            )
            return Spoken(message_id=message_id)
        quoted = speech.reply_to if speech.reply_to.isdecimal() else ""
        sent = await self.bot.send_message(
            chat_id,
            speech.text,
            message_thread_id=_number(thread_id) if thread_id else None,
            reply_parameters=ReplyParameters(int(quoted), allow_sending_without_reply=True) if quoted else None,
            reply_markup=buttons,
            link_preview_options=preview,
        )
        return Spoken(message_id=str(sent.message_id))

    async def _tell_moved(self, old: str, new: int) -> None:
        """The error may come before the update that says the same."""
        if self._hearing:
            try:
                await self._hearing.hear_moved(_number(old), new)
            except (RedisError, OSError, TelegramError):
                log.warning("chat.move_not_told", chat=old)

    async def fetch(self, media: Media) -> tuple[bytes, str]:
        """The bytes of a photo, film, voice or file, and their media type."""
        if not media.ref:
            raise SpeakError(f"a {media.kind} has no bytes")
        if media.size > LARGEST_FILE:
            raise SpeakError(f"the file has {media.size} bytes; Telegram gives bots 20 MB")
        try:
            file = await self.bot.get_file(media.ref)
        except TelegramError as error:
            raise speak_error(error) from error
        try:
            data = await file.download_as_bytearray()
        except InvalidToken as error:
            # so the library reads a 404: the link lived an hour; the next try gets a new one
            raise SpeakError("the link to the file has gone", retry_after_s=0.0) from error
        except TelegramError as error:
            raise speak_error(error) from error
        return bytes(data), media.mime or mimetypes.guess_type(file.file_path or "")[0] or "application/octet-stream"

    async def close(self) -> None:
        """Close the connections."""
        await self._request.shutdown()
        await self._updates.shutdown()


def _keyboard(rows: tuple[tuple[Button, ...], ...]) -> InlineKeyboardMarkup | None:
    if not any(rows):
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(b.label, url=b.url) if b.url else InlineKeyboardButton(b.label, callback_data=b.action) for b in row]
            for row in rows
        ]
    )


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SpeakError(f"{text!r} is no id of Telegram's") from None
