"""nlp/match.yaml as checked values: windows, thresholds and weights of matching, each with the evaluation it comes from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

RULES_PATH = Path(__file__).with_name("match.yaml")

# What may speak for a message belonging to a matter; nlp.evidence says what each means.
EVIDENCE = (
    "bias", "category", "family", "domain", "off_category", "words", "shared", "only", "meaning",
    "place_agrees", "place_silent", "place_differs", "place_new", "spots_agree",
    "spots_differ", "another_too", "household", "home_agrees", "home_differs", "soon", "recent", "latest", "near", "crowd",
    "own", "own_latest", "own_near", "quoted", "answered", "points_back_latest", "short_latest", "points_back", "short", "turns", "alone",
    "repairs", "media",
)  # fmt: skip


class Thresholds(BaseModel):
    """Probabilities: join unasked, suggest to a person, open a new one that names the settled old one, attach other words, take
    words for a new report after all. `doubt`: how likely, for one that words are of the matter, they may be a report of something else.
    `clear`: a ranking below tells no new trouble in the same burst as its sender's last report: there no doubt keeps it from the matter.
    `chatter`: how many times as likely as all that tells of a matter small talk must be, for a resident's words to be left alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    join: float
    suggest: float
    recurs: float
    attach: float
    doubt: float
    clear: float
    new: float
    chatter: float


class Burst(BaseModel):
    """Short messages of one sender that a report takes along: at most so old, and so many messages of others between. A picture
    without words within `picture_minutes` of its sender's words on a matter shows that matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float
    messages: int
    picture_minutes: float


class MatchRules(BaseModel):
    """`weights`: kind of message → evidence → weight; evidence that is not named weighs nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluation: str
    thresholds: Thresholds
    burst: Burst
    weights: dict[str, dict[str, float]]
    windows_h: dict[str, float]
    asked_after_h: float
    comes_back_after_h: float
    comes_back: tuple[str, ...]
    gathering: float
    families: tuple[frozenset[str], ...]
    wide: frozenset[str]
    mains: frozenset[str]
    household: tuple[str, ...]
    too: tuple[str, ...]
    points_back: tuple[str, ...]
    repairs: tuple[str, ...]
    corrects: tuple[str, ...]
    asks_where: tuple[str, ...]
    turns: tuple[str, ...]
    alone: tuple[str, ...]
    reasons: dict[str, str]

    def window_h(self, category: str | None) -> float:
        """Hours after the last word in which a report may still be the same matter."""
        default = self.windows_h["default"]
        if category is None:
            return default
        return self.windows_h.get(category, self.windows_h.get(category.split(".")[0], default))

    def hangs_within_h(self, kind: str, category: str | None) -> float:
        """Hours after the last word in which words of this kind may still belong to the matter: who asks after one, or tells what
        was done about it, knows that it is an old one."""
        return max(self.window_h(category), self.asked_after_h if kind in ("follow_up", "reply") else 0.0)

    def confusable(self, a: str | None, b: str | None) -> bool:
        return any(a in family and b in family for family in self.families)


@lru_cache(maxsize=4)
def load_rules(path: Path = RULES_PATH) -> MatchRules:
    """Raises ValueError when a weight names unknown evidence."""
    rules = MatchRules.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))
    for kind, weights in rules.weights.items():
        if unknown := set(weights) - set(EVIDENCE):
            raise ValueError(f"{path}: weights of {kind} name unknown evidence: {', '.join(sorted(unknown))}")
    return rules
