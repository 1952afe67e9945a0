"""Hearing over real HTTP: every update once, in order, with what the bot knows of the chat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAwayError

from bot.channels.contract import ChatMessage
from bot.channels.ledger import Ledger
from bot.channels.telegram import TelegramChannel
from bot.errors import UsageError
from bot.streams import Streams
from tests.bot.channels.telegram.bot_api import BotApi, Refusal
from tests.bot.channels.telegram.conftest import GROUP, LI, WANG
from tests.bot.channels.telegram.ears import Notes, hearing, until


async def test_a_flood_from_one_sender_is_heard_whole_and_in_order(api: BotApi, channel: TelegramChannel, redis: Redis) -> None:
    for number in range(500):
        api.say(GROUP, WANG, f"第{number}条")
    streams = Streams(redis, 1)

    async def stored() -> bool:
        return bool(await redis.xlen("heard:0") == 500)

    async with hearing(channel, streams):  # type: ignore[arg-type]
        await until(stored)
    rows: Any = await redis.xrange("heard:0")
    assert [ChatMessage.model_validate_json(fields["body"]).text for _, fields in rows] == [f"第{n}条" for n in range(500)]


async def test_an_update_is_confirmed_only_after_it_was_stored(api: BotApi, make_channel: Callable[..., TelegramChannel]) -> None:
    class Deaf(Notes):
        async def heard(self, message: ChatMessage) -> bool:
            raise RedisAwayError

    api.say(GROUP, WANG, "电梯坏了")
    async with hearing(make_channel(), Deaf()):
        await asyncio.sleep(0.3)
    assert [u["message"]["text"] for u in api.updates] == ["电梯坏了"]
    async with hearing(make_channel(), Notes()) as notes:
        (message,) = await notes.count(1)
    assert message.text == "电梯坏了"


async def test_the_ear_failing_for_a_while_delays_and_loses_nothing(api: BotApi, channel: TelegramChannel) -> None:
    class Hard(Notes):
        failures = 3

        async def heard(self, message: ChatMessage) -> bool:
            if self.failures:
                self.failures -= 1
                raise RedisAwayError
            return await super().heard(message)

    for text in ("一", "二", "三"):
        api.say(GROUP, WANG, text)
    async with hearing(channel, Hard()) as notes:
        assert [m.text for m in await notes.count(3)] == ["一", "二", "三"]


async def test_telegram_going_away_and_coming_back_loses_nothing(api: BotApi, channel: TelegramChannel) -> None:
    async with hearing(channel, Notes()) as notes:
        api.say(GROUP, WANG, "之前")
        await notes.count(1)
        await api.stop()
        api.say(GROUP, WANG, "其间")
        await asyncio.sleep(0.2)
        await api.start()
        api.say(GROUP, LI, "之后")
        assert [m.text for m in await notes.count(3)] == ["之前", "其间", "之后"]


async def test_flood_control_and_conflicts_of_polling_are_waited_out(api: BotApi, channel: TelegramChannel) -> None:
    api.refuse("getUpdates", Refusal(429, "Too Many Requests: retry after 1", retry_after=1))
    api.refuse("getUpdates", Refusal(502, "Bad Gateway"))
    api.say(GROUP, WANG, "电梯坏了")
    async with hearing(channel, Notes()) as notes:
        await notes.count(1)


async def test_a_refused_token_is_one_clear_line_without_the_token(
    make_channel: Callable[..., TelegramChannel], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = make_channel(token="999:SECRET-of-somebody")
    with pytest.raises(UsageError, match="BotFather") as caught:
        await channel.hear(Notes())
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in caplog.text


async def test_updates_renumbered_after_a_quiet_week_are_heard(api: BotApi, channel: TelegramChannel, redis: Redis) -> None:
    async with hearing(channel, Notes()) as notes:
        for number in range(3):
            api.say(GROUP, WANG, f"旧{number}")
        await notes.count(3)
    assert 0 < await redis.ttl("offset:telegram:123456") <= 86_400
    assert int(await redis.get("offset:telegram:123456")) == 4
    # the stored offset has expired by then, as it must
    await redis.delete("offset:telegram:123456")
    api._ids = iter([1, 2])  # type: ignore[assignment]
    api.updates.clear()
    api.say(GROUP, WANG, "新0")
    async with hearing(channel, Notes()) as notes:
        assert [m.text for m in await notes.count(1)] == ["新0"]


async def test_an_update_nobody_can_read_is_set_aside_and_stops_nobody(
    api: BotApi, channel: TelegramChannel, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    api.push(message={"message_id": "no number", "chat": 5, "text": "我的电话13800138000"})
    api.push(message={"message_id": 1})
    api.push(something_new={"x": 1})
    api.push(message=None)
    api.say(GROUP, WANG, "电梯坏了")
    async with hearing(channel, Notes()) as notes:
        assert [m.text for m in await notes.count(1)] == ["电梯坏了"]
    rows: Any = await redis.xrange("poison")
    assert [fields["entry"] for _, fields in rows] == ["1", "2"]
    assert "13800138000" not in str(rows)
    assert "13800138000" not in caplog.text


async def test_a_press_is_answered_and_knows_its_card(api: BotApi, channel: TelegramChannel, redis: Redis) -> None:
    api.chat(GROUP)
    card = api.message(GROUP, {"id": 123456, "is_bot": True, "first_name": "小区助手"}, text="已受理")
    ledger = Ledger(redis, "telegram")
    await ledger.finish(("k",), (), chat=str(GROUP), message_id=str(card["message_id"]), card_id="t:8", version=1)
    async with hearing(channel, Notes()) as notes:
        api.press(GROUP, card["message_id"], WANG, "t8:confirm")
        api.say(GROUP, LI, "还没好？", reply_to_message={**card})
        api.press(GROUP, card["message_id"], LI, "t8:confirm")
        pressed, quote, again = await notes.count(3)
        await until(lambda: len(api.good("answerCallbackQuery")) == 2)
    assert (pressed.kind, pressed.card_id, pressed.action, pressed.sender.id) == ("press", "t:8", "t8:confirm", "7")
    assert (quote.kind, quote.reply_to, quote.card_id) == ("message", str(card["message_id"]), "t:8")
    assert pressed.key != again.key


async def test_joining_a_group_is_one_welcome_that_says_what_is_missing(api: BotApi, channel: TelegramChannel) -> None:
    api.privacy_mode = True
    me = {"id": 123456, "is_bot": True, "first_name": "小区助手"}
    async with hearing(channel, Notes()) as notes:
        api.send(GROUP, WANG, new_chat_members=[me])
        api.membership(GROUP, WANG, "left", "member")
        api.say(GROUP, WANG, "来了")
        await notes.count(2)
        api.membership(GROUP, WANG, "member", "administrator")
        api.membership(GROUP, WANG, "administrator", "kicked")
        messages = await notes.count(4)
    assert [m.kind for m in messages] == ["welcome", "message", "welcome", "left"]
    assert messages[0].rights_missing == ("privacy_mode", "not_admin")
    assert messages[0].chat_title == "3栋业主群"
    assert messages[2].rights_missing == ()


async def test_a_bot_that_hears_everything_misses_only_the_rank(api: BotApi, channel: TelegramChannel) -> None:
    async with hearing(channel, Notes()) as notes:
        # an old group tells only by its service message
        api.send(GROUP, WANG, new_chat_members=[{"id": 123456, "is_bot": True, "first_name": "小区助手"}])
        (welcome,) = await notes.count(1)
    assert welcome.rights_missing == ("not_admin",)


async def test_a_person_who_blocks_the_bot_has_left(api: BotApi, channel: TelegramChannel) -> None:
    async with hearing(channel, Notes()) as notes:
        api.membership(7, WANG, "member", "kicked")
        api.membership(7, WANG, "kicked", "member")
        api.say(7, WANG, "/start")
        left, welcome = await notes.count(2)
    assert (left.kind, left.chat_kind) == ("left", "private")
    assert (welcome.kind, welcome.chat_kind) == ("welcome", "private")


async def test_a_migration_is_heard_once_and_moves_what_waits(api: BotApi, channel: TelegramChannel, redis: Redis) -> None:
    async with hearing(channel, Notes()) as notes:
        api.chat(-5, "group")
        api.migrate(-5, -1005, WANG)
        api.say(-1005, WANG, "搬家了")
        migrated, after = await notes.count(2)
    assert (migrated.kind, migrated.chat_id, migrated.moved_to) == ("migrated", "-5", "-1005")
    assert after.chat_id == "-1005"
    assert (await Ledger(redis, "telegram").begin("k", "-5")).moved_to == "-1005"


async def test_the_menu_of_commands_is_set(api: BotApi, make_channel: Callable[..., TelegramChannel]) -> None:
    async with hearing(make_channel(commands={"/my": "我反映的事项", "/help": "怎么用"}), Notes()):
        await until(lambda: bool(api.good("setMyCommands")))
    assert api.good("setMyCommands")[0].params["commands"] == [
        {"command": "my", "description": "我反映的事项"},
        {"command": "help", "description": "怎么用"},
    ]


async def test_files_are_fetched(api: BotApi, channel: TelegramChannel) -> None:
    api.file("photos/a.jpg", b"\xff\xd8 bytes")
    async with hearing(channel, Notes()) as notes:
        size = {"file_id": "photos/a.jpg", "file_unique_id": "u", "width": 90, "height": 90, "file_size": 8}
        api.send(GROUP, WANG, photo=[size])
        (message,) = await notes.count(1)
    assert await channel.fetch(message.media[0]) == (b"\xff\xd8 bytes", "image/jpeg")
