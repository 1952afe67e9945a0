"""Live topics: matters of one part of a city and one domain gathered by what, where and when; the same ones whatever came first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from nlp.entities import same_name
from nlp.letters import Array
from nlp.tallies import tally, tfidf
from nlp.topic_rules import LiveRules, TopicRules
from nlp.topics import gather

PLACE_FIELDS = ("estate", "road", "spot")


@dataclass(frozen=True, slots=True)
class Told:
    """A matter or a letter as gathering reads it; every text masked. `place`: what it names, by field; `names`: named things of a
    letter, whose fields nobody knows; `kin`: ids known to be the same trouble (an incident, a recurrence)."""

    id: str
    at: datetime
    text: str
    category: str = ""
    grid: str = ""
    community: str = ""
    place: tuple[tuple[str, str], ...] = ()
    names: frozenset[str] = frozenset()
    kin: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gathered:
    """One topic: its members' ids, sorted, with how central each is (the mean likeness to the others, 1 where it is alone)."""

    ids: tuple[str, ...]
    central: dict[str, float]


def gather_told(told: Sequence[Told], rules: TopicRules) -> list[Gathered]:
    """Every one of them in exactly one topic. Only the newest `rules.live.most` are looked at; the order does not matter."""
    newest = sorted(told, key=lambda x: (x.at, x.id))[-rules.live.most :]
    rows = sorted(newest, key=lambda x: x.id)
    if not rows:
        return []
    alike = likeness(rows, rules.live)
    i, j = np.nonzero(np.triu(alike >= rules.live.limits.least_alike, 1))
    groups = gather(len(rows), i, j, alike[i, j], rules.model_copy(update={"limits": rules.live.limits}))
    alone = sorted(set(range(len(rows))) - {k for group in groups for k in group})
    return [_gathered(rows, group, alike) for group in [*groups, *([k] for k in alone)]]


def _gathered(rows: Sequence[Told], group: Sequence[int], alike: Array) -> Gathered:
    if len(group) == 1:
        return Gathered((rows[group[0]].id,), {rows[group[0]].id: 1.0})
    part = alike[np.ix_(group, group)]
    means = (part.sum(axis=1) - np.diagonal(part)) / (len(group) - 1)
    return Gathered(tuple(rows[k].id for k in group), {rows[k].id: round(float(m), 4) for k, m in zip(group, means, strict=True)})


def likeness(rows: Sequence[Told], rules: LiveRules) -> Array:
    """[rows, rows] in [0, 1]: the sum of what speaks for being one topic. Two different named places make it 0, being kin 1."""
    words = tfidf(tally([x.text for x in rows], (2,)), least=1)
    total = rules.words * np.asarray((words @ words.T).toarray(), dtype=float)
    total += rules.category * _same([x.category for x in rows])
    same, other = _places(rows)
    grid, community = _same([x.grid for x in rows]), _same([x.community for x in rows])
    near_by = np.maximum(rules.same_grid * grid, rules.same_community * community)
    total += np.where(same, rules.same_place, near_by)
    days = np.array([x.at.timestamp() / 86400 for x in rows])
    total += rules.near * 2 ** (-np.abs(days[:, None] - days[None, :]) / rules.near_days)
    total[other] = 0.0
    total[_kin(rows)] = 1.0
    return np.clip(total, 0.0, 1.0)


def _same(values: Sequence[Hashable]) -> Array:
    """[n, n] where both are known and equal."""
    number: dict[Hashable, int] = {}
    codes = np.array([number.setdefault(v, len(number)) if v else -1 for v in values])
    return np.asarray((codes[:, None] == codes[None, :]) & (codes >= 0)[:, None])


def _places(rows: Sequence[Told]) -> tuple[Array, Array]:
    """(name the same place, name different places). A field that only one of them names says nothing."""
    same, other = np.zeros((len(rows), len(rows)), bool), np.zeros((len(rows), len(rows)), bool)
    for field in PLACE_FIELDS:
        named = [dict(x.place).get(field, "") for x in rows]
        known = np.array([bool(n) for n in named])
        equal = _same(named)
        same |= equal
        other |= known[:, None] & known[None, :] & ~equal
    for a in (k for k, x in enumerate(rows) if x.names):
        for b, x in enumerate(rows):
            if b != a and same_name(rows[a].names, x.names | {name for _, name in x.place}):
                same[a, b] = same[b, a] = True
            elif b != a and x.names:
                other[a, b] = other[b, a] = True
    return same & ~other, other


def _kin(rows: Sequence[Told]) -> Array:
    """[n, n] True where both are, or name, the same kin."""
    families: dict[str, list[int]] = {}
    for k, x in enumerate(rows):
        for name in {x.id, *x.kin}:
            families.setdefault(name, []).append(k)
    found = np.zeros((len(rows), len(rows)), bool)
    for family in families.values():
        found[np.ix_(family, family)] = True
    return found
