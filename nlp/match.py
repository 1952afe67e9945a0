"""Which open matter a message belongs to: evidence from words, category, place, time and sender, weighed into a probability."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nlp.schema import Match, MatterSketch, Place, RankedCategory
from nlp.taxonomy import Taxonomy

RULES_PATH = Path(__file__).with_name("match.yaml")
_NOT_CONTENT = re.compile(r"[^\w]|_", re.UNICODE)


class Thresholds(BaseModel):
    """Probabilities: join by itself, suggest to a person, and (settled matters) open a new one that names the old."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    join: float
    suggest: float
    recurs: float


class MatchRules(BaseModel):
    """nlp/match.yaml, checked. `weights` must name exactly the evidence of `EVIDENCE`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluation: str
    thresholds: Thresholds
    weights: dict[str, float]
    windows_h: dict[str, float]
    families: tuple[frozenset[str], ...]
    wide: frozenset[str]
    points_back: tuple[str, ...]
    stop_chars: str
    reasons: dict[str, str]

    def window_h(self, category: str | None) -> float:
        """Hours after the last word in which a report may still be the same matter."""
        default = self.windows_h["default"]
        if category is None:
            return default
        return self.windows_h.get(category, self.windows_h.get(category.split(".")[0], default))

    def confusable(self, a: str | None, b: str | None) -> bool:
        return any(a in family and b in family for family in self.families)


EVIDENCE = (
    "bias", "category", "family", "domain", "words", "meaning", "place_agrees", "place_unknown",
    "soon", "recent", "latest", "same_sender", "points_back", "short",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vectors:
    """Encoder vectors, L2-normalised float32: `message` [d], `matters` id → [texts, d]."""

    message: NDArray[np.float32]
    matters: Mapping[str, NDArray[np.float32]]


@lru_cache(maxsize=4)
def load_rules(path: Path = RULES_PATH) -> MatchRules:
    """Raises ValueError when a weight is missing or unknown."""
    rules = MatchRules.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))
    if set(rules.weights) != set(EVIDENCE):
        raise ValueError(f"{path}: weights must be exactly {', '.join(EVIDENCE)}")
    return rules


@lru_cache(maxsize=20_000)
def _grams(text: str, stop: str) -> tuple[dict[str, float], float]:
    """Character 1–2-grams without stop characters → sublinear weights and their norm."""
    clean = _NOT_CONTENT.sub(" ", text.lower())
    singles = [c for c in clean if c != " " and c not in stop]
    doubles = [a + b for a, b in itertools.pairwise(clean) if " " not in a + b and not (a in stop and b in stop)]
    weights = {gram: (1 + math.log(n)) * len(gram) for gram, n in Counter(singles + doubles).items()}
    return weights, math.sqrt(sum(w * w for w in weights.values()))


def likeness(a: str, b: str, rules: MatchRules) -> float:
    """Cosine of character n-grams in [0, 1]; 0 where either text has no content."""
    (one, size_a), (two, size_b) = _grams(a, rules.stop_chars), _grams(b, rules.stop_chars)
    if not size_a or not size_b:
        return 0.0
    small, large = (one, two) if len(one) < len(two) else (two, one)
    return sum(w * large.get(gram, 0.0) for gram, w in small.items()) / (size_a * size_b)


def match(
    text: str,
    category: RankedCategory,
    place: Place,
    at: datetime,
    sender: str,
    sketches: Sequence[MatterSketch],
    *,
    taxonomy: Taxonomy,
    vectors: Vectors | None = None,
    rules: MatchRules | None = None,
) -> list[Match]:
    """Every sketch with the probability that this report belongs to it, best first; the rest of 1 is "a new matter".

    A matter whose place conflicts, or that has been silent for longer than its window, has probability 0 and verdict "none".
    At most one match says "join"; a settled matter says "recurs" instead.
    """
    rules = rules or load_rules()
    rows = [(sketch, evidence(text, category, place, at, sender, sketch, sketches, rules, vectors)) for sketch in sketches]
    scores = {s.id: sum(rules.weights[k] * v for k, v in row.items()) for s, row in rows if row is not None}
    top = max([0.0, *scores.values()])
    total = math.exp(-top) + sum(math.exp(s - top) for s in scores.values())
    found = []
    for sketch, row in rows:
        p = math.exp(scores[sketch.id] - top) / total if row is not None else 0.0
        found.append(_judge(sketch, row, p, place, at, rules))
    found.sort(key=lambda m: (-m.probability, m.matter))
    return found


def evidence(
    text: str,
    category: RankedCategory,
    place: Place,
    at: datetime,
    sender: str,
    sketch: MatterSketch,
    among: Sequence[MatterSketch],
    rules: MatchRules,
    vectors: Vectors | None = None,
) -> dict[str, float] | None:
    """The evidence for one matter, keys as in EVIDENCE; None where the two cannot be one matter (place, time)."""
    hours = (at - sketch.last_at).total_seconds() / 3600
    if conflicts(place, sketch.place) or abs(hours) > rules.window_h(sketch.category):
        return None
    hours = max(hours, 0.0)
    same = sum(p for c, p in category.top if c == sketch.category)
    family = sum(p for c, p in category.top if c != sketch.category and rules.confusable(c, sketch.category))
    domain = sum(p for c, p in category.top if c != sketch.category and c.split(".")[0] == (sketch.category or "").split(".")[0])
    agreed = agreement(place, sketch.place)
    content = len(_NOT_CONTENT.sub("", text))
    return {
        "bias": 1.0,
        "category": same,
        "family": family,
        "domain": domain,
        "words": max((likeness(text, t, rules) for t in sketch.texts), default=0.0),
        "meaning": _meaning(sketch.id, vectors),
        "place_agrees": agreed,
        "place_unknown": float(agreed == 0),
        "soon": math.exp(-hours / 0.5),
        "recent": math.exp(-hours / 12),
        "latest": float(sketch.last_at == max(s.last_at for s in among)),
        "same_sender": float(sender in sketch.senders),
        "points_back": float(any(word in text for word in rules.points_back)),
        "short": float(content < 8),
    }


def _meaning(matter: str, vectors: Vectors | None) -> float:
    rows = vectors.matters.get(matter) if vectors else None
    return float((rows @ vectors.message).max()) if vectors and rows is not None and len(rows) else 0.0


def agreement(a: Place, b: Place) -> float:
    """How many levels of place both name alike: building, unit, room, spot, road 1 each, estate a half."""
    levels = sum(1.0 for f in ("building", "unit", "room", "spot", "road") if getattr(a, f) and getattr(a, f) == getattr(b, f))
    return levels + (0.5 if a.estate and a.estate == b.estate else 0.0)


def conflicts(a: Place, b: Place) -> bool:
    """Both name a level of place, and differently: they cannot be one matter."""
    return any(getattr(a, f) and getattr(b, f) and getattr(a, f) != getattr(b, f) for f in ("estate", "building", "unit", "room"))


def _judge(sketch: MatterSketch, row: dict[str, float] | None, p: float, place: Place, at: datetime, rules: MatchRules) -> Match:
    limits = rules.thresholds
    if row is None or p < limits.suggest:
        return Match(sketch.id, p, (), "none")
    if sketch.settled:
        return Match(sketch.id, p, reasons(sketch, row, place, at, rules), "recurs" if p >= limits.recurs else "none")
    return Match(sketch.id, p, reasons(sketch, row, place, at, rules), "join" if p >= limits.join else "suggest")


def reasons(sketch: MatterSketch, row: Mapping[str, float], place: Place, at: datetime, rules: MatchRules) -> tuple[str, ...]:
    """Short phrases for the worker's card, strongest kind of evidence first."""
    say = rules.reasons
    told: list[str] = []
    level = next(
        (
            f
            for f in ("room", "unit", "building", "spot", "road", "estate")
            if getattr(place, f) and getattr(place, f) == getattr(sketch.place, f)
        ),
        None,
    )
    told.append(say[f"same_{level}"] if level else say["place_unknown"])
    if row["category"] >= 0.5:
        told.append(say["same_category"])
    elif row["family"] + row["domain"] >= 0.5:
        told.append(say["same_family"])
    told.append(_ago(at, sketch.last_at, say))
    if row["words"] >= 0.25:
        told.append(say["similar_words"])
    elif row["meaning"] >= 0.9:
        told.append(say["similar_meaning"])
    if row["points_back"]:
        told.append(say["points_back"])
    if len(sketch.senders) > 1:
        told.append(say["reporters"].format(n=len(sketch.senders)))
    if row["same_sender"]:
        told.append(say["same_sender"])
    if sketch.settled:
        told.append(say["settled"])
    return tuple(told)


def _ago(at: datetime, before: datetime, say: Mapping[str, str]) -> str:
    seconds = abs((at - before).total_seconds())
    if seconds < 3600:
        return say["minutes"].format(n=max(1, math.ceil(seconds / 60)))
    if seconds < 48 * 3600:
        return say["hours"].format(n=math.ceil(seconds / 3600))
    return say["days"].format(n=math.ceil(seconds / 86400))
