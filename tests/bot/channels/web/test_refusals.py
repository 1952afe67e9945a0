"""Bad input gets a clear sentence, and nothing of it reaches the ear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.channels.web.room import MAX_TEXT
from tests.bot.channels.web.conftest import GROUP, Chat, RememberingEar, running


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"text": ""}, 422),
        ({"text": " \x00\x07 "}, 422),
        ({"text": "\u200b\u200f\u202e "}, 422),
        ({"text": "长" * (MAX_TEXT + 1)}, 413),
        ({"text": "长" * 40_000}, 413),
        ({"who": "p-nobody"}, 404),
        ({"who": "p-zhou"}, 404),
        ({"chat": "p-chen"}, 404),
        ({"chat": "g-other"}, 404),
        ({"nonce": "x"}, 422),
        ({"nonce": "a b/../c?d"}, 422),
        ({"text": 7}, 422),
        ({"surprise": 1}, 422),
        ({"media": [{"kind": "photo", "ref": "../../etc/passwd"}]}, 422),
        ({"media": [{"kind": "photo", "ref": "0" * 64}]}, 404),
        ({"media": [{"kind": "location", "lat": 200, "long": 0}]}, 422),
        ({"media": [{"kind": "location", "lat": 20}]}, 422),
    ],
)
async def test_a_wrong_message_is_refused_in_words(chat: Chat, change: dict[str, Any], status: int) -> None:
    answer = await chat.post(**{"who": "p-zhang", "text": "路灯不亮"} | change)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert chat.ear.of("message") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"who": "p-zhang", "text": "\\ud800"}', b"null"])
async def test_a_broken_body_is_refused(chat: Chat, body: bytes) -> None:
    answer = await chat.http.post("/chat/messages", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (413, 422)
    assert answer.json()["code"] == "malformed"


async def test_what_the_framework_refuses_is_said_in_words_too(chat: Chat) -> None:
    deep = await chat.http.post("/chat/messages", content=b"[" * 60_000, headers={"content-type": "application/json"})
    assert (deep.status_code, deep.json()["code"]) == (400, "malformed")
    lost = await chat.http.get("/chat/static/nothing.js")
    assert (lost.status_code, lost.json()["code"]) == (404, "not_found")


async def test_control_characters_are_dropped_and_markup_stays_text(chat: Chat) -> None:
    text = "<script>alert(1)</script>'; DROP TABLE tickets;--\x00\x1b[31m"
    shown = (await chat.post("p-zhang", text)).json()
    assert shown["text"] == "<script>alert(1)</script>'; DROP TABLE tickets;--[31m"


@pytest.mark.parametrize("body", [b"not a photo", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"0" * 50, b"<svg onload='x'/>"])
async def test_what_is_no_photo_is_refused(chat: Chat, body: bytes) -> None:
    answer = await chat.http.post("/chat/photos?who=p-zhang", content=body)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_a_photo")


async def test_a_photo_too_large_is_refused_by_weight_and_by_pixels(chat: Chat) -> None:
    assert (await chat.http.post("/chat/photos?who=p-zhang", content=b"0" * (10 * 1024 * 1024 + 1))).status_code == 413
    bomb = BytesIO()
    Image.new("1", (12_000, 9_000)).save(bomb, "PNG")
    assert (await chat.http.post("/chat/photos?who=p-zhang", content=bomb.getvalue())).status_code == 415


async def test_other_sites_cannot_post(chat: Chat) -> None:
    answer = await chat.http.post("/chat/play/stop", json={}, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403


async def test_every_answer_carries_the_policy_against_foreign_scripts(chat: Chat) -> None:
    for path in ("/chat", "/chat/state?who=p-zhang", "/nowhere"):
        policy = (await chat.http.get(path)).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


@pytest.fixture
async def slow_chat(redis_url: str, tmp_path: Path, ear: RememberingEar) -> AsyncIterator[Chat]:
    async for running_chat in running(redis_url, tmp_path, ear, messages_a_minute=3):
        yield running_chat


async def test_a_flood_of_one_person_is_stopped_and_others_go_on(slow_chat: Chat) -> None:
    statuses = [(await slow_chat.post("p-zhang", f"第{n}条")).status_code for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert (await slow_chat.post("p-liayi", "我能说")).status_code == 200
    # a retry of what was taken is no new message
    assert (await slow_chat.post("p-zhang", "第0条", nonce="nonce-000001")).status_code == 200
    assert len(await slow_chat.group()) == 4
    assert slow_chat.channel.sample.group_id == GROUP
