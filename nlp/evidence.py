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
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlp.gazetteer import place_words
from nlp.match_rules import MatchRules
from nlp.place import conflicts
from nlp.schema import STAFF_ROLES, Earlier, MatterSketch, Place, RankedCategory, Role

UNRANKED, NOWHERE = RankedCategory(), Place()
RARE = 6.5
STRANGERS = 0.2
"""The cosine of two matters of one group on average (nlp.remembered; encoder_v3 0.22, encoder_v4 0.19): what is above it says that they are
one."""
COMMON_GRAMS = Path(__file__).parent / "lexicon" / "common_grams.txt"
_NOT_CONTENT = re.compile(r"[^\w]|_")


@dataclass(frozen=True, slots=True)
class Vectors:
    """Encoder vectors, L2-normalised float32: `message` [d], `matters` id → [texts, d]."""

    message: NDArray[np.float32]
    matters: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Signal:
    """One message as matching sees it. `previous`: the talk before, oldest first; `quoted`: matters of the message it quotes."""

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
    alone = float(any(word in signal.text for word in rules.alone))
    household = any(word in signal.text for word in rules.household)
    turns = float(any(word in signal.text for word in rules.turns))
    repairs = float(any(word in signal.text for word in rules.repairs))
    newest = max((s.last_at for s in sketches), default=None)
    latest = trail.latest or tuple(s.id for s in sketches if s.last_at == newest)
    words = _words(signal, sketches, trail)
    rows: dict[str, dict[str, float]] = {}
    for s in sketches:
        hours = max((signal.at - s.last_at).total_seconds() / 3600, 0.0)
        levels = agreement(signal.place, s.place)
        row = {
            "bias": 1.0,
            **_category(signal.category, s.category, rules),
            **words[s.id],
            "meaning": _meaning(s.id, vectors),
            "place_agrees": levels,
            "place_new": float(levels == 0 and _is_exact(signal.place)),
            **_spots(signal, s),
            **_elsewhere(signal, s, levels, household, rules),
            "place_silent": float(signal.place.is_empty()),
            "place_differs": float(conflicts(signal.place, s.place)),
            "home_agrees": float(bool(signal.home and signal.home.building and signal.home.building == s.place.building)),
            "home_differs": float(bool(signal.home and conflicts(signal.home, s.place))),
            "soon": math.exp(-hours / 0.2),
            "recent": math.exp(-hours / 12),
            "latest": float(s.id in latest),
            "near": trail.near.get(s.id, 0.0),
            "own": float(signal.sender in s.senders),
            "crowd": math.log1p(len(s.senders)),
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
            "turns": turns,
            "alone": alone,
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
    texts: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, signal: Signal) -> _Trail:
        latest: tuple[str, ...] = ()
        own_latest: tuple[str, ...] = ()
        near: dict[str, float] = {}
        own_near: dict[str, float] = {}
        answered: dict[str, bool] = {}
        texts: dict[str, tuple[str, ...]] = {}
        for ago, earlier in enumerate(reversed(signal.previous)):
            latest = latest or earlier.matters
            mine = earlier.sender == signal.sender
            own_latest = own_latest or (earlier.matters if mine else ())
            minutes = max((signal.at - earlier.at).total_seconds() / 60, 0.0)
            for matter in earlier.matters:
                texts[matter] = (*texts.get(matter, ()), earlier.text)
                near.setdefault(matter, math.exp(-ago / 4))
                answered.setdefault(matter, earlier.role in STAFF_ROLES)
                if mine:
                    own_near.setdefault(matter, math.exp(-minutes / 5))
        return cls(latest, own_latest, near, own_near, frozenset(m for m, yes in answered.items() if yes), texts)


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


def is_foreign(said: RankedCategory, of: str | None, rules: MatchRules) -> bool:
    """Surely of another category, and of none that is taken for the matter's."""
    return said.accepted and said.best != of and not rules.confusable(said.best, of)


def _meaning(matter: str, vectors: Vectors | None) -> float:
    """Cosine with the nearest text above that of strangers; 0 where no encoder speaks."""
    rows = vectors.matters.get(matter) if vectors else None
    return float((rows @ vectors.message).max()) - STRANGERS if vectors and rows is not None and len(rows) else 0.0


@lru_cache(maxsize=1)
def _told_by() -> dict[str, float]:
    """How much a character or pair of characters tells: nlp/lexicon/common_grams.txt."""
    lines = COMMON_GRAMS.read_text(encoding="utf8").splitlines()
    return {gram: float(told) for gram, told in (line.split() for line in lines if line and not line.startswith("#"))}


@lru_cache(maxsize=20_000)
def grams(text: str) -> tuple[dict[str, float], float]:
    """Characters and pairs of a text, weighed by how much they tell (a lone character half), and the norm of the weights."""
    told, clean = _told_by(), _NOT_CONTENT.sub(" ", text.lower())
    weights = {c: told.get(c, RARE) / 2 for c in clean if c != " "}
    weights |= {a + b: told.get(a + b, RARE) for a, b in itertools.pairwise(clean) if a != " " and b != " "}
    return weights, math.sqrt(sum(w * w for w in weights.values()))


def likeness(a: str, b: str) -> float:
    """Cosine of weighed character n-grams in [0, 1]; 0 where either text is empty."""
    (one, size_a), (two, size_b) = grams(a), grams(b)
    if not size_a or not size_b:
        return 0.0
    small, large = (one, two) if len(one) < len(two) else (two, one)
    return sum(w * large[gram] for gram, w in small.items() if gram in large) / (size_a * size_b)


def _words(signal: Signal, sketches: Sequence[MatterSketch], trail: _Trail) -> dict[str, dict[str, float]]:
    """By matter: likeness of the nearest text; what the pairs shared tell (log); and what pairs shared with this matter alone tell."""
    mine = {g: w for g, w in grams(signal.text)[0].items() if len(g) == 2}
    heard = {s.id: set().union(*(grams(t)[0] for t in (*s.texts, *trail.texts.get(s.id, ())))) for s in sketches}
    common = Counter(g for words in heard.values() for g in mine if g in words)
    found = {}
    for s in sketches:
        shared = [g for g in mine if g in heard[s.id]]
        found[s.id] = {
            "words": max((likeness(signal.text, t) for t in s.texts), default=0.0),
            "shared": math.log1p(sum(max(mine[g] - 2.5, 0) for g in shared)),
            "only": math.log1p(sum(max(mine[g] - 2.5, 0) for g in shared if common[g] == 1)),
        }
    return found


@lru_cache(maxsize=1)
def _spot_pattern() -> re.Pattern[str]:
    words = place_words()
    listed = sorted({*words["gates"], *words["open_spots"], *words["inside_spots"]}, key=lambda w: (-len(w), w))
    return re.compile("|".join(map(re.escape, listed)))


@lru_cache(maxsize=20_000)
def _spots_in(text: str) -> frozenset[str]:
    return frozenset(_spot_pattern().findall(text))


def _spots(signal: Signal, sketch: MatterSketch) -> dict[str, float]:
    """Whether message and matter speak of the same gates, garages, shops …, or only of different ones."""
    mine = _spots_in(signal.text)
    theirs = frozenset().union(*(_spots_in(t) for t in sketch.texts))
    alike = any(a in b or b in a for a in mine for b in theirs)
    return {"spots_agree": float(alike), "spots_differ": float(bool(mine) and bool(theirs) and not alike)}


def _elsewhere(signal: Signal, sketch: MatterSketch, levels: float, household: bool, rules: MatchRules) -> dict[str, float]:
    """Where a trouble does not hit many at once: the same at a place that the matter does not name; another household's own four walls."""
    narrow = sketch.category not in rules.wide and levels < 1
    too = any(word in signal.text for word in rules.too)
    return {
        "another_too": float(narrow and too and (_is_exact(signal.place) or bool(_spots_in(signal.text)))),
        "household": float(narrow and household and signal.sender not in sketch.senders),
    }


def _is_exact(place: Place) -> bool:
    return any((place.building, place.unit, place.room, place.road, place.spot))


def agreement(a: Place, b: Place) -> float:
    """How many levels of place both name alike: building, unit, room, spot, road 1 each, estate a half. "南门" is also "小区南门"."""
    levels = sum(1.0 for f in ("building", "unit", "room", "road") if getattr(a, f) and getattr(a, f) == getattr(b, f))
    spots = bool(a.spot and b.spot) and (str(a.spot) in str(b.spot) or str(b.spot) in str(a.spot))
    return levels + spots + (0.5 if a.estate and a.estate == b.estate else 0.0)
