"""The product as a newcomer starts it, in a real browser: the sample morning, the worker's press, the answer, the rating."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from bot.channels.web.sample import load_sample, load_wording
from bot.wording import say
from intake_api.console.frame import words
from tests.flows.browser.conftest import Open, chromium, overflow

pytestmark = pytest.mark.browser
SAMPLE = load_sample()
STATES = load_wording()["script"]["states"]
LONG = 60_000  # milliseconds; the machine may be busy with other tests


@dataclass(frozen=True)
class Product:
    chat: str
    console: str
    password: str


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    """`minhu demo` in a folder of its own, until both servers answer."""
    chromium()
    web, api, folder = free_port(), free_port(), tmp_path / "demo"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MINHU_")}
    environment |= {"MINHU_DATA_DIR": str(folder), "MINHU_WEB_PORT": str(web), "MINHU_API_PORT": str(api)}
    log = (tmp_path / "demo.log").open("wb")
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", env=environment, stdout=log, stderr=log, cwd=Path(__file__).parents[3]
    )
    chat, console = f"http://127.0.0.1:{web}/chat", f"http://127.0.0.1:{api}/console"
    async with httpx.AsyncClient(trust_env=False) as http:
        for address in (chat, console):
            while running.returncode is None:
                try:
                    await http.get(address)
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.2)
    assert running.returncode is None, (tmp_path / "demo.log").read_text()
    yield Product(chat, console, (folder / "demo.password").read_text().strip())
    running.send_signal(signal.SIGINT)
    await running.wait()
    log.close()


async def pictured(page: Page, name: str) -> None:
    """A screenshot for people to look at, where MINHU_SCREENSHOTS names a folder."""
    folder = os.environ.get("MINHU_SCREENSHOTS", "")
    if folder:
        await page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def press_act(page: Page, act: str) -> None:
    await page.click(f".acts-row > form button:text-is('{words()['acts'][act]['name']}')")
    await expect(page.locator("#ticket .banner.good")).to_be_visible()


async def settle(page: Page, product: Product, number: str) -> None:
    """The unit that holds the lift signs, works, and answers, on the console."""
    await page.fill("[name=login]", "community")
    await page.fill("[name=password]", product.password)
    await page.click("button.first")
    await expect(page.locator("#results")).to_be_visible()
    await pictured(page, "console-list-1280")
    await page.fill("[name=q]", number)
    await expect(page.locator("#results .what")).to_have_count(1)
    await page.click("#results .what a")
    for act in ("sign", "start"):
        await press_act(page, act)
    await page.click(f"summary:has-text('{words()['acts']['finish']['name']}')")
    await page.fill("details[open] [name=public_reply]", "维保人员已更换三栋二单元电梯的门机控制板，试运行正常，电梯恢复使用。")
    await page.click("details[open] form button")
    await expect(page.locator(".ticket-head .chip").first).to_have_text(STATES["callback"])
    await pictured(page, "console-ticket-1280")


async def test_from_a_word_in_the_group_to_a_rated_ticket(product: Product, open_page: Open) -> None:
    worker = await open_page(f"{product.chat}?who=p-chen")
    await worker.click("#play")
    card = worker.locator("#pane-private .card", has_text="电梯").first
    await expect(card).to_contain_text(STATES["candidate"], timeout=LONG)
    await expect(worker.locator("#player")).to_have_attribute("data-state", "done", timeout=LONG)
    await expect(worker.locator("#pane-private .card.is-alarm").first).to_be_visible(timeout=LONG)
    await pictured(worker, "chat-1280")
    await card.locator("button.first").click()
    await expect(card).to_contain_text(STATES["dispatched"], timeout=LONG)
    number = re.search(r"[A-Z]+-\d{8}-\d{4}", await card.inner_text())
    assert number

    await settle(await open_page(product.console), product, number[0])

    resident = await open_page(f"{product.chat}?who=p-zhang", 390)
    solved = resident.get_by_role("button", name=say("callback/solved"), include_hidden=True)
    asked = resident.locator(".card", has_text=number[0]).filter(has=solved).last
    await asked.wait_for(state="attached", timeout=LONG)
    pane = await asked.evaluate("(one) => one.closest('.pane').dataset.kind")
    await resident.click(f"#tab-{pane}")
    await asked.scroll_into_view_if_needed()
    assert await overflow(resident) == 0
    await pictured(resident, "chat-390")
    await asked.get_by_role("button", name=say("callback/solved")).click()
    # the neighbour who joined is asked as well; one answer is enough for a rating to stand
    async with httpx.AsyncClient(trust_env=False) as http:
        signed = await http.post(
            product.console.replace("/console", "/v1/session"), json={"login": "administrator", "password": product.password}
        )
        assert signed.status_code == 200
        while True:
            page = await http.get(product.console.replace("/console", "/v1/tickets"), params={"q": number[0]})
            (ticket,) = page.json()["tickets"]
            if ticket["rating"] is not None:
                break
            await asyncio.sleep(0.2)
    assert ticket["rating"]["solved"] is True
    assert SAMPLE.grid.code == ticket["place"]["grid"]
