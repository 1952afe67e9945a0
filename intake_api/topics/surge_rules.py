"""How surprising a number of voices is: a negative binomial around what this place, weekday and hour are used to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict
from scipy.stats import nbinom

RULES_PATH = Path(__file__).with_suffix(".yaml")


class SurgeRules(BaseModel):
    """intake_api/topics/surge_rules.yaml as checked values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_chance: float
    least_voices: int
    window_hours: int
    weeks: int
    least_weeks: int
    prior_weeks: float
    parent_weeks: float
    clump: float
    clump_cells: int
    clump_most: int
    lasting_chance: float
    quiet_hours: float
    same_within_hours: float


@lru_cache(maxsize=1)
def load_surge_rules(path: Path = RULES_PATH) -> SurgeRules:
    return SurgeRules.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))


def weekly_rate(rules: SurgeRules, own: float, weeks: float, parent_rate: float, share: float) -> float:
    """Voices a week of a matter in an area. `own`: counted in `weeks`; shrunk to the parent's rate times the area's share of it."""
    return (own + rules.parent_weeks * parent_rate * share) / (weeks + rules.parent_weeks)


def expected(rules: SurgeRules, past: Sequence[float], rate: float, profile: float) -> float:
    """Voices usual in a window. `past`: the same window of earlier weeks, the greatest cut down to the second, so that one surge
    does not become usual; `profile`: the share of a week that falls into such a window."""
    calm = sorted(past)
    if len(calm) > 1:
        calm[-1] = calm[-2]
    return (rules.prior_weeks * rate * profile + sum(calm)) / (rules.prior_weeks + len(calm))


def clumping(rules: SurgeRules, voices: float, squares: float) -> float:
    """Variance over mean, from the sum of the counts of single hours and grids and of their squares (each cut at `clump_most`)."""
    return max(1.05, (squares + rules.clump * rules.clump_cells) / (voices + rules.clump_cells))


def chance(voices: int, usual: float, clump: float) -> float:
    """How likely `voices` or more are where `usual` are: the tail of a negative binomial whose variance is `clump` times its mean."""
    if voices <= 0:
        return 1.0
    mean = max(usual, 1e-6)
    return float(nbinom.sf(voices - 1, mean / (clump - 1), 1 / clump))
