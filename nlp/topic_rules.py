"""nlp/topics.yaml as checked values: what names look like, the weights of sameness, the terms of heat."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

RULES_PATH = Path(__file__).with_name("topics.yaml")


class Limits(BaseModel):
    """Cosines from which a pair is looked at; mean probability from which two clusters are one, for one pair of letters and
    for `many_pairs` or more (many weak voices agree where one would not do)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_alike: float
    least_alike_names: float
    one_matter: float
    one_matter_many: float
    many_pairs: int


class HeatTerms(BaseModel):
    """See `nlp.heat.heat`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    likes: float
    against: float
    half_life_days: float
    calm_span_days: float
    spread: float
    urgent: float


class LiveRules(BaseModel):
    """See `nlp.live_topics`: what speaks for two matters being one topic, from which sum on, and how far back one looks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int
    most: int
    words: float
    category: float
    same_place: float
    same_grid: float
    same_community: float
    near: float
    near_days: float
    limits: Limits
    heat: HeatTerms


class TopicRules(BaseModel):
    """`weights`: evidence → weight of a logistic model; the second set is for when no model is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluation: str
    endings: tuple[str, ...]
    no_name_chars: str
    no_name_words: frozenset[str]
    kinds_of_place: frozenset[str]
    openings: tuple[str, ...]
    groups: tuple[str, ...]
    limits: Limits
    heat: HeatTerms
    live: LiveRules
    weights: dict[str, float]
    weights_by_words: dict[str, float]
    columns: dict[str, str]

    def __hash__(self) -> int:
        return id(self)


@lru_cache(maxsize=4)
def load_topic_rules(path: Path = RULES_PATH) -> TopicRules:
    return TopicRules.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))
