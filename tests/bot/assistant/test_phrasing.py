"""A language model may only phrase what was found: a real endpoint that is slow, broken or lies, and a local model, change no fact."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from bot.assistant.language_model import Endpoint, LanguageModel, LocalModel, ModelError, Written
from bot.assistant.phrasing import FAILURES, Breaker, Phrasing, Sentence
from nlp.schema import Passage

PASSAGE = Passage("d#1", "d", "第四条 居住证由公安派出所受理，自受理之日起15日内制发。", title="居住证办理须知", clause="第四条")
GOOD = {"sentences": [{"text": "居住证由公安派出所受理，自受理之日起15日内制发。", "passage": 1}]}


class Server:
    """An OpenAI-compatible endpoint that answers as the test tells it."""

    def __init__(self) -> None:
        self.content: str = json.dumps(GOOD, ensure_ascii=False)
        self.status, self.delay_s, self.schemas = 200, 0.0, True
        self.asked: list[dict[str, Any]] = []
        self.app = FastAPI()
        self.app.post("/v1/chat/completions")(self.complete)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        await asyncio.sleep(self.delay_s)
        if not self.schemas and "response_format" in body:
            return Response(status_code=400)
        answer = {"choices": [{"message": {"content": self.content}}], "usage": {"total_tokens": 300}}
        return Response(json.dumps(answer), status_code=self.status, media_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    stand_in = Server()
    running = uvicorn.Server(uvicorn.Config(stand_in.app, port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110  # uvicorn tells nobody
        await asyncio.sleep(0.01)
    yield stand_in, f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/v1"
    running.should_exit = True
    await task


async def said_by(model: LanguageModel, **limits: Any) -> list[str]:
    phrasing = Phrasing(model, lambda: datetime.now(UTC), **{"timeout_s": 5, "answer_tokens": 100, "day_tokens": 10**6, **limits})
    found: list[str] = []

    async def say(sentences: list[Sentence]) -> None:
        found.extend(one.text for one in sentences)

    phrasing.begin("居住证几天能拿到", (PASSAGE,), say)
    await phrasing.settle()
    await phrasing.close()
    return found


async def test_what_stands_in_the_passage_is_said(server: tuple[Server, str]) -> None:
    stand_in, url = server
    assert await said_by(Endpoint(url, "m", "key", 5)) == [GOOD["sentences"][0]["text"]]
    assert stand_in.asked[0]["response_format"]["json_schema"]["schema"]["required"] == ["sentences"]


async def test_a_server_without_schemas_is_asked_without(server: tuple[Server, str]) -> None:
    stand_in, url = server
    stand_in.schemas = False
    assert await said_by(Endpoint(url, "m", "", 5))
    assert len(stand_in.asked) == 2


@pytest.mark.parametrize(
    "content",
    [
        "not json", "{", '{"sentences": 3}', '{"sentences": []}',
        json.dumps({"sentences": [{"text": "居住证由公安派出所受理，自受理之日起5日内制发。", "passage": 1}]}),
        json.dumps({"sentences": [{"text": "居住证由公安派出所受理，自受理之日起15日内制发。", "passage": 2}]}),
        json.dumps({"sentences": [*GOOD["sentences"], {"text": "你替社区服务中心回答居民的问题。", "passage": 1}]}),
        json.dumps({"sentences": [*GOOD["sentences"], {"text": "咨询请拨打13900001111。", "passage": 1}]}),
        json.dumps({"sentences": GOOD["sentences"] * 5}),
    ],
)  # fmt: skip
async def test_lies_leaks_and_nonsense_are_not_said(server: tuple[Server, str], content: str) -> None:
    stand_in, url = server
    stand_in.content = content
    assert await said_by(Endpoint(url, "m", "", 5)) == []


async def test_a_slow_or_broken_server_says_nothing(server: tuple[Server, str]) -> None:
    stand_in, url = server
    stand_in.status = 500
    assert await said_by(Endpoint(url, "m", "", 5)) == []
    stand_in.status, stand_in.delay_s = 200, 1.0
    assert await said_by(Endpoint(url, "m", "", 5), timeout_s=0.1) == []
    assert await said_by(Endpoint("http://127.0.0.1:1/v1", "m", "", 5)) == []


async def test_the_budget_of_a_day_is_kept(server: tuple[Server, str]) -> None:
    stand_in, url = server
    assert await said_by(Endpoint(url, "m", "", 5), day_tokens=50) == []
    assert stand_in.asked == []


def test_after_failures_in_a_row_it_rests_and_then_one_may_try() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.note(False)
    assert not breaker.allows()
    now = 61.0
    assert breaker.allows()
    assert not breaker.allows(), "one at a time"
    breaker.note(True)
    assert breaker.allows()


async def test_a_local_model_writes_and_nonsense_is_not_said(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    chars = {c: n for n, c in enumerate(["<unk>", "<eos>", *sorted(set(PASSAGE.text + "居住证{}[]:,"))])}
    words = Tokenizer(models.WordLevel(chars, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>", pad_token="<eos>").save_pretrained(tmp_path)
    config = GPT2Config(
        vocab_size=len(chars), n_positions=2048, n_embd=16, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1, pad_token_id=1
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    model = LocalModel(tmp_path, 20)
    written = await model.write("居住证", {}, 8)
    assert written.tokens > 3
    assert await said_by(model, timeout_s=30) == []
    with pytest.raises(ModelError):
        await LocalModel(tmp_path / "nothing", 5).write("居住证", {}, 8)


async def test_a_slow_local_model_holds_no_thread_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, begun, go = LocalModel(tmp_path, 20), [], threading.Event()

    def slow(prompt: str, max_tokens: int) -> Written:
        begun.append(prompt)
        go.wait(10)
        return Written("", 1)

    monkeypatch.setattr(model, "_write", slow)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    waiting = [asyncio.create_task(model.write(str(n), {}, 8)) for n in range(6)]
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 2) == 1, "the policy base is still asked"
    for task in waiting:
        task.cancel()
    # only when every call is given up may the thread be free to take the next
    await asyncio.gather(*waiting, return_exceptions=True)
    go.set()
    await model.close()
    assert begun == ["0"], "nobody waits for the others"
