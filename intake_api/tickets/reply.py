"""Whether a reply answers: what is left of it when the phrases that only fill are taken out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict


class Boilerplate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    min_letters: int
    min_distinct: int
    phrases: tuple[str, ...]


@lru_cache(maxsize=1)
def boilerplate() -> Boilerplate:
    path = Path(__file__).with_name("boilerplate.yaml")
    return Boilerplate.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))


def answers(reply: str) -> bool:
    """False for a reply that is empty, too short to say anything, or made of set phrases only."""
    rules = boilerplate()
    for phrase in rules.phrases:
        reply = reply.replace(phrase, " ")
    left = [letter for letter in reply if letter.isalnum()]
    return len(left) >= rules.min_letters and len(set(left)) >= rules.min_distinct
