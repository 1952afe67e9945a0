"""The console in a real browser: with HTMX and without any JavaScript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.async_api import Page, expect

from bot.channels.web.channel import listen
from intake_api.app import create_app
from intake_api.console.frame import words
from intake_api.sample import seed
from intake_api.settings import Settings
from tests.flows.browser.conftest import Open, overflow, small_targets
from tests.intake_api.doors import GRID, TOKEN, report

pytestmark = pytest.mark.browser
PASSWORD = "demo password"


@pytest.fixture
async def console(sqlite_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a running intake API with a grid, an account a role, and three tickets."""
    settings = Settings(data_dir=tmp_path, database_url=sqlite_url, redis_url=redis_url, api_token=TOKEN, secret_key="for tests")
    await seed(settings, PASSWORD, GRID, "web", "g-heron", "白鹭里邻里群")
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, timeout_graceful_shutdown=2))
    serving = asyncio.create_task(server._serve([sock]))
    address = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as http:
        for number, title in enumerate(("七栋路灯不亮", "八栋路灯不亮", "南门井盖松动")):
            answer = await http.post("/v1/reports", json=report(f"web:g-heron:{number}", title=title))
            assert answer.status_code == 200, answer.text
    yield f"{address}/console"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving
    sock.close()


async def sign_in(page: Page, login: str = "micro_worker") -> None:
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", PASSWORD)
    await page.click("button.first")
    await expect(page.locator("#results")).to_be_visible()


async def test_a_worker_filters_opens_and_confirms(console: str, open_page: Open) -> None:
    page = await open_page(console)
    await sign_in(page)
    await page.fill("[name=q]", "七栋路灯")
    await expect(page.locator("#results .what")).to_have_count(1)
    assert "q=" in page.url
    await page.click("text=七栋路灯不亮")
    await page.click("button:has-text('受理')")
    await expect(page.locator("#ticket .banner.good")).to_be_visible()
    await expect(page.locator("#ticket .ticket-head .chip").first).to_have_text(words()["states"]["dispatched"])
    await expect(page.locator(".timeline li").first).to_contain_text(words()["acts"]["dispatch"]["past"])


async def test_a_form_that_asks_is_opened_filled_and_sent(console: str, open_page: Open) -> None:
    page = await open_page(console)
    await sign_in(page)
    await page.click("text=南门井盖松动")
    await page.click("summary:has-text('改类别')")
    await page.select_option("details[open] [name=category]", "facility.manhole")
    await page.click("details[open] button")
    await expect(page.locator(".ticket-head .lead")).to_contain_text("井盖缺损")


async def test_without_javascript_the_same_can_be_done(console: str, open_page: Open) -> None:
    page = await open_page(console, java_script_enabled=False)
    await sign_in(page)
    await page.fill("[name=q]", "八栋")
    await page.click("button:has-text('筛选')")
    await expect(page.locator("#results .what")).to_have_count(1)
    await page.click("text=八栋路灯不亮")
    await page.click("summary:has-text('不是诉求')")
    await page.fill("details[open] [name=reason]", "物业已经在修")
    await page.click("details[open] button")
    await expect(page.locator(".ticket-head .chip").first).to_have_text(words()["states"]["rejected"])
    await expect(page.locator(".timeline")).to_contain_text("物业已经在修")


@pytest.mark.parametrize("width", [390, 1280])
async def test_every_page_fits_and_can_be_touched(console: str, open_page: Open, width: int) -> None:
    page = await open_page(console, width)
    await sign_in(page, "administrator")
    ticket = await page.locator("#results .what a").first.get_attribute("href")
    root = console.removesuffix("/console")
    for path in ("/console", ticket, "/console/queue", "/console/grids", f"/console/grids/{GRID.code}", "/console/catalogue",
                 "/console/webhooks", "/console/poison", "/console/health", "/console/topics", "/console/incidents", "/console/questions",
                 "/console/knowledge", "/console/knowledge/files", "/console/knowledge/pairs/new", "/console/knowledge/try"):  # fmt: skip
        answer = await page.goto(f"{root}{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert await overflow(page) == 0, path
        if width < 500:
            assert await small_targets(page) == [], path
