"""The webhook: only Telegram gets in, and 200 means stored."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisAwayError

from bot.channels.contract import ChatMessage
from bot.channels.telegram import TelegramChannel, WebhookConfig
from bot.channels.telegram.webhook import listen
from bot.errors import UsageError
from tests.bot.channels.telegram.bot_api import BotApi
from tests.bot.channels.telegram.conftest import GROUP, WANG
from tests.bot.channels.telegram.ears import Notes, hearing, until

SECRET = "s3cret_-OK"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@pytest.fixture
def config() -> WebhookConfig:
    sock = listen("127.0.0.1", 0)
    return WebhookConfig(f"http://127.0.0.1:{sock.getsockname()[1]}/hook/telegram", SECRET, sock=sock)


@pytest.fixture
async def post(config: WebhookConfig) -> AsyncIterator[Callable[..., object]]:
    async with httpx.AsyncClient(trust_env=False) as http:

        async def send(body: bytes, secret: str | None = SECRET) -> int:
            headers = {HEADER: secret} if secret is not None else {}
            return (await http.post(config.url, content=body, headers=headers)).status_code

        yield send


async def test_updates_come_in_by_webhook(api: BotApi, make_channel: Callable[..., TelegramChannel], config: WebhookConfig) -> None:
    api.say(GROUP, WANG, "开机前")
    async with hearing(make_channel(webhook=config), Notes()) as notes:
        for number in range(20):
            api.say(GROUP, WANG, f"第{number}条")
        messages = await notes.count(21)
    assert [m.text for m in messages] == ["开机前", *[f"第{n}条" for n in range(20)]]
    assert api.webhook["allowed_updates"] == ["message", "edited_message", "callback_query", "my_chat_member"]
    assert api.webhook["url"] == config.url, "it stays registered: Telegram keeps the updates while we are down"


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET.lower(), "ü"])
async def test_a_forged_update_is_refused_and_heard_by_nobody(
    make_channel: Callable[..., TelegramChannel], config: WebhookConfig, post: Callable[..., object], api: BotApi, secret: str | None
) -> None:
    async with hearing(make_channel(webhook=config), Notes()) as notes:
        await until(lambda: bool(api.webhook))
        forged = b'{"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": -1, "type": "group"}, "text": "x"}}'
        raw = secret.encode("latin-1") if secret is not None else None
        assert await post(forged, raw) == 403  # type: ignore[misc]
        assert notes.messages == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[1]", 400),
        (b"{}", 400),
        (b'{"update_id": "1"}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b" " * 1_100_000, 413),
        (b'{"update_id": 1}', 200),
        (b'{"update_id": 1, "message": {"message_id": 1}}', 200),
    ],
)
async def test_what_is_no_update_is_refused(
    make_channel: Callable[..., TelegramChannel], config: WebhookConfig, post: Callable[..., object], api: BotApi, body: bytes, status: int
) -> None:
    async with hearing(make_channel(webhook=config), Notes()) as notes:
        await until(lambda: bool(api.webhook))
        assert await post(body) == status  # type: ignore[misc]
        assert notes.messages == []


async def test_what_could_not_be_stored_comes_again(
    api: BotApi, make_channel: Callable[..., TelegramChannel], config: WebhookConfig
) -> None:
    class Hard(Notes):
        failures = 2

        async def heard(self, message: ChatMessage) -> bool:
            if self.failures:
                self.failures -= 1
                raise RedisAwayError
            return await super().heard(message)

    api.say(GROUP, WANG, "电梯坏了")
    api.say(GROUP, WANG, "快来修")
    async with hearing(make_channel(webhook=config), Hard()) as notes:
        assert [m.text for m in await notes.count(2)] == ["电梯坏了", "快来修"]
        await until(lambda: len(api.delivered) == 4)
    assert [status for _, status in api.delivered] == [503, 503, 200, 200]


def test_bad_settings_are_one_clear_line() -> None:
    for secret in ("", "with space", "密码", "x" * 257):
        with pytest.raises(UsageError, match="secret"):
            WebhookConfig("https://example.org/hook", secret)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen"):
            listen("127.0.0.1", taken.getsockname()[1])
