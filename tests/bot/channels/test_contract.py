"""What every channel promises, whatever stands behind it. Each test runs on each rig of rigs.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.channels.contract import Button, ChatMessage, Media, SpeakError, Speech
from bot.channels.outgoing import Pace, Speaker
from bot.streams import Streams
from tests.bot.channels.rigs import ABILITIES, RIGS, Rig, jpeg
from tests.bot.channels.telegram.ears import until

NASTY = "<script>alert('3栋')</script> <b>电梯</b> &amp; *坏了* '; DROP TABLE tickets; -- 𠮷😀👨‍👩‍👧 ‮反"
CONFIRM = ((Button(label="确认 <是>", action="t1:confirm"), Button(label="不是", action="t1:reject")),)


@pytest.fixture(params=sorted(RIGS))
async def rig(request: pytest.FixtureRequest, redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    async with RIGS[request.param](redis, redis_url, tmp_path) as rig:
        yield rig


def whose_people_can(ability: str) -> pytest.MarkDecorator:
    """What a channel's people cannot do (edit a transcript, say) is no part of its contract."""
    return pytest.mark.parametrize("rig", sorted(name for name, can in ABILITIES.items() if ability in can), indirect=True)


@asynccontextmanager
async def speaking(redis: Redis, rig: Rig) -> AsyncIterator[None]:
    speaker = Speaker(redis, rig.channel, pace=Pace(lease_s=1.0, backoff_s=0.02))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(speaker.run())
        yield
        speaker.stop()


def speech(rig: Rig, key: str, text: str, **more: Any) -> Speech:
    return Speech(key=key, channel=rig.channel.name, chat_id=more.pop("chat_id", rig.group), text=text, **more)


async def say(redis: Redis, rig: Rig, *items: Speech) -> None:
    for item in items:
        await Streams(redis, 1).say(item)

    async def said() -> bool:
        return bool(await redis.xlen(f"speech:{rig.channel.name}") == 0)

    await until(said)


async def heard(rig: Rig, kind: str, number: int = 1) -> list[ChatMessage]:
    def of_kind() -> list[ChatMessage]:
        return [m for m in rig.ear.messages if m.kind == kind]

    await until(lambda: len(of_kind()) >= number)
    return of_kind()


async def test_a_message_is_heard_as_it_was_written(rig: Rig) -> None:
    message_id = await rig.say(NASTY)
    (message,) = await heard(rig, "message")
    assert message.text == NASTY
    assert (message.channel, message.chat_id, message.chat_kind) == (rig.channel.name, rig.group, "group")
    assert message.key == f"{rig.channel.name}:{rig.group}:{message_id}"
    assert message.sender.id
    assert message.sender.name
    assert timedelta(minutes=-1) < datetime.now(UTC) - message.at < timedelta(minutes=5)


async def test_messages_are_heard_in_order_each_with_a_key_of_its_own(rig: Rig) -> None:
    texts = [f"第{n}条" for n in range(12)]
    for text in texts:
        await rig.say(text)
    messages = await heard(rig, "message", 12)
    assert [m.text for m in messages] == texts
    assert len({m.key for m in messages}) == 12


@whose_people_can("edit")
async def test_an_edit_is_a_new_version_of_the_message(rig: Rig) -> None:
    message_id = await rig.say("2栋电梯坏了")
    await heard(rig, "message")
    await rig.edit(message_id, "3栋电梯坏了")
    (edit,) = await heard(rig, "edit")
    assert (edit.message_id, edit.text) == (message_id, "3栋电梯坏了")
    assert edit.edit_version > 0
    assert edit.key != rig.ear.messages[0].key


@whose_people_can("photo")
async def test_a_photo_belongs_to_its_message_and_can_be_fetched(rig: Rig) -> None:
    await rig.send_photo(jpeg(), "楼道积水")
    (message,) = await heard(rig, "message")
    (media,) = message.media
    assert (message.text, media.kind) == ("楼道积水", "photo")
    data, mime = await rig.channel.fetch(media)
    assert mime == "image/jpeg"
    assert data.startswith(b"\xff\xd8")


@whose_people_can("location")
async def test_a_location_carries_its_degrees(rig: Rig) -> None:
    await rig.send_location(30.5, 104.1)
    (message,) = await heard(rig, "message")
    assert [(m.kind, m.lat, m.long) for m in message.media] == [("location", 30.5, 104.1)]


async def test_bytes_that_are_not_there_are_refused_for_good(rig: Rig) -> None:
    with pytest.raises(SpeakError) as refused:
        await rig.channel.fetch(Media(kind="photo", ref="0" * 64))
    assert refused.value.retry_after_s is None


async def test_what_is_said_stands_there_as_it_was_written_once(rig: Rig, redis: Redis) -> None:
    async with speaking(redis, rig):
        await say(redis, rig, speech(rig, "k1", NASTY), speech(rig, "k2", "第二句"))
        await redis.xadd(f"speech:{rig.channel.name}", {"type": "speech", "body": speech(rig, "k1", NASTY).model_dump_json()})
        await say(redis, rig)
    assert [m.text for m in await rig.shown()] == [NASTY, "第二句"]


async def test_a_card_is_edited_in_place_and_never_goes_back(rig: Rig, redis: Redis) -> None:
    async with speaking(redis, rig):
        await say(redis, rig, speech(rig, "v1", "待确认", card_id="t1", version=1, buttons=CONFIRM), speech(rig, "x", "别的"))
        first = await rig.shown()
        await say(redis, rig, speech(rig, "v3", "已派单", card_id="t1", version=3))
        await say(redis, rig, speech(rig, "v2", "已受理", card_id="t1", version=2, buttons=CONFIRM))
    assert [(m.text, m.actions) for m in first] == [("待确认", ("t1:confirm", "t1:reject")), ("别的", ())]
    assert [(m.id, m.text, m.actions) for m in await rig.shown()] == [(first[0].id, "已派单", ()), (first[1].id, "别的", ())]


@whose_people_can("press")
async def test_a_press_names_the_card_and_the_action(rig: Rig, redis: Redis) -> None:
    async with speaking(redis, rig):
        await say(redis, rig, speech(rig, "v1", "待确认", card_id="t1", version=1, buttons=CONFIRM))
        (card,) = await rig.shown()
        await rig.press(card.id, "t1:confirm")
        await rig.press(card.id, "t1:reject")
        first, second = await heard(rig, "press", 2)
    assert (first.card_id, first.action, second.action) == ("t1", "t1:confirm", "t1:reject")
    assert first.key != second.key
    assert first.sender.id


async def test_a_quote_of_a_card_names_the_message_and_the_card(rig: Rig, redis: Redis) -> None:
    async with speaking(redis, rig):
        await say(redis, rig, speech(rig, "v1", "已记录", card_id="t1", version=1))
        (card,) = await rig.shown()
        await rig.say("还没修好？", reply_to=card.id)
        (message,) = await heard(rig, "message")
    assert (message.reply_to, message.card_id) == (card.id, "t1")


async def test_a_chat_nobody_knows_is_refused_for_good_and_stops_nobody(rig: Rig, redis: Redis) -> None:
    async with speaking(redis, rig):
        await say(redis, rig, speech(rig, "k1", "喂？", chat_id="-999999"), speech(rig, "k2", "在"))
    assert [m.text for m in await rig.shown()] == ["在"]
    rows: Any = await redis.xrange("poison")
    assert [fields["stream"] for _, fields in rows] == [f"speech:{rig.channel.name}"]


async def test_urgent_words_pass_a_queue(rig: Rig, redis: Redis) -> None:
    await Streams(redis, 1).say(speech(rig, "k1", "平常的话"))
    await Streams(redis, 1).say(speech(rig, "k2", "另一句"))
    await Streams(redis, 1).say(speech(rig, "fire", "马上撤离，打119", urgent=True))
    async with speaking(redis, rig):
        await say(redis, rig)
    assert [m.text for m in await rig.shown()] == ["马上撤离，打119", "平常的话", "另一句"]


async def test_a_channel_that_calls_itself_idempotent_is(rig: Rig) -> None:
    for _ in range(2):
        await rig.channel.speak(speech(rig, "k1", "已记录"), None)
    assert len(await rig.shown()) == (1 if getattr(rig.channel, "idempotent", False) else 2)
