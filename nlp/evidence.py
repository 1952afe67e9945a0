"""What speaks for a message belonging to a matter: named numbers from words, category, place, time, sender and context."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nlp.match_rules import MatchRules
from nlp.schema import STAFF_ROLES, Earlier, MatterSketch, Place, RankedCategory, Role

UNRANKED, NOWHERE = RankedCategory(), Place()
_NOT_CONTENT = re.compile(r"[^\w]|_")


@dataclass(frozen=True, slots=True)
class Vectors:
    """Encoder vectors, L2-normalised float32: `message` [d], `matters` id → [texts, d]."""

    message: NDArray[np.float32]
    matters: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Signal:
    """One message as matching sees it. `previous`: earlier messages of the group, oldest first; `quoted`: matters of the one it quotes."""

    text: str
    at: datetime
    sender: str
    category: RankedCategory = UNRANKED
    place: Place = NOWHERE
    role: Role = "resident"
    home: Place | None = None
    quoted: tuple[str, ...] = ()
    previous: tuple[Earlier, ...] = ()
    media: str | None = None


def weigh(
    signal: Signal, sketches: Sequence[MatterSketch], rules: MatchRules, vectors: Vectors | None = None
) -> dict[str, dict[str, float]]:
    """Evidence by matter id, keys as in match_rules.EVIDENCE. Says nothing about what is allowed: see `nlp.match.possible`."""
    trail = _Trail.of(signal)
    points_back = float(any(word in signal.text for word in rules.points_back))
    short = float(len(_NOT_CONTENT.sub("", signal.text)) < 8)
    repairs = float(any(word in signal.text for word in rules.repairs))
    newest = max((s.last_at for s in sketches), default=None)
    latest = trail.latest or tuple(s.id for s in sketches if s.last_at == newest)
    rows: dict[str, dict[str, float]] = {}
    for s in sketches:
        hours = max((signal.at - s.last_at).total_seconds() / 3600, 0.0)
        levels = agreement(signal.place, s.place)
        row = {
            "bias": 1.0,
            **_category(signal.category, s.category, rules),
            "words": max((likeness(signal.text, t, rules) for t in s.texts), default=0.0),
            "meaning": _meaning(s.id, vectors),
            "place_agrees": levels,
            "place_silent": float(signal.place.is_empty()),
            "place_differs": float(differs(signal.place, s.place)),
            "home_agrees": float(bool(signal.home and signal.home.building and signal.home.building == s.place.building)),
            "home_differs": float(bool(signal.home and differs(signal.home, s.place))),
            "soon": math.exp(-hours / 0.2),
            "recent": math.exp(-hours / 12),
            "latest": float(s.id in latest),
            "near": trail.near.get(s.id, 0.0),
            "own": float(signal.sender in s.senders),
            "own_latest": float(s.id in trail.own_latest),
            "own_near": trail.own_near.get(s.id, 0.0),
            "quoted": float(s.id in signal.quoted),
            "answered": float(s.id in trail.answered),
        }
        row |= {
            "points_back_latest": points_back * row["latest"],
            "short_latest": short * row["latest"],
            "points_back": points_back,
            "short": short,
            "repairs": repairs,
            "media": float(bool(signal.media) and not signal.text),
        }
        rows[s.id] = row
    return rows


@dataclass(frozen=True, slots=True)
class _Trail:
    """Which matters the talk before touched: the last one of the group and of the sender, and how few messages ago each."""

    latest: tuple[str, ...]
    own_latest: tuple[str, ...]
    near: Mapping[str, float]
    own_near: Mapping[str, float]
    answered: frozenset[str]

    @classmethod
    def of(cls, signal: Signal) -> _Trail:
        latest: tuple[str, ...] = ()
        own_latest: tuple[str, ...] = ()
        near: dict[str, float] = {}
        own_near: dict[str, float] = {}
        answered: dict[str, bool] = {}
        for ago, earlier in enumerate(reversed(signal.previous)):
            latest = latest or earlier.matters
            mine = earlier.sender == signal.sender
            own_latest = own_latest or (earlier.matters if mine else ())
            minutes = max((signal.at - earlier.at).total_seconds() / 60, 0.0)
            for matter in earlier.matters:
                near.setdefault(matter, math.exp(-ago / 4))
                answered.setdefault(matter, earlier.role in STAFF_ROLES)
                if mine:
                    own_near.setdefault(matter, math.exp(-minutes / 5))
        return cls(latest, own_latest, near, own_near, frozenset(m for m, yes in answered.items() if yes))


def _category(said: RankedCategory, of: str | None, rules: MatchRules) -> dict[str, float]:
    """How much of the message's category probability falls on the matter's category, its family, its domain, elsewhere."""
    shares = dict.fromkeys(("category", "family", "domain", "off_category"), 0.0)
    for category, p in said.top:
        if category == of:
            shares["category"] += p
        elif rules.confusable(category, of):
            shares["family"] += p
        elif of and category.split(".")[0] == of.split(".")[0]:
            shares["domain"] += p
        else:
            shares["off_category"] += p
    return shares


def _meaning(matter: str, vectors: Vectors | None) -> float:
    rows = vectors.matters.get(matter) if vectors else None
    return float((rows @ vectors.message).max()) if vectors and rows is not None and len(rows) else 0.0


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


def agreement(a: Place, b: Place) -> float:
    """How many levels of place both name alike: building, unit, room, spot, road 1 each, estate a half."""
    levels = sum(1.0 for f in ("building", "unit", "room", "spot", "road") if getattr(a, f) and getattr(a, f) == getattr(b, f))
    return levels + (0.5 if a.estate and a.estate == b.estate else 0.0)


def differs(a: Place, b: Place) -> bool:
    """Both name a level of place, and differently."""
    return any(getattr(a, f) and getattr(b, f) and getattr(a, f) != getattr(b, f) for f in ("estate", "building", "unit", "room"))
