"""The chat page in a real browser, with a scripted assistant behind a real channel and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from bot.channels.contract import Button, Speech
from bot.channels.web.room import MAX_TEXT
from bot.channels.web.sample import load_wording
from tests.bot.channels.web.conftest import GROUP, Chat, RememberingEar, running
from tests.flows.browser.conftest import Open, overflow, small_targets

pytestmark = pytest.mark.browser
WORDS = load_wording()
CARD = Speech(
    key="card.1", channel="web", chat_id="p-chen", card_id="t1", version=1, state="candidate", urgency="urgent",
    text="3栋2单元电梯停运\n编号：CH-1\n地点：云杉苑 3栋2单元",
    buttons=((Button(label="✅ 受理", action="t1:confirm"),),
             (Button(label="改类别", action="t1:category"), Button(label="不是诉求", action="t1:no"))),
)  # fmt: skip


@pytest.fixture
async def chat(redis_url: str, tmp_path: Path) -> AsyncIterator[Chat]:
    async for running_chat in running(redis_url, tmp_path, RememberingEar(), messages_a_minute=1000):
        yield running_chat


def address(chat: Chat, who: str = "") -> str:
    return f"{chat.http.base_url}/chat" + (f"?who={who}" if who else "")


async def say(page: Page, text: str, pane: str = "group") -> None:
    await page.fill(f"#pane-{pane} textarea", text)
    await page.press(f"#pane-{pane} textarea", "Enter")


async def test_one_writes_and_a_neighbour_reads_it_at_once(chat: Chat, open_page: Open) -> None:
    zhang = await open_page(address(chat))
    await zhang.click("#who [data-who=p-zhang]")
    li = await open_page(address(chat, "p-liayi"), 390)
    await say(zhang, "3栋2单元电梯坏了\n<img src=x onerror=alert(1)><script>alert(2)</script>")
    message = li.locator("#pane-group .message", has_text="电梯坏了")
    await expect(message).to_contain_text("<script>alert(2)</script>")
    await expect(message).to_contain_text("3栋老张")
    assert await li.locator(".message img, .message script").count() == 0
    assert [m.text.split("\n")[0] for m in chat.ear.of("message")] == ["3栋2单元电梯坏了"]


async def test_quoting_and_changing_ones_words(chat: Chat, open_page: Open) -> None:
    await chat.post("p-zhang", "2栋电梯坏了")
    zhang, li = await open_page(address(chat, "p-zhang")), await open_page(address(chat, "p-liayi"))
    await li.hover("#pane-group .message .body")
    await li.click("#pane-group [data-act=quote]")
    await say(li, "我家也是")
    await expect(zhang.locator(".message", has_text="我家也是").locator(".quoted")).to_contain_text("2栋电梯坏了")
    await zhang.hover("#pane-group .message.mine .body")
    await zhang.click("#pane-group .message.mine [data-act=edit]")
    await say(zhang, "3栋电梯坏了")
    await expect(li.locator(".message", has_text="3栋电梯坏了")).to_contain_text(WORDS["script"]["edited"])
    assert [m.edit_version for m in chat.ear.of("edit")] == [1]
    assert chat.ear.of("message")[-1].reply_to == chat.ear.of("message")[0].message_id


async def test_a_workers_card_is_pressed_and_changes_in_place(chat: Chat, open_page: Open) -> None:
    chen = await open_page(address(chat, "p-chen"), 390)
    await expect(chen.locator("#pane-group .empty")).to_be_visible()
    await chat.channel.speak(CARD, None)
    await expect(chen.locator("#tab-private .badge")).to_have_text("1")
    await chen.click("#tab-private")
    await expect(chen.locator("#tab-private .badge")).to_be_hidden()
    card = chen.locator("#pane-private .card")
    await expect(card).to_contain_text(WORDS["script"]["states"]["candidate"])
    assert await small_targets(chen) == []
    assert await overflow(chen) == 0
    await card.locator("[data-action='t1:confirm']").click()
    await expect(card.locator(".busy")).to_be_visible()
    assert [(m.action, m.card_id, m.sender.id) for m in chat.ear.of("press")] == [("t1:confirm", "t1", "p-chen")]
    done = CARD.model_copy(update={"key": "card.2", "version": 2, "state": "dispatched", "buttons": ()})
    await chat.channel.speak(done, None)
    await expect(card).to_contain_text(WORDS["script"]["states"]["dispatched"])
    await expect(card.locator("button")).to_have_count(0)
    await expect(card).to_have_count(1)
    await expect(card.locator("[aria-current=step]")).to_have_text("派单")


async def test_a_photo_and_a_place_are_sent(chat: Chat, open_page: Open) -> None:
    page = await open_page(address(chat, "p-zhang"))
    raw = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(raw, "PNG")
    await page.set_input_files("#pane-group input[type=file]", {"name": "a.png", "mimeType": "image/png", "buffer": raw.getvalue()})
    await say(page, "就是这个样子")
    await expect(page.locator(".message:not(.sending) .picture")).to_have_js_property("naturalWidth", 640)
    await page.click("#pane-group .place")
    await page.fill("#place [name=words]", "东门快递柜旁边")
    await page.click("#place [value=send]")
    await expect(page.locator(".spot")).to_contain_text("东门快递柜旁边")
    while len(chat.ear.of("message")) < 2:  # noqa: ASYNC110 - the browser shows it before it is sent
        await asyncio.sleep(0.02)
    assert [m.media[0].kind for m in chat.ear.of("message")] == ["photo", "location"]


async def test_what_is_wrong_is_said_beside_the_words(chat: Chat, open_page: Open) -> None:
    page = await open_page(address(chat, "p-zhang"), may_fail=True)
    await say(page, "长" * (MAX_TEXT + 1))
    await expect(page.locator("#pane-group .wrong")).to_contain_text(str(MAX_TEXT))
    fake = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not a photo"}
    await page.set_input_files("#pane-group input[type=file]", fake)
    await say(page, "看图")
    await expect(page.locator("#pane-group .wrong")).to_have_text(WORDS["refused"]["not_a_photo"])
    await expect(page.locator("#pane-group textarea")).to_have_value("看图")
    assert chat.ear.of("message") == []


async def test_cut_off_and_back_again_nothing_is_lost(chat: Chat, open_page: Open) -> None:
    page = await open_page(address(chat, "p-zhang"), may_fail=True)
    await expect(page.locator("#pane-group .empty")).to_be_visible()
    await page.context.set_offline(True)
    await expect(page.locator("#offline")).to_be_visible()
    await say(page, "断网时说的话")
    await expect(page.locator(".message.failed")).to_contain_text("断网时说的话")
    await chat.post("p-liayi", "你断网时我说的话")
    await page.context.set_offline(False)
    await expect(page.locator(".message", has_text="你断网时我说的话")).to_be_visible()
    await expect(page.locator("#offline")).to_be_hidden()
    await page.click(".message.failed .foot button")
    await expect(page.locator(".message.failed")).to_have_count(0)
    await page.reload()
    await expect(page.locator(".message", has_text="断网时说的话")).to_have_count(1)
    assert sorted(m.text for m in chat.ear.of("message")) == ["你断网时我说的话", "断网时说的话"]


async def test_the_sample_morning_plays_and_stops(chat: Chat, open_page: Open) -> None:
    page = await open_page(address(chat, "p-zhang"))
    await page.click("#play")
    await expect(page.locator("#player progress")).to_be_visible()
    await expect(page.locator("#pane-group .message", has_text="电梯又停了")).to_be_visible(timeout=20_000)
    await page.click("#stop")
    await expect(page.locator("#play")).to_be_visible()
    count = len(chat.ear.of("message"))
    assert 0 < count < len(chat.channel.player.morning.messages)


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_overflows_and_everything_can_be_touched(chat: Chat, open_page: Open, width: int) -> None:
    for number in range(12):
        await chat.post("p-liayi" if number % 3 else "p-wangwei", "3栋2单元电梯又停了，按半天没反应" * (1 + number % 3))
    await chat.channel.speak(CARD.model_copy(update={"chat_id": GROUP, "urgency": "emergency"}), None)
    page = await open_page(address(chat, "p-zhang"), width)
    await expect(page.locator("#pane-group .card")).to_be_visible()
    await expect(page.locator("#pane-group .send")).to_be_in_viewport()
    assert await overflow(page) == 0
    if width < 500:
        assert await small_targets(page) == []
    # the newest message is what one sees first
    await expect(page.locator("#pane-group .message").last).to_be_in_viewport()


async def test_everything_is_reached_by_keyboard(chat: Chat, open_page: Open) -> None:
    await chat.channel.speak(CARD, None)
    page = await open_page(address(chat, "p-chen"))
    await expect(page.locator("#pane-private .card")).to_be_visible()
    reached = set()
    for _ in range(40):
        await page.keyboard.press("Tab")
        reached.add(
            await page.evaluate("() => document.activeElement.dataset.action || document.activeElement.id || document.activeElement.name")
        )
    assert {"play", "text", "t1:confirm", "t1:no"} <= reached
