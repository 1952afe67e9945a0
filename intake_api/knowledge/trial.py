"""A question tried from the console: the assistant itself answers it, so that what is shown is what residents would get."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from intake_api.contracts import TRIALS, TrialIn, TrialView, trial_answer_key

MOST_WAITING = 20
ANSWER_WITHIN_S = 6


async def try_question(redis: Redis, trial: TrialIn) -> TrialView | None:
    """None when no assistant answered in time, or Redis is away."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S + 1), redis.pipeline(transaction=False) as pipe:
            pipe.lpush(TRIALS, trial.model_dump_json())
            pipe.ltrim(TRIALS, 0, MOST_WAITING - 1)
            await pipe.execute()
            answer = await redis.blpop([trial_answer_key(trial.id)], timeout=ANSWER_WITHIN_S)
        return TrialView.model_validate_json(answer[1]) if answer else None
    except (RedisError, OSError, TimeoutError, ValidationError):
        return None
