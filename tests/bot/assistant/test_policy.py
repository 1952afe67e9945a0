"""The policy base of a running assistant: silent before it is fetched, fresh after a change, standing while the API is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from redis.asyncio import Redis

from bot.assistant.policy import LivePolicy
from bot.assistant.trials import answer_trials
from intake_api.client import IntakeError
from intake_api.contracts import PassagesView, PassageView, TrialIn
from intake_api.knowledge.trial import try_question
from nlp.encoder import Floats, Purpose
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


class Letters:
    """Vectors by the characters of a text, and how many texts were encoded."""

    name, dimensions = "letters", 64

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str], purpose: Purpose = "query") -> Floats:
        self.encoded += len(texts) if purpose == "passage" else 0
        rows = np.array([[text.count(chr(0x4E00 + n)) + 0.01 for n in range(64)] for text in texts], np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


async def test_a_restart_encodes_nothing_again(tmp_path: Path) -> None:
    source, first, second = Source(), Letters(), Letters()
    await LivePolicy(source, lambda: first, tmp_path).refresh()
    assert first.encoded == 1
    policy = LivePolicy(source, lambda: second, tmp_path)
    await policy.refresh()
    assert policy.base is not None
    assert policy.base[1].meaning is not None
    assert second.encoded == 0


async def test_a_large_base_is_found_by_words_before_its_vectors_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.assistant.policy.ENCODED_AT_ONCE", 2)
    source, encoder = Source(), Letters()
    source.held = [passage(f"第{n}条 携犬出户应当使用长度不超过两米的牵引绳。", n) for n in range(1, 8)]
    policy = LivePolicy(source, lambda: encoder)
    await policy.refresh()
    assert "两米" in await ask(policy, "携犬出户牵引绳长度不超过多少米")
    assert policy.base is not None
    assert policy.base[1].meaning is None
    slices = 0
    while await policy.encode_some():
        slices += 1
    assert (slices, encoder.encoded) == (2, 7)
    assert policy.base[1].meaning is not None


async def test_an_encoder_that_cannot_be_loaded_leaves_the_words() -> None:
    def broken() -> Letters:
        raise ModuleNotFoundError("sentence_transformers")

    policy = LivePolicy(Source(), broken)
    await policy.refresh()
    assert "两米" in await ask(policy, "携犬出户牵引绳长度不超过多少米")


async def test_a_trial_is_answered_by_the_assistant_with_its_reasons(redis_url: str) -> None:
    source = Source()
    hidden = replace(passage("第七条 携犬出户牵引绳长度由网格员登记。", 2), staff_only=True)
    source.held = [*source.held, hidden]
    policy = LivePolicy(source, lambda: None)
    await policy.refresh()
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        answering = asyncio.create_task(answer_trials(redis, policy, lambda: TODAY))
        view = await try_question(redis, TrialIn(id="t1", question="携犬出户牵引绳长度不超过多少米"))
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    assert view is not None
    assert "两米" in view.answer
    assert "养犬管理规定" in view.source
    assert view.sure >= view.needed
    assert {hit.doc: hit.left_out for hit in view.hits} == {"d1": "", "d2": "staff_only"}
    best = next(hit for hit in view.hits if hit.doc == "d1")
    assert (best.by_words, best.by_meaning) == (1, 0)
    assert any("牵引绳" in word for word in best.words)
