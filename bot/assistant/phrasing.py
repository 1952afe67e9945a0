"""An answer put into fewer words by a language model, beside the work: what was quoted stands at once, and is edited only when every
sentence that the model wrote holds against its passage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.assistant.language_model import LanguageModel, ModelError
from bot.telemetry import PHRASED, PHRASING_TOKENS
from nlp.grounded import is_grounded
from nlp.pipeline import injected
from nlp.schema import Passage
from nlp.text import normalise
from prompts import front_of, render

log = structlog.get_logger()
TEMPLATE = "phrase_answer"
# answers being phrased at once; further ones stay as they were quoted
MOST_AT_ONCE = 8
FAILURES, REST_S = 5, 60.0


class Sentence(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: str = Field(min_length=2, max_length=160)
    passage: int = Field(ge=1, strict=True)


class Phrased(BaseModel):
    """What the model must answer; the same as the schema in the template's front matter."""

    sentences: list[Sentence] = Field(max_length=4)


class Breaker:
    """After FAILURES in a row nothing is asked for REST_S; then one may try."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    def allows(self) -> bool:
        if self._failed < FAILURES:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + REST_S
        return True

    def note(self, went_well: bool) -> None:
        self._failed = 0 if went_well else self._failed + 1
        if self._failed >= FAILURES:
            self._until = self._clock() + REST_S


class Phrasing:
    """`begin` and go on. `answer_tokens` bounds one answer, `day_tokens` all that this process asks in a day."""

    def __init__(
        self, model: LanguageModel, clock: Callable[[], datetime], timeout_s: float, answer_tokens: int, day_tokens: int,
        breaker: Breaker | None = None,
    ) -> None:  # fmt: skip
        self._model = model
        self._clock = clock
        self._timeout_s = timeout_s
        self._answer_tokens = answer_tokens
        self._day_tokens = day_tokens
        self._breaker = breaker or Breaker()
        self._day: date | None = None
        self._spent = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, question: str, passages: Sequence[Passage], say: Callable[[list[Sentence]], Awaitable[object]]) -> None:
        """Phrase the answer to a (masked) question from its passages, the one that was quoted first; `say` is called with the sentences
        if all of them hold, and otherwise never. Returns at once."""
        if len(self._tasks) >= MOST_AT_ONCE:
            PHRASED.labels("busy").inc()
            return
        task = asyncio.create_task(self._phrase(question, passages, say))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for what was begun."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self.settle()
        await self._model.close()

    async def _phrase(self, question: str, passages: Sequence[Passage], say: Callable[[list[Sentence]], Awaitable[object]]) -> None:
        outcome = "failed"
        try:
            outcome, sentences = await self._written(question, passages)
            if sentences:
                await say(sentences)
        except Exception as error:  # the outermost door of this task: what was quoted stands
            log.warning("phrasing.failed", error=type(error).__name__)
        finally:
            PHRASED.labels(outcome).inc()

    async def _written(self, question: str, passages: Sequence[Passage]) -> tuple[str, list[Sentence]]:
        """(why it ended so, the sentences that may be said)."""
        if any(injected(normalise(text).text) for text in (question, *(source_of(p) for p in passages))):
            return "suspicious", []  # a model could be talked into something; the quoted words cannot
        prompt = render(TEMPLATE, question=question, passages=passages)
        if not self._breaker.allows():
            return "resting", []
        if not self._may_spend(len(prompt) + self._answer_tokens):
            return "over_budget", []
        reserved = self._answer_tokens + len(prompt)
        self._spent += reserved
        try:
            async with asyncio.timeout(self._timeout_s):
                written = await self._model.write(prompt, front_of(TEMPLATE).output, self._answer_tokens)
        except (ModelError, TimeoutError) as error:
            self._breaker.note(False)
            log.info("phrasing.no_answer", why=str(error) or "too slow")
            return "too_slow" if isinstance(error, TimeoutError) else "failed", []
        self._breaker.note(True)
        self._spent += written.tokens - reserved
        PHRASING_TOKENS.inc(written.tokens)
        return await asyncio.to_thread(checked, written.text, passages)

    def _may_spend(self, tokens: int) -> bool:
        today = self._clock().date()
        if today != self._day:
            self._day, self._spent = today, 0
        return self._spent + tokens <= self._day_tokens


def checked(text: str, passages: Sequence[Passage]) -> tuple[str, list[Sentence]]:
    """("phrased", sentences) where every sentence holds against its passage and one is from the first; else why not, and none."""
    start, end = text.find("{"), text.rfind("}")
    try:
        sentences = Phrased.model_validate_json(text[start : end + 1]).sentences
    except ValidationError:
        return "unreadable", []
    if not sentences:
        return "nothing_said", []
    if any(one.passage > len(passages) for one in sentences) or all(one.passage != 1 for one in sentences):
        return "not_cited", []
    if not all(is_grounded(one.text, source_of(passages[one.passage - 1])) for one in sentences):
        return "not_in_passage", []
    return "phrased", sentences


def source_of(passage: Passage) -> str:
    return f"{passage.title}\n{passage.number}\n{passage.clause}\n{passage.text}"
