"""What the assistant says stands in the chat once, and a card is one message that changes in place."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.contract import SpeakError, Speech
from tests.bot.channels.web.conftest import GROUP, Chat

_cards = itertools.count()


def speech(**more: object) -> Speech:
    return Speech.model_validate({"key": "k", "channel": "web", "chat_id": GROUP, "text": "已登记"} | more)


async def test_the_same_key_is_said_once_even_at_the_same_time(chat: Chat) -> None:
    spoken = await asyncio.gather(*(chat.channel.speak(speech(), None) for _ in range(20)))
    assert len({s.message_id for s in spoken}) == 1
    assert [m["text"] for m in await chat.group()] == ["已登记"]


async def test_other_keys_are_said_although_the_words_are_the_same(chat: Chat) -> None:
    await chat.channel.speak(speech(key="a"), None)
    await chat.channel.speak(speech(key="b"), None)
    assert len(await chat.group()) == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=st.lists(st.integers(1, 6), min_size=1, max_size=8), by_id=st.booleans())
async def test_whatever_order_versions_come_in_the_newest_stands(chat: Chat, versions: list[int], by_id: bool) -> None:
    card = f"card-{next(_cards)}"
    message_id = None
    for version in versions:
        spoken = await chat.channel.speak(
            speech(key=f"{card}.{version}", card_id=card, version=version, text=f"第{version}版"), message_id if by_id else None
        )
        message_id = spoken.message_id
    standing = await chat.channel.log.get(GROUP, message_id or "")
    assert standing is not None
    assert standing.text == f"第{max(versions)}版"


async def test_a_card_keeps_its_place_and_its_time(chat: Chat) -> None:
    await chat.channel.speak(speech(key="a", card_id="t1", version=1), None)
    await chat.post("p-zhang", "谢谢")
    await chat.channel.speak(speech(key="b", card_id="t1", version=2, text="已派单", state="dispatched"), None)
    first, second = await chat.group()
    assert (first["text"], first["state"], second["text"]) == ("已派单", "dispatched", "谢谢")
    assert first["at"] < second["at"]


async def test_private_words_are_seen_by_their_person_only(chat: Chat) -> None:
    await chat.channel.speak(speech(chat_id="p-liayi", text="您反映的事已转社区"), None)
    seen = {who: str(await chat.state(who)) for who in ("p-liayi", "p-zhang")}
    assert "已转社区" in seen["p-liayi"]
    assert "已转社区" not in seen["p-zhang"]


async def test_an_unknown_chat_is_never_tried_again(chat: Chat) -> None:
    with pytest.raises(SpeakError) as caught:
        await chat.channel.speak(speech(chat_id="g-gone"), None)
    assert caught.value.retry_after_s is None
