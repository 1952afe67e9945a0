"""Speaking over real HTTP through the outgoing queue: what Telegram refuses, and what people see in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.channels.contract import Button, Media, SpeakError, Speech
from bot.channels.outgoing import Manners, Pace, Rate, Speaker
from bot.channels.telegram import TelegramChannel
from bot.channels.telegram.text import split_text
from bot.streams import Streams
from tests.bot.channels.telegram.bot_api import BotApi, Json, Refusal
from tests.bot.channels.telegram.conftest import GROUP, WANG
from tests.bot.channels.telegram.ears import Notes, hearing, until

QUICK = Pace(lease_s=1.0, backoff_s=0.02, backoff_most_s=0.1)
BRISK = Manners(parts=split_text)


def speech(key: str, text: str = "", chat: int = GROUP, **more: Any) -> Speech:
    return Speech(key=key, channel="telegram", chat_id=str(chat), text=text or key, **more)


@asynccontextmanager
async def speaking(redis: Redis, channel: TelegramChannel) -> AsyncIterator[Speaker]:
    speaker = Speaker(redis, channel, pace=QUICK)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(speaker.run())
        yield speaker
        speaker.stop()


async def say(redis: Redis, *items: Speech) -> None:
    for item in items:
        await Streams(redis, 1).say(item)


async def quiet(redis: Redis) -> None:
    async def empty() -> bool:
        return bool(await redis.xlen("speech:telegram") == 0)

    await until(empty)


@pytest.fixture
def brisk(make_channel: Callable[..., TelegramChannel], api: BotApi) -> TelegramChannel:
    """A channel without Telegram's rates, in a chat the bot knows."""
    api.chat(GROUP)
    return make_channel(manners=BRISK)


async def test_text_is_never_markup(api: BotApi, brisk: TelegramChannel) -> None:
    text = "<b>3栋</b> *电梯* _坏了_ `x` [链接](http://x) &amp; <script>alert(1)</script> '; DROP TABLE tickets;-- 𠮷😀"
    await brisk.speak(
        speech("k", text, buttons=((Button(label="<确认>", action="t1:ok"), Button(label="看", url="https://example.org")),)), None
    )
    (call,) = api.good("sendMessage")
    assert call.params["text"] == text
    assert "parse_mode" not in call.params
    assert call.params["reply_markup"]["inline_keyboard"] == [
        [{"text": "<确认>", "callback_data": "t1:ok"}, {"text": "看", "url": "https://example.org"}]
    ]


async def test_a_card_is_edited_in_place_and_loses_its_buttons_when_done(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    button = ((Button(label="确认", action="t1:ok"),),)
    async with speaking(redis, brisk):
        await say(redis, speech("v1", "待确认", card_id="t1", version=1, buttons=button))
        await quiet(redis)
        await say(redis, speech("v2", "待确认", card_id="t1", version=2, buttons=button))
        await quiet(redis)
        await say(redis, speech("v3", "已派单", card_id="t1", version=3))
        await quiet(redis)
    (message,) = api.shown(GROUP)
    assert message["text"] == "已派单"
    assert "reply_markup" not in message
    # the second version reads the same: Telegram calls it an error, nobody else does
    assert [c.refused[:36] for c in api.calls if c.method == "editMessageText"] == ["Bad Request: message is not modified", ""]


async def test_a_card_somebody_deleted_is_said_anew(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    async with speaking(redis, brisk):
        await say(redis, speech("v1", card_id="t1", version=1))
        await quiet(redis)
        api.messages.clear()
        await say(redis, speech("v2", card_id="t1", version=2))
        await quiet(redis)
        await say(redis, speech("v3", card_id="t1", version=3))
        await quiet(redis)
    assert [m["text"] for m in api.shown(GROUP)] == ["v3"]


async def test_replies_quote_and_survive_a_deleted_question_and_a_closed_topic(api: BotApi, brisk: TelegramChannel) -> None:
    asked = api.message(GROUP, WANG, text="电梯坏了")
    await brisk.speak(speech("a", reply_to=str(asked["message_id"]), thread_id="9"), None)
    await brisk.speak(speech("b", reply_to="99999", thread_id="404"), None)
    first, second = api.good("sendMessage")
    assert first.params["reply_parameters"]["message_id"] == asked["message_id"]
    assert first.params["message_thread_id"] == "9"
    assert "message_thread_id" not in second.params


async def test_a_storm_of_429_delays_and_loses_nothing(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    api.limit_per_chat, api.window_s = 5, 1.2
    chats = [GROUP, GROUP - 1, GROUP - 2]
    for chat in chats:
        api.chat(chat)
    await say(redis, *[speech(f"{chat}:{n}", chat=chat) for n in range(9) for chat in chats])
    async with speaking(redis, brisk):
        await quiet(redis)
    assert any(c.refused.startswith("Too Many Requests") for c in api.calls)
    for chat in chats:
        assert api.said(chat) == [f"{chat}:{n}" for n in range(9)]


async def test_at_telegrams_own_rates_it_is_never_told_to_wait(
    api: BotApi, make_channel: Callable[..., TelegramChannel], redis: Redis
) -> None:
    """The same arithmetic as in production with a shorter minute."""
    api.chat(GROUP)
    api.limit_per_chat, api.window_s = 6, 2.0
    rate = Rate(count=6, window_s=2.8, reserved=1)
    channel = make_channel(manners=Manners(rate_of=lambda _chat: rate))
    await say(redis, *[speech(f"k{n}") for n in range(9)])
    async with speaking(redis, channel):
        await until(lambda: len(api.said()) == 5)
        await say(redis, speech("fire", "马上撤离，打119", urgent=True))
        await quiet(redis)
    assert [c for c in api.calls if c.refused] == []
    assert api.said() == [*[f"k{n}" for n in range(5)], "马上撤离，打119", *[f"k{n}" for n in range(5, 9)]]


async def test_being_blocked_or_unknown_sets_aside_and_the_others_go_on(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    api.chat(7, "private")
    api.blocked.add(7)
    long_action = ((Button(label="x", action="a" * 65),),)
    await say(
        redis, speech("blocked", chat=7), speech("unknown", chat=-99), speech("odd", buttons=long_action), speech("空", " \n"), speech("ok")
    )
    await say(redis, Speech(key="no id", channel="telegram", chat_id="web-1", text="x"))
    async with speaking(redis, brisk):
        await quiet(redis)
    assert api.said() == ["ok"]
    rows: Any = await redis.xrange("poison")
    errors = " | ".join(fields["error"] for _, fields in rows)
    for fact in ("blocked by the user", "chat not found", "BUTTON_DATA_INVALID", "text is empty", "no id of Telegram"):
        assert fact.lower() in errors.lower()


async def test_a_group_becomes_a_supergroup_in_the_middle(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    api.chat(-5, "group")
    async with hearing(brisk, Notes()) as notes, speaking(redis, brisk):
        await say(redis, speech("v1", "已受理", chat=-5, card_id="t1", version=1))
        await quiet(redis)
        # Telegram refuses the old id before the bot is told
        api.moved[-5] = -1005
        api.chat(-1005)
        await say(redis, speech("hello", "大家好", chat=-5), speech("v2", "已派单", chat=-5, card_id="t1", version=2))
        await quiet(redis)
        await notes.count(1)
        api.send(-5, WANG, migrate_to_chat_id=-1005)
        api.send(-1005, WANG, migrate_from_chat_id=-5)
        await say(redis, speech("v3", "已办结", chat=-5, card_id="t1", version=3))
        api.say(-1005, WANG, "谢谢")
        await notes.count(2)
        await quiet(redis)
    assert [(m.kind, m.chat_id, m.moved_to) for m in notes.messages] == [("migrated", "-5", "-1005"), ("message", "-1005", "")]
    assert [m["text"] for m in api.shown(-1005)] == ["大家好", "已办结"]


async def test_telegram_dying_and_coming_back_in_the_middle(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    await say(redis, *[speech(f"k{n}") for n in range(60)])
    async with speaking(redis, brisk):
        await until(lambda: len(api.said()) >= 10)
        await api.stop()
        await asyncio.sleep(0.2)
        await api.start()
        await quiet(redis)
    said = api.said()
    assert len(said) == len(set(said))
    maybe = {f"k{n}" for n in range(60)} - set(said)
    # at most the one that was out when the connection broke, and that one is on record
    assert len(maybe) <= 1
    for key in maybe:
        assert await redis.get(f"spoken:{{speech:telegram}}:{key}") == "uncertain"


async def test_an_answer_that_got_lost_is_not_asked_for_again_unless_it_is_urgent(
    api: BotApi, brisk: TelegramChannel, redis: Redis
) -> None:
    lost: set[str] = set()

    def cut(method: str, params: Json) -> None:
        if method == "sendMessage" and params["text"] not in lost:
            lost.add(params["text"])
            api._do_sendmessage(params)
            assert api._server is not None
            for connection in list(api._server.server_state.connections):
                connection.transport.abort()  # type: ignore[union-attr]
            raise Refusal(500, "nobody reads this")

    api.moods.append(cut)
    await say(redis, speech("ack", "已受理"), speech("fire", "马上撤离", urgent=True))
    async with speaking(redis, brisk):
        await quiet(redis)
    assert sorted(m["text"] for m in api.shown(GROUP)) == ["已受理", "马上撤离", "马上撤离"]


async def test_long_texts_come_in_pieces(api: BotApi, brisk: TelegramChannel, redis: Redis) -> None:
    text = "。".join("这是一条很长的政策答复" for _ in range(600))
    async with speaking(redis, brisk):
        await say(redis, speech("long", text))
        await quiet(redis)
    assert "".join(api.said()) == text
    assert len(api.said()) == 2


async def test_files_that_cannot_be_had_say_why(api: BotApi, brisk: TelegramChannel) -> None:
    with pytest.raises(SpeakError, match="20 MB") as caught:
        await brisk.fetch(Media(kind="video", ref="v", size=21_000_000))
    assert caught.value.retry_after_s is None
    with pytest.raises(SpeakError, match="Wrong file_id") as caught:
        await brisk.fetch(Media(kind="photo", ref="nobody"))
    assert caught.value.retry_after_s is None
    with pytest.raises(SpeakError, match="no bytes"):
        await brisk.fetch(Media(kind="location", lat=1.0, long=2.0))
    api.file("v.ogg", b"ogg")
    api.refuse("getFile", Refusal(429, "Too Many Requests: retry after 3", retry_after=3))
    with pytest.raises(SpeakError) as caught:
        await brisk.fetch(Media(kind="voice", ref="v.ogg"))
    assert caught.value.retry_after_s == 3.0
    assert await brisk.fetch(Media(kind="voice", ref="v.ogg", mime="audio/ogg")) == (b"ogg", "audio/ogg")
