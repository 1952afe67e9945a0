"""The policy base of a running assistant: silent before it is fetched, fresh after a change, standing while the API is away."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date

import pytest

from bot.assistant.policy import LivePolicy
from intake_api.client import IntakeError
from intake_api.contracts import PassagesView, PassageView
from nlp.schema import Passage

TODAY = date(2026, 6, 2)


def passage(text: str, n: int = 1) -> Passage:
    return Passage(id=f"d{n}#1", doc=f"d{n}", text=text, title="养犬管理规定", clause="第六条", date="2024-01-01")


class Source:
    def __init__(self) -> None:
        self.version, self.held, self.away = 1, [passage("第六条 携犬出户应当使用长度不超过两米的牵引绳。")], False

    async def changed_passages(self, version: int, cursor: str = "") -> PassagesView:
        if self.away:
            raise IntakeError("unreachable", retryable=True)
        if version == self.version:
            return PassagesView(version=version)
        views = [PassageView(**asdict(p)) for p in self.held]
        return PassagesView(version=self.version, whole=True, changed=[p.doc for p in self.held], passages=views)


async def ask(policy: LivePolicy, question: str) -> str:
    found = await policy.answer(question, today=TODAY, area="")
    return found.citation.quote if found else ""


async def test_a_change_of_the_base_reaches_the_chats() -> None:
    source = Source()
    policy = LivePolicy(source, lambda: None)
    assert await ask(policy, "携犬出户牵引绳长度不超过多少米") == ""
    await policy.refresh()
    assert "两米" in await ask(policy, "携犬出户牵引绳长度不超过多少米")
    source.version, source.held = 2, [passage("第六条 携犬出户应当使用长度不超过一米的牵引绳。", 2)]
    await policy.refresh()
    assert "一米" in await ask(policy, "携犬出户牵引绳长度不超过多少米")


async def test_while_the_api_is_away_the_last_base_answers() -> None:
    source = Source()
    policy = LivePolicy(source, lambda: None)
    await policy.refresh()
    source.away = True
    with pytest.raises(IntakeError):
        await policy.refresh()
    assert "两米" in await ask(policy, "携犬出户牵引绳长度不超过多少米")


async def test_the_refresher_outlives_an_api_that_is_away() -> None:
    source = Source()
    source.away = True
    policy = LivePolicy(source, lambda: None)
    task = asyncio.create_task(policy.keep_fresh())
    await asyncio.sleep(0.05)
    source.away = False
    while not await ask(policy, "携犬出户牵引绳长度不超过多少米"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
