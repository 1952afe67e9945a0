"""Hot topics: letters that are one matter gathered into a topic, with its heat, time span, place or group, and a sentence."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from nlp.encoder import Encoder
from nlp.heat import heat
from nlp.letters import Array, Letter, Ranker, Shelf
from nlp.privacy import mask
from nlp.topic_rules import HeatTerms, TopicRules, load_topic_rules

SENTENCE = 60
_NAME = 6
"""Code points of a name worth showing: longer ones have swallowed part of the sentence."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One matter that several letters tell of. `letters`: ids, oldest first; `score`: mean probability of its pairs.

    `place`: what most letters name, else the group of people concerned, else "".
    """

    rank: int
    heat: float
    start: datetime | None
    end: datetime | None
    place: str
    description: str
    letters: tuple[str, ...]
    pairs: tuple[tuple[str, str, float], ...]


def find_topics(
    letters: Sequence[Letter], ranker: Ranker | None = None, encoder: Encoder | None = None, rules: TopicRules | None = None
) -> list[Topic]:
    """Every topic of two letters or more, hottest first. The order of the letters does not matter.

    `ranker` (text → category) and `encoder` together sharpen the judgement; without either words alone judge, by weights of their own.
    Time is counted back from the newest letter.
    """
    rules = rules or load_topic_rules()
    ordered = sorted(letters, key=lambda x: x.id)
    if len(ordered) < 2:
        return []
    whole = ranker is not None and encoder is not None
    shelf = Shelf(ordered, rules, ranker, encoder) if whole else Shelf(ordered, rules)
    i, j = shelf.candidates()
    p = sameness(shelf.evidence(i, j), rules.weights if whole else rules.weights_by_words) if len(i) else np.zeros(0)
    known = {(a, b): q for a, b, q in zip(i.tolist(), j.tolist(), p.tolist(), strict=True)}
    now = max((x.at for x in ordered if x.at), default=None)
    found = [_topic(shelf, members, known, now, rules) for members in gather(len(ordered), i, j, p, rules)]
    found.sort(key=lambda t: (-t.heat, t.letters))
    return [Topic(n, t.heat, t.start, t.end, t.place, t.description, t.letters, t.pairs) for n, t in enumerate(found, 1)]


def sameness(evidence: dict[str, Array], weights: dict[str, float]) -> Array:
    """Evidence columns [pairs] → probability [pairs] that both letters are one matter. Raises KeyError for unknown evidence.

    Letters whose titles name other places (none of which the other letter mentions) or other years are never one matter:
    of the judged pairs a place conflict cost 1 true pair above a half and spared 8 false ones, a year 0 and 2.
    """
    total = sum((w * evidence[name] for name, w in weights.items() if name != "bias"), start=np.array(weights["bias"]))
    apart = (evidence["other_name"] > 0) | (evidence["other_year"] > 0)
    return np.where(apart, 0.0, 1 / (1 + np.exp(-np.clip(total, -40, 40))))


def gather(n: int, i: Array, j: Array, p: Array, rules: TopicRules) -> list[list[int]]:
    """Average-linkage clusters of two or more of n letters; pairs that were not looked at count as improbable.

    Two clusters join while the mean probability between them is at least a bound that falls from `one_matter` (one pair) to
    `one_matter_many` (`many_pairs` pairs or more). Ties are broken by number, so the result does not depend on chance.
    """
    limits = rules.limits
    members = {k: [k] for k in range(n)}
    links: dict[int, dict[int, tuple[float, int]]] = {k: {} for k in range(n)}

    def spare(a: int, b: int) -> float:
        total, seen = links[a][b]
        pairs = len(members[a]) * len(members[b])
        ease = min(1.0, math.log(pairs) / math.log(limits.many_pairs))
        bound = limits.one_matter - (limits.one_matter - limits.one_matter_many) * ease
        return (total + _UNSEEN * (pairs - seen)) / pairs - bound

    queue: list[tuple[float, int, int]] = []
    for a, b, q in zip(i.tolist(), j.tolist(), p.tolist(), strict=True):
        links[a][b] = links[b][a] = (q, 1)
        if spare(a, b) >= 0:
            queue.append((-spare(a, b), a, b))
    heapq.heapify(queue)
    fresh = n
    while queue:
        _, a, b = heapq.heappop(queue)
        if a not in members or b not in members:
            continue
        members[fresh] = members.pop(a) + members.pop(b)
        links[fresh] = {}
        for c in sorted((links[a].keys() | links[b].keys()) & members.keys()):
            one, two = links[a].get(c, (0.0, 0)), links[b].get(c, (0.0, 0))
            links[fresh][c] = links[c][fresh] = (one[0] + two[0], one[1] + two[1])
            if spare(fresh, c) >= 0:
                heapq.heappush(queue, (-spare(fresh, c), c, fresh))
        fresh += 1
    return [sorted(group) for group in members.values() if len(group) > 1]


_UNSEEN = 0.02


def heat_of(letters: Sequence[Letter], now: datetime | None, terms: HeatTerms) -> float:
    """The heat (see `nlp.heat`) of letters of one matter; `now` is that of the newest letter of all."""
    times = [x.at for x in letters if x.at]
    known = bool(times) and now is not None
    return heat(
        terms,
        people=len({x.user for x in letters}),
        likes=sum(x.likes for x in letters),
        against=sum(x.against for x in letters),
        since_days=(now - max(times)).total_seconds() / 86400 if known and now else None,
        span_days=(max(times) - min(times)).total_seconds() / 86400 if known else 0.0,
    )


def _topic(shelf: Shelf, members: Sequence[int], known: dict[tuple[int, int], float], now: datetime | None, rules: TopicRules) -> Topic:
    letters = [shelf.letters[k] for k in members]
    pairs = [(a, b, known.get((a, b), _UNSEEN)) for n, a in enumerate(members) for b in members[n + 1 :]]
    times = sorted(x.at for x in letters if x.at)
    oldest = sorted(letters, key=lambda x: (x.at is None, x.at or now or 0, x.id))
    return Topic(
        0,
        heat_of(letters, now, rules.heat),
        times[0] if times else None,
        times[-1] if times else None,
        _place(shelf, members, rules),
        _description(shelf, members, pairs, rules),
        tuple(x.id for x in oldest),
        tuple((shelf.letters[a].id, shelf.letters[b].id, q) for a, b, q in pairs),
    )


def _place(shelf: Shelf, members: Sequence[int], rules: TopicRules) -> str:
    """The name that most letters share, as it is written out; else the group of people most of them speak of."""
    said = Counter(name for k in members for name in shelf.title_names[k] if len(name) <= _NAME)
    often = [(n, len(name), name) for name, n in said.items() if n * 2 >= len(members) and not _is_private(name)]
    if often:
        return _in_full(max(often)[2], shelf, members, rules)
    groups = Counter(g for k in members for g in rules.groups if g in shelf.whole[k])
    best = max(groups.items(), key=lambda item: (item[1], item[0]), default=None)
    return best[0] if best and best[1] * 2 >= len(members) else ""


def _in_full(stem: str, shelf: Shelf, members: Sequence[int], rules: TopicRules) -> str:
    """The stem with its commonest ending: 槐荫 → 槐荫苑."""
    endings = Counter(e for k in members for e in rules.endings if f"{stem}{e}" in shelf.whole[k])
    ending = max(endings.items(), key=lambda item: (item[1], len(item[0]), item[0]))[0] if endings else ""
    return f"{stem}{ending}"


def _is_private(name: str) -> bool:
    return bool(mask(name).found)


def _description(shelf: Shelf, members: Sequence[int], pairs: Sequence[tuple[int, int, float]], rules: TopicRules) -> str:
    """The title nearest to all others, without its polite beginning and without anybody's personal data."""
    weight = dict.fromkeys(members, 0.0)
    for a, b, q in pairs:
        weight[a] += q
        weight[b] += q
    central = max(members, key=lambda k: (round(weight[k], 6), -len(shelf.letters[k].title), shelf.letters[k].id))
    title = mask(" ".join(shelf.letters[central].title.split())).text
    while beginning := next((o for o in rules.openings if title.startswith(o)), None):
        title = title[len(beginning) :].lstrip("，,：: ")
    return title.rstrip("？?！!。. ")[:SENTENCE]
