"""What Telegram's errors mean for a delivery. The token is in no message."""

from __future__ import annotations

from datetime import timedelta

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.channels.contract import SpeakError

# Telegram names these only by their text (seen at core.telegram.org/bots/api answers; matched in lower case)
NOT_MODIFIED = "message is not modified"
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_THREAD_GONE = ("message thread not found", "topic_closed", "topic_deleted")
# the request had not left when these happened
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
# a refused token is mended by a person; until then nothing is thrown away
TOKEN_RETRY_S = 60.0


def says(error: TelegramError, *texts: str) -> bool:
    message = str(error).lower()
    return isinstance(error, BadRequest) and any(text in message for text in texts)


def thread_is_gone(error: TelegramError) -> bool:
    return says(error, *_THREAD_GONE)


def speak_error(error: TelegramError) -> SpeakError:
    """TelegramError → SpeakError. Answers of the server mean "not said"; a connection that broke after sending is uncertain."""
    match error:
        case RetryAfter():
            return SpeakError("flood control", retry_after_s=seconds(error.retry_after))
        case ChatMigrated():
            return SpeakError("the group became a supergroup", retry_after_s=0.0, moved_to=str(error.new_chat_id))
        case InvalidToken():
            return SpeakError("Telegram refuses the token", retry_after_s=TOKEN_RETRY_S)
        case Forbidden():
            return SpeakError(f"Forbidden: {error.message}")
        case BadRequest():
            return SpeakError(f"Bad Request: {error.message}", gone=says(error, *_GONE))
        case NetworkError():
            broke = isinstance(error.__cause__, httpx.HTTPError) and not isinstance(error.__cause__, _NOT_SENT)
            return SpeakError(f"network: {type(error.__cause__ or error).__name__}", retry_after_s=0.0, uncertain=broke)
    # an answer nobody can read: the server may have done what it was asked
    return SpeakError(f"Telegram: {error.message}", retry_after_s=0.0, uncertain=True)


def seconds(value: int | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
