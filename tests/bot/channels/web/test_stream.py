"""A browser that reconnects misses nothing and is told when it must load afresh."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.channels.web import log as chat_log
from tests.bot.channels.web.conftest import GROUP, Chat


async def read(chat: Chat, count: int, **request: Any) -> list[tuple[str, str, Any]]:
    """The first `count` events of a stream: (id, event, data)."""
    found: list[tuple[str, str, Any]] = []
    async with chat.http.stream("GET", "/chat/stream", **request) as answer:
        answer.raise_for_status()
        event: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
            elif "data" in event:
                found.append((event.get("id", ""), event["event"], json.loads(event["data"])))
                event = {}
                if len(found) == count:
                    return found
            else:
                event = {}
    return found


async def test_changes_come_in_order_and_a_reconnect_goes_on_where_it_stopped(chat: Chat) -> None:
    cursor = (await chat.state("p-zhang"))["cursor"]
    for number in range(4):
        await chat.post("p-liayi", f"第{number}条")
    first = await read(chat, 2, params={"who": "p-zhang", "after": cursor})
    rest = await read(chat, 2, params={"who": "p-zhang", "after": cursor}, headers={"Last-Event-ID": first[-1][0]})
    assert [data["message"]["text"] for _, _, data in first + rest] == ["第0条", "第1条", "第2条", "第3条"]


async def test_a_waiting_browser_is_woken(chat: Chat) -> None:
    import asyncio

    cursor = (await chat.state("p-zhang"))["cursor"]
    waiting = asyncio.create_task(read(chat, 1, params={"who": "p-zhang", "after": cursor}))
    await asyncio.sleep(0.1)
    await chat.post("p-liayi", "在吗")
    ((_, kind, data),) = await waiting
    assert (kind, data["chat"], data["message"]["text"]) == ("message", GROUP, "在吗")


@pytest.mark.parametrize("after", ["", "nonsense", "1-0", "1-0~2-0~3-0", "1-0\n~2-0"])
async def test_a_cursor_that_says_nothing_means_load_afresh(chat: Chat, after: str) -> None:
    ((_, kind, _),) = await read(chat, 1, params={"who": "p-zhang", "after": after})
    assert kind == "reset"


async def test_a_browser_away_for_too_long_loads_afresh(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_log, "CHANGES_KEPT", 10)
    await chat.post("p-liayi", "头一条")
    cursor = (await chat.state("p-zhang"))["cursor"]
    for number in range(30):
        await chat.channel.log.announce(GROUP, "play", {"sent": number})
    await chat.channel.redis.xtrim(f"web:{{{GROUP}}}:changes", maxlen=5, approximate=False)
    ((_, kind, _),) = await read(chat, 1, params={"who": "p-zhang", "after": cursor})
    assert kind == "reset"


async def test_older_messages_are_paged(chat: Chat) -> None:
    for number in range(7):
        await chat.post("p-liayi", f"第{number}条")
    newest, more = await chat.channel.log.latest(GROUP, 3)
    assert [m.text for m in newest] == ["第4条", "第5条", "第6条"]
    assert more
    older, more = await chat.channel.log.latest(GROUP, 10, newest[0].id)
    assert [m.text for m in older] == ["第0条", "第1条", "第2条", "第3条"]
    assert not more


async def test_a_chat_forgets_its_oldest_messages(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_log, "KEPT", 3)
    for number in range(5):
        await chat.post("p-liayi", f"第{number}条")
    assert [m["text"] for m in await chat.group()] == ["第2条", "第3条", "第4条"]
