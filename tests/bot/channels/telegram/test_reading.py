"""Updates of Telegram, as the bot hears them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Update

from bot.channels.contract import ChatMessage
from bot.channels.telegram.reading import Me, read

ME = Me(id=123456, username="xq_bot", reads_all=True)
NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
GROUP = {"id": -1001, "type": "supergroup", "title": "3栋<b>业主</b>群"}
WANG = {"id": 7, "is_bot": False, "first_name": "王", "last_name": "阿姨🌸"}


@pytest.fixture(autouse=True)
def _durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


def file_of(name: str) -> dict[str, Any]:
    return {"file_id": name, "file_unique_id": name, "file_size": 10}


def photo(name: str, width: int) -> dict[str, Any]:
    return {**file_of(name), "width": width, "height": width}


def of(**content: Any) -> dict[str, Any]:
    return {"message_id": 50, "date": 1777622400, "chat": GROUP, "from": WANG, **content}


def heard(kind: str = "message", **content: Any) -> ChatMessage | None:
    return read(Update.de_json({"update_id": 1, kind: of(**content)}, None), ME, NOW)


def told(kind: str = "message", **content: Any) -> ChatMessage:
    message = heard(kind, **content)
    assert message is not None
    return message


def test_a_text_is_taken_as_it_is() -> None:
    message = told(text="<script>alert(1)</script> 𠮷野家楼上漏水‮\u200d😀")
    assert message.text == "<script>alert(1)</script> 𠮷野家楼上漏水‮\u200d😀"
    assert (message.key, message.kind, message.chat_kind) == ("telegram:-1001:50", "message", "group")
    assert (message.sender.id, message.sender.name, message.sender.role) == ("7", "王 阿姨🌸", None)
    assert message.chat_title == "3栋<b>业主</b>群"
    assert message.at == datetime.fromtimestamp(1777622400, UTC)


def test_an_edit_is_a_new_version_of_the_same_message() -> None:
    first = told("edited_message", text="3栋电梯坏了", edit_date=1777622460)
    second = told("edited_message", text="5栋电梯坏了", edit_date=1777622520)
    assert first.kind == "edit"
    assert first.message_id == "50"
    assert second.edit_version > first.edit_version
    assert first.key != second.key


@pytest.mark.parametrize(
    ("content", "kind", "ref", "mime"),
    [
        ({"photo": [photo("small", 90), photo("large", 1280)], "caption": "楼道"}, "photo", "large", "image/jpeg"),
        (
            {"video": {**file_of("v"), "width": 1, "height": 1, "duration": 3, "mime_type": "video/quicktime"}},
            "video",
            "v",
            "video/quicktime",
        ),
        ({"video_note": {**file_of("n"), "length": 1, "duration": 3}}, "video", "n", "video/mp4"),
        ({"voice": {**file_of("o"), "duration": 3}}, "voice", "o", "audio/ogg"),
        ({"document": {**file_of("d"), "file_name": "通知.pdf", "mime_type": "application/pdf"}}, "file", "d", "application/pdf"),
        ({"audio": {**file_of("a"), "duration": 3}}, "file", "a", "application/octet-stream"),
        (
            {"animation": {**file_of("g"), "width": 1, "height": 1, "duration": 3}, "document": file_of("g")},
            "video",
            "g",
            "video/mp4",
        ),
        (
            {"sticker": {**file_of("s"), "type": "regular", "width": 1, "height": 1, "is_animated": False, "is_video": False}},
            "sticker",
            "s",
            "",
        ),
    ],
)
def test_media_are_named_by_what_they_are(content: dict[str, Any], kind: str, ref: str, mime: str) -> None:
    (media,) = told(**content).media
    assert (media.kind, media.ref, media.mime) == (kind, ref, mime)


def test_pictures_of_an_album_carry_its_name_and_the_caption_is_the_text() -> None:
    message = told(photo=[photo("p", 1280)], caption="两张照片", media_group_id="al1")
    assert (message.text, message.media[0].album) == ("两张照片", "al1")


def test_a_place_on_the_map_has_degrees_and_a_live_one_is_read_once() -> None:
    (media,) = told(location={"latitude": 23.1, "longitude": 113.2}).media
    assert (media.lat, media.long) == (23.1, 113.2)
    venue = told(
        venue={"location": {"latitude": 1.0, "longitude": 2.0}, "title": "东门", "address": "花园路3号"},
        location={"latitude": 1.0, "longitude": 2.0},
    )
    assert venue.text == "东门 花园路3号"
    live = {"latitude": 23.1, "longitude": 113.2, "live_period": 900}
    assert heard("edited_message", location=live, edit_date=1777622460) is None


def test_a_quote_is_a_quote_but_the_start_of_a_topic_is_not() -> None:
    quoted = told(text="还没修好？", reply_to_message=of(message_id=41, text="电梯坏了"))
    assert quoted.reply_to == "41"
    start = of(message_id=9, forum_topic_created={"name": "报修", "icon_color": 1})
    topic = told(text="灯坏了", is_topic_message=True, message_thread_id=9, reply_to_message=start)
    assert (topic.thread_id, topic.reply_to) == ("9", "")
    # outside a forum the thread is only a chain of replies
    assert told(text="灯坏了", message_thread_id=41).thread_id == ""


@pytest.mark.parametrize(
    ("text", "kind", "read_as"),
    [
        ("/bind 8F-22", "command", "/bind 8F-22"),
        ("/bind@XQ_bot   8F-22 ", "command", "/bind 8F-22"),
        ("/HELP", "command", "/help"),
        ("/mute\noff", "command", "/mute off"),
        ("/weather 3栋", "message", "/weather 3栋"),
        ("/", "message", "/"),
        ("/ help", "message", "/ help"),
    ],
)
def test_commands_are_known_by_name(text: str, kind: str, read_as: str) -> None:
    message = told(text=text)
    assert (message.kind, message.text) == (kind, read_as)


def test_commands_to_other_bots_are_not_for_us() -> None:
    assert heard(text="/help@other_bot") is None


def test_a_private_start_greets_and_with_a_token_is_a_command() -> None:
    private = {"id": 7, "type": "private", "first_name": "王"}
    assert told(text="/start", chat=private).kind == "welcome"
    linked = told(text="/start Ab_9-x", chat=private)
    assert (linked.kind, linked.text, linked.chat_kind) == ("command", "/start Ab_9-x", "private")


def test_bots_channels_and_service_messages_are_nobody() -> None:
    assert heard(text="我是机器人", **{"from": {"id": 9, "is_bot": True, "first_name": "别的"}}) is None
    assert heard(text="公告", chat={"id": -1009, "type": "channel", "title": "频道"}) is None
    channel = {"id": -1009, "type": "channel", "title": "频道"}
    assert heard(text="公告", sender_chat=channel, is_automatic_forward=True) is None
    assert heard(new_chat_title="新名字") is None
    assert heard(new_chat_members=[WANG]) is None
    assert heard(pinned_message=of(text="置顶")) is None


def test_an_anonymous_administrator_is_a_person() -> None:
    anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    message = told(text="电梯在修了", sender_chat=GROUP, author_signature="物业", **{"from": anonymous})
    assert (message.sender.id, message.sender.name) == ("-1001", "物业")


def test_both_sides_of_a_migration_are_one_message() -> None:
    there = told(chat={**GROUP, "id": -5, "type": "group"}, migrate_to_chat_id=-1005)
    here = told(chat={**GROUP, "id": -1005}, migrate_from_chat_id=-5)
    assert (there.kind, there.chat_id, there.moved_to) == ("migrated", "-5", "-1005")
    assert there.key == here.key
    assert (here.chat_id, here.moved_to) == ("-5", "-1005")


def test_a_press_names_its_button_and_the_message_it_stands_under() -> None:
    query = {"id": "77", "from": WANG, "chat_instance": "1", "data": "t1:ok", "message": of(message_id=60, text="卡片")}
    message = read(Update.de_json({"update_id": 1, "callback_query": query}, None), ME, NOW)
    assert message is not None
    assert (message.kind, message.action, message.reply_to, message.at) == ("press", "t1:ok", "60", NOW)
    too_old = query | {"message": {"chat": GROUP, "message_id": 60, "date": 0}}
    old = read(Update.de_json({"update_id": 1, "callback_query": too_old}, None), ME, NOW)
    assert old is not None
    assert (old.chat_id, old.reply_to) == ("-1001", "60")
