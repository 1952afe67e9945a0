"""Which open matter a report belongs to: evidence weighed into a probability, with its reasons in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from nlp.evidence import Signal, Vectors, agreement, likeness, weigh
from nlp.match_rules import MatchRules, load_rules
from nlp.place import conflicts
from nlp.schema import Earlier, Match, MatterSketch, Place, RankedCategory
from nlp.taxonomy import Taxonomy

Evidence = Mapping[str, float]
ALIKE = 0.3
"""Meaning (nlp.evidence) from which a worker is told of it."""


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
    home: Place | None = None,
    previous: tuple[Earlier, ...] = (),
    quoted: tuple[str, ...] = (),
    rules: MatchRules | None = None,
) -> list[Match]:
    """Every sketch with the probability that this report belongs to it, best first; the rest of 1 is "a new matter".

    A matter whose place conflicts, or that has been silent for longer than its window, has probability 0 and verdict "none".
    At most one match says "join"; a settled matter says "recurs" instead, and one that a person took such words apart from
    says no more than "suggest". `previous` (with its matters), `quoted` (matters of the quoted message) and `home` sharpen the
    judgement where they are known.
    """
    rules = rules or load_rules()
    category = _current(category, taxonomy)
    signal = Signal(text, at, sender, category, place, home=home, quoted=quoted, previous=previous)
    rows = weigh(signal, sketches, rules, vectors)
    shares = choose(rows, [s.id for s in sketches if possible(place, at, s, rules)], rules.weights["report"])
    found = [_judge(s, rows[s.id], shares.get(s.id, 0.0), signal, rules) for s in sketches]
    return sorted(found, key=lambda m: (-m.probability, m.matter))


def _current(category: RankedCategory, taxonomy: Taxonomy) -> RankedCategory:
    """Retired matters count as what replaced them, so that tickets of an older catalogue still match."""
    renamed = tuple(((m.replaced_by if (m := taxonomy.matter(c)) and m.replaced_by else c), p) for c, p in category.top)
    return RankedCategory(renamed, category.accepted)


def choose(rows: Mapping[str, Evidence], allowed: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """Conditional logit: matter id → probability over the allowed matters; what is missing to 1 is "none of them" (score 0)."""
    scores = {i: sum(w * rows[i][name] for name, w in weights.items()) for i in allowed}
    top = max([0.0, *scores.values()])
    parts = {i: math.exp(score - top) for i, score in scores.items()}
    total = math.exp(-top) + sum(parts.values())
    return {i: part / total for i, part in parts.items()}


def possible(place: Place, at: datetime, sketch: MatterSketch, rules: MatchRules) -> bool:
    """False where the two cannot be one matter: at another place, or silent for too long."""
    hours = abs((at - sketch.last_at).total_seconds()) / 3600
    return hours <= rules.window_h(sketch.category) and not apart(place, sketch, rules)


def apart(place: Place, sketch: MatterSketch, rules: MatchRules) -> bool:
    """Another building, unit, room or estate; and where a trouble does not hit many places at once, a place that has nothing in
    common with the matter's ("14栋" and "麓湖郡南门")."""
    if conflicts(place, sketch.place):
        return True
    if sketch.category in rules.wide or agreement(place, sketch.place):
        return False
    return any(_named(place, fields) and _named(sketch.place, fields) for fields in (("estate", "building", "road"), ("spot",)))


def _named(place: Place, fields: tuple[str, ...]) -> bool:
    return any(getattr(place, field) for field in fields)


def _judge(sketch: MatterSketch, row: Evidence, p: float, signal: Signal, rules: MatchRules) -> Match:
    limits = rules.thresholds
    if p < limits.suggest:
        return Match(sketch.id, p, (), "none")
    why = reasons(sketch, row, signal, rules)
    if sketch.settled:
        return Match(sketch.id, p, why, "recurs" if p >= limits.recurs else "none")
    joins = p >= limits.join and not _was_parted(signal.text, sketch)
    return Match(sketch.id, p, why, "join" if joins else "suggest")


def _was_parted(text: str, sketch: MatterSketch) -> bool:
    """Whether words are liker to what a person took apart from this matter than to the matter itself."""
    apart = max((likeness(text, other) for other in sketch.unlike), default=0.0)
    return apart > 0 and apart >= max((likeness(text, own) for own in sketch.texts), default=0.0)


def reasons(sketch: MatterSketch, row: Evidence, signal: Signal, rules: MatchRules) -> tuple[str, ...]:
    """Short phrases for the worker's card: place, kind of trouble, time, words, people."""
    say = rules.reasons
    place, other = signal.place, sketch.place
    levels = ("room", "unit", "building", "spot", "road", "estate")
    level = next((f for f in levels if getattr(place, f) and getattr(place, f) == getattr(other, f)), None)
    told = [say[f"same_{level}"] if level else say["place_unknown"]]
    if row["category"] >= 0.5:
        told.append(say["same_category"])
    elif row["family"] + row["domain"] + row["category"] >= 0.5:
        told.append(say["same_family"])
    told.append(_ago(signal.at, sketch.last_at, say))
    if row["words"] >= 0.25:
        told.append(say["similar_words"])
    elif row["meaning"] >= ALIKE:
        told.append(say["similar_meaning"])
    if row["points_back"] or row["quoted"]:
        told.append(say["points_back"])
    if len(sketch.senders) > 1:
        told.append(say["reporters"].format(n=len(sketch.senders)))
    if row["own"]:
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
