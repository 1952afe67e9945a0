"""A whole conversation over HTTP, and the same with the channel killed in the middle."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.channels.contract import Button, ChatMessage, Fetch, Speech
from bot.channels.outgoing import Manners, Pace, Speaker
from bot.channels.telegram import TelegramChannel
from tests.bot.channels.telegram.bot_api import BotApi
from tests.bot.channels.telegram.conftest import LI, WANG
from tests.bot.channels.telegram.ears import hearing, until
from tests.bot.channels.telegram.scripted_mind import ScriptedMind

OLD, NEW = -5, -1005


def speech(message: ChatMessage, text: str, **more: Any) -> Speech:
    about = {"key": f"re:{message.key}", "thread_id": message.thread_id, "heard_at": message.at} | more
    return Speech(channel="telegram", chat_id=message.chat_id, text=text, **about)


def morning(message: ChatMessage) -> Iterable[Speech | Fetch]:
    """What an assistant might do: a card for a report, its progress, photos to the intake API, an alarm, commands."""
    match message.kind, message.text:
        case "welcome", _:
            yield speech(message, "还缺：" + "、".join(message.rights_missing))
        case "message", "3栋电梯坏了":
            button = ((Button(label="确认", action="t1:confirm"),),)
            yield speech(message, "已记录", reply_to=message.message_id, card_id="t1", version=1, buttons=button)
        case "message", "有煤气味":
            yield speech(message, "请立即离开并拨打119", urgent=True)
        case "message", "还没修好？":
            yield speech(message, f"进度：{message.card_id}")
        case "press", _:
            yield speech(message, "已派单", card_id=message.card_id, version=2)
        case "command", "/my":
            yield speech(message, "您有1件")
        case "edit", _:
            yield speech(message, "已更正", card_id="t1", version=3)
        case "message", _ if message.media:
            for media in message.media:
                yield Fetch(
                    key=f"f:{message.key}", channel="telegram", chat_id=message.chat_id, message_id=message.message_id, ticket_id="t1",
                    media=media,
                )  # fmt: skip
        case "message", "谢谢":
            yield speech(message, "已办结", card_id="t1", version=4)


class Intake:
    def __init__(self) -> None:
        self.got: list[tuple[str, bytes, str]] = []

    async def add_media(self, ticket_id: str, data: bytes, mime: str, key: str, message_id: str = "") -> None:
        self.got.append((ticket_id, data, mime))


@asynccontextmanager
async def product(redis: Redis, channel: TelegramChannel, intake: Intake) -> AsyncIterator[ScriptedMind]:
    mind = ScriptedMind(redis, morning)
    speaker = Speaker(redis, channel, intake, pace=Pace(lease_s=1.0, backoff_s=0.05))
    async with mind.thinking(), hearing(channel, mind.streams), asyncio.TaskGroup() as tasks:  # type: ignore[arg-type]
        tasks.create_task(speaker.run())
        yield mind
        speaker.stop()


async def test_a_morning_in_the_group(api: BotApi, make_channel: Callable[..., TelegramChannel], redis: Redis) -> None:
    intake = Intake()
    api.file("p.jpg", b"jpeg")
    channel = make_channel(manners=Manners())

    def shown(chat: int) -> list[str]:
        return [m["text"] for m in api.shown(chat)]

    async with product(redis, channel, intake):
        api.chat(OLD, "group")
        api.membership(OLD, WANG, "left", "member")
        await until(lambda: shown(OLD) == ["还缺：not_admin"])
        report = api.say(OLD, WANG, "3栋电梯坏了")
        api.say(OLD, LI, "早上好")
        await until(lambda: shown(OLD)[1:] == ["已记录"])
        card = api.shown(OLD)[1]
        api.send(OLD, WANG, photo=[{"file_id": "p.jpg", "file_unique_id": "u", "width": 9, "height": 9}])
        await until(lambda: intake.got == [("t1", b"jpeg", "image/jpeg")])
        api.press(OLD, card["message_id"], LI, "t1:confirm")
        await until(lambda: shown(OLD)[1:] == ["已派单"])
        api.edit(report, "5栋电梯坏了")
        await until(lambda: shown(OLD)[1:] == ["已更正"])
        api.say(OLD, WANG, "还没修好？", reply_to_message={k: v for k, v in card.items() if k != "reply_markup"})
        await until(lambda: shown(OLD)[2:] == ["进度：t1"])
        api.migrate(OLD, NEW, WANG)
        api.say(NEW, WANG, "有煤气味")
        await until(lambda: shown(NEW) == ["请立即离开并拨打119"])
        api.say(NEW, WANG, "谢谢")
        await until(lambda: "已办结" in shown(NEW))
        api.say(7, WANG, "/my")
        await until(lambda: shown(7) == ["您有1件"])
    assert len(api.good("answerCallbackQuery")) == 1
    assert max(Counter(api.said()).values()) == 1
    assert [c for c in api.calls if c.refused] == []
    rows: Any = await redis.xrange("poison")
    assert rows == []


@pytest.mark.kill
async def test_a_channel_killed_again_and_again_loses_nothing_and_says_nothing_twice(api: BotApi, redis: Redis, redis_url: str) -> None:
    """SIGKILL between receive and store, and between send and mark, six times in 400 messages to 40 chats."""
    chats = [-1000 - n for n in range(40)]
    sent = [(chats[n % 40], f"第{n}条") for n in range(400)]
    mind = ScriptedMind(redis, lambda message: [speech(message, f"收到{message.text}")])
    command = [sys.executable, "-m", "tests.bot.channels.telegram.run_channel", redis_url, api.base_url]

    async def spoken() -> list[str]:
        return [key async for key in redis.scan_iter("spoken:*", count=1000)]

    async with mind.thinking():
        for chat, text in sent:
            api.say(chat, WANG, text)
        process = await asyncio.create_subprocess_exec(*command)
        try:
            for kill in range(1, 7):
                await until(lambda mark=kill * 60: len(mind.read) >= mark)  # type: ignore[misc]
                process.kill()
                await process.wait()
                process = await asyncio.create_subprocess_exec(*command)

            async def all_answered() -> bool:
                return len(await spoken()) == 400

            await until(all_answered)
        finally:
            process.kill()
            await process.wait()
    assert Counter(m.text for m in mind.read) == Counter(text for _, text in sent)
    for chat in chats:
        assert [m.text for m in mind.read if m.chat_id == str(chat)] == [text for where, text in sent if where == chat]
    said = Counter(api.said())
    assert max(said.values()) == 1
    uncertain = [key for key in await spoken() if await redis.get(key) == "uncertain"]
    missing = {f"收到{text}" for _, text in sent} - set(said)
    # what a kill hit while it was being said is on record, whether people saw it or not
    assert len(missing) <= len(uncertain)
