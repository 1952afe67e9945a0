"""Questions tried from the console, answered by this assistant exactly as it would answer residents, with the reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.assistant.answers import words_of_answer
from bot.assistant.policy import LivePolicy
from bot.channels.stopping import heed_cancel
from intake_api.contracts import TRIALS, TrialHit, TrialIn, TrialView, trial_answer_key
from nlp.explain import explain
from nlp.retrieve import Base
from nlp.schema import Answer

log = structlog.get_logger()
ANSWER_KEPT_S = 60
SHOWN_CHARS = 400


async def answer_trials(redis: Redis, policy: LivePolicy, today: Callable[[], date]) -> None:
    """Until cancelled. `redis` decodes responses."""
    while True:
        heed_cancel()
        try:
            waiting = await redis.brpop([TRIALS], timeout=5)
            if waiting:
                await _answer(redis, policy, TrialIn.model_validate_json(waiting[1]), today())
        except ValidationError:
            log.warning("trial.unreadable")
        except (RedisError, OSError):
            await asyncio.sleep(1.0)
        except Exception:  # the outermost door of this task: one odd question must not end the others
            log.exception("trial.failed")


async def _answer(redis: Redis, policy: LivePolicy, trial: TrialIn, today: date) -> None:
    standing = policy.base
    view = TrialView(id=trial.id, version=-1, passages=0, meaning=False)
    if standing is not None:
        version, base = standing
        view, found = await asyncio.to_thread(judged, base, version, trial, today.isoformat())
        if found is not None:
            text, source = words_of_answer(found)
            c = found.citation
            view = view.model_copy(update={"answer": text, "source": source, "link": c.link, "doc": c.doc})
    async with redis.pipeline(transaction=True) as pipe:
        pipe.rpush(trial_answer_key(trial.id), view.model_dump_json())
        pipe.expire(trial_answer_key(trial.id), ANSWER_KEPT_S)
        await pipe.execute()


def judged(base: Base, version: int, trial: TrialIn, today: str) -> tuple[TrialView, Answer | None]:
    """What was found and why, and what would be answered."""
    look, explained = explain(base, trial.question, today=today, area=trial.area, for_staff=trial.staff)
    hits = [
        TrialHit(
            doc=one.passage.doc,
            title=one.passage.title,
            clause=one.passage.clause,
            text=(one.passage.curated_answer or one.passage.text)[:SHOWN_CHARS],
            curated=bool(one.passage.curated_answer),
            words=list(one.words),
            by_words=one.by_words,
            by_meaning=one.by_meaning,
            by_both=one.by_both,
            left_out=one.left_out,
        )
        for one in explained
    ]
    sure = base.probability(look) if look.found else 0.0
    view = TrialView(
        id=trial.id, version=version, passages=len(base.passages), meaning=base.meaning is not None, sure=sure,
        needed=base.tuned.refuse_below, hits=hits,
    )  # fmt: skip
    return view, base.answer_from(look)
