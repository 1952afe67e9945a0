"""What is posted is durable before it is answered, once, whatever is retried or dies."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from bot.channels.contract import Button, Media, SpeakError, Speech
from bot.channels.web.photos import LONGEST_SIDE
from tests.bot.channels.web.conftest import GROUP, Chat, RememberingEar, running


async def test_a_message_is_heard_with_who_said_it_and_where(chat: Chat) -> None:
    answer = await chat.post("p-zhang", "3栋2单元电梯坏了")
    assert answer.status_code == 200
    (heard,) = chat.ear.of("message")
    assert (heard.channel, heard.chat_id, heard.chat_kind, heard.text) == ("web", GROUP, "group", "3栋2单元电梯坏了")
    assert (heard.sender.id, heard.sender.name, heard.sender.role) == ("p-zhang", "3栋老张", "resident")
    assert heard.message_id == answer.json()["id"] == (await chat.group())[0]["id"]


async def test_a_retry_of_the_browser_is_the_same_message(chat: Chat) -> None:
    for _ in range(3):
        assert (await chat.post("p-zhang", "路灯不亮", nonce="same-nonce")).status_code == 200
    assert len(chat.ear.of("message")) == len(await chat.group()) == 1


async def test_two_people_with_the_same_nonce_are_two_messages(chat: Chat) -> None:
    for who in ("p-zhang", "p-liayi"):
        await chat.post(who, "路灯不亮", nonce="same-nonce")
    assert len(chat.ear.of("message")) == 2


async def test_without_an_ear_the_browser_is_told_to_retry_and_nothing_is_lost(chat: Chat) -> None:
    chat.ear.deaf = True
    answer = await chat.post("p-zhang", "水管爆了", nonce="nonce-burst")
    assert answer.status_code == 503
    assert answer.json()["retryable"] is True
    chat.ear.deaf = False
    assert (await chat.post("p-zhang", "水管爆了", nonce="nonce-burst")).status_code == 200
    assert [m.text for m in chat.ear.of("message")] == ["水管爆了"]


async def test_what_was_shown_but_not_heard_is_heard_after_a_restart(redis_url: str, tmp_path: Path) -> None:
    deaf = RememberingEar()
    async for first in running(redis_url, tmp_path, deaf):
        await first.state("p-zhang")
        deaf.deaf = True
        await first.post("p-zhang", "井盖没了")
    healed = RememberingEar()
    async for second in running(redis_url, tmp_path, healed):
        assert [m["text"] for m in await second.group()] == ["井盖没了"]
        await second.channel.room.hand_over_left()
    assert [m.text for m in healed.of("message")] == ["井盖没了"]


async def test_an_edit_is_heard_as_a_new_version_and_only_of_ones_own(chat: Chat) -> None:
    message_id = (await chat.post("p-zhang", "2栋电梯坏了")).json()["id"]
    change = {"who": "p-zhang", "chat": GROUP, "id": message_id, "text": "3栋电梯坏了"}
    assert (await chat.http.post("/chat/edits", json=change)).json()["edited"] is True
    (edit,) = chat.ear.of("edit")
    assert (edit.message_id, edit.edit_version, edit.text) == (message_id, 1, "3栋电梯坏了")
    stolen = await chat.http.post("/chat/edits", json=change | {"who": "p-liayi", "text": "都好"})
    assert stolen.status_code == 403
    assert (await chat.group())[0]["text"] == "3栋电梯坏了"


async def test_a_quote_names_its_message_and_a_missing_one_is_refused(chat: Chat) -> None:
    first = (await chat.post("p-zhang", "电梯坏了")).json()["id"]
    shown = (await chat.post("p-liayi", "我家也是", reply_to=first)).json()
    assert shown["quote"]["text"] == "电梯坏了"
    assert chat.ear.of("message")[-1].reply_to == first
    assert (await chat.post("p-liayi", "我家也是", reply_to="gone")).status_code == 404


async def test_a_press_is_heard_once_and_an_old_button_is_refused(chat: Chat) -> None:
    card = Speech(
        key="k1", channel="web", chat_id="p-chen", card_id="t1", version=1, text="电梯", buttons=((Button(label="确认", action="ok:t1"),),)
    )
    spoken = await chat.channel.speak(card, None)
    press = {"who": "p-chen", "chat": "p-chen", "id": spoken.message_id, "action": "ok:t1", "nonce": "press-0001"}
    for _ in range(2):
        assert (await chat.http.post("/chat/presses", json=press)).status_code == 200
    (heard,) = chat.ear.of("press")
    assert (heard.card_id, heard.action, heard.chat_kind, heard.home_chat) == ("t1", "ok:t1", "private", GROUP)
    await chat.channel.speak(card.model_copy(update={"key": "k2", "version": 2, "buttons": ()}), None)
    assert (await chat.http.post("/chat/presses", json=press | {"nonce": "press-0002"})).status_code == 409


async def test_commands_and_the_first_visit_are_told_apart(chat: Chat) -> None:
    await chat.state("p-zhang")
    await chat.state("p-zhang")
    assert {m.chat_id for m in chat.ear.of("welcome")} == {GROUP, "p-zhang"}
    await chat.post("p-zhang", "/my", chat="p-zhang")
    assert [m.text for m in chat.ear.of("command")] == ["/my"]


async def test_a_location_carries_its_degrees(chat: Chat) -> None:
    answer = await chat.post("p-zhang", "东门快递柜旁", media=[{"kind": "location", "lat": 30.5, "long": 104.1}])
    assert answer.status_code == 200
    assert chat.ear.of("message")[0].media == (Media(kind="location", lat=30.5, long=104.1),)


async def test_a_photo_loses_its_metadata_and_can_be_fetched(chat: Chat) -> None:
    exif = Image.Exif()
    exif[0x010F] = "PhoneMaker"
    raw = BytesIO()
    Image.new("RGB", (3000, 1500), "teal").save(raw, "JPEG", exif=exif)
    kept = (await chat.http.post("/chat/photos?who=p-zhang", content=raw.getvalue())).json()
    assert kept["width"] == LONGEST_SIDE
    assert (await chat.post("p-zhang", "", media=[kept])).status_code == 200
    media = chat.ear.of("message")[0].media[0]
    body, mime = await chat.channel.fetch(media)
    assert mime == "image/jpeg"
    assert b"PhoneMaker" not in body
    assert (await chat.http.get(f"/chat/photos/{media.ref}")).content == body
    with pytest.raises(SpeakError):
        await chat.channel.fetch(Media(kind="photo", ref="0" * 64))
