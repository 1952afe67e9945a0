"""A real Chromium. Where there is none these tests are reported as not run, and fail on the CI machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

HOW = "no Chromium; install Debian's `chromium` and `fonts-wqy-microhei`, or name one in MINHU_CHROMIUM"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking"]
Open = Callable[..., Awaitable[Page]]


def chromium() -> str:
    found = (
        os.environ.get("MINHU_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )
    if found is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Opens an address at a width; at the end no page may have complained, pages opened with `may_fail` excepted."""
    complaints: list[str] = []
    async with AsyncExitStack() as stack:

        async def open_one(address: str, width: int = 1280, *, may_fail: bool = False, **context: Any) -> Page:
            size = {"width": width, "height": 844 if width < 500 else 800}
            made = await browser.new_context(locale="zh-CN", viewport=size, has_touch=width < 500, **context)  # type: ignore[arg-type]
            stack.push_async_callback(made.close)
            page = await made.new_page()
            if not may_fail:
                page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(address)
            return page

        yield open_one
    assert complaints == []


async def small_targets(page: Page) -> list[str]:
    """Visible buttons, links and fields that are smaller than 44 pixels in a direction that a finger needs.

    Links inside running text are exempt (WCAG 2.5.8); of a box within its label the label is the target. Folded parts are opened.
    """
    script = """() => { document.querySelectorAll('details').forEach((part) => { part.open = true })
      return [...document.querySelectorAll('button, a, input, select, textarea, summary, [role=tab]')]
      .filter((one) => one.offsetParent && !one.closest('.unseen, .skip, p, li, dd, td, small, h2'))
      .filter((one) => !one.matches('.unseen, [type=hidden]'))
      .map((one) => one.matches('[type=radio], [type=checkbox]') ? one.closest('label') ?? one : one)
      .map((one) => [one, one.getBoundingClientRect()])
      .filter(([one, box]) => box.width && (box.height < 43.5 || box.width < 43.5) && !one.matches('.mark, .quoted'))
      .map(([one, box]) => `${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 12)} ${box.width}x${box.height}`) }"""
    found: list[str] = await page.evaluate(script)
    return found


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width
