"""Which matter a text tells of: the shipped model's ranking, the catalogue's own words for what no model has learned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter

from nlp.grams import Description
from nlp.linear import Floats, LinearModel
from nlp.schema import RankedCategory, Utterance
from nlp.taxonomy import Taxonomy

TOP = 5
# What words alone may claim: never enough to pass without a person.
_WORDS_CEILING = 0.6
_UNTAUGHT_SHARE = 0.55
_NEAR_SHARE, _NEAR_CEILING = 0.3, 0.9
# Below the first five a matter is as good as unsaid; context alone must not bring it to the top of a clear text.
_FLOOR = 0.003


@dataclass(frozen=True, slots=True)
class Told:
    """What the encoder says of a message's matter on reading it in its situation: a probability each, and what that weighs: its `share`
    of the joint logarithms, and the joint `temperature`."""

    probabilities: Mapping[str, float]
    share: float
    temperature: float


def rank(
    text: str,
    model: LinearModel | None,
    taxonomy: Taxonomy,
    vector: Floats | None = None,
    near: Mapping[str, float] | None = None,
    told: Told | None = None,
) -> RankedCategory:
    """Normalised text, and its vector by the encoder the model was trained with where there is one, → at most five matters
    of the catalogue with calibrated probabilities.

    Matters the model never met (added to the catalogue since) compete with how residents say them: by their words, and by
    meaning where `near` gives each matter's share (nlp.sayings). Matters that were retired hand their probability to their
    successor. `accepted` follows the model's threshold of the best matter; without a model, or where words alone decided, it
    is False.
    """
    if not text.strip():
        return RankedCategory()
    said = by_words(text, taxonomy)
    if model is None:
        return RankedCategory(tuple(list(said.items())[:TOP]), accepted=False)
    found = model.joined(Description({"text": text}), vector)
    scores = dict(zip(model.labels, found.tolist(), strict=True))
    if told:
        scores = _joined(scores, told)
    moved = [(home, scores.pop(label)) for label, home in _moved(model.labels, taxonomy).items()]
    for home, share in moved:
        if home:
            scores[home] = scores.get(home, 0.0) + share
    untaught = {m: s for m, s in said.items() if m not in model.labels and s >= _UNTAUGHT_SHARE * _WORDS_CEILING}
    for matter, share in (near or {}).items():
        if matter not in model.labels and share >= _NEAR_SHARE:
            untaught[matter] = max(untaught.get(matter, 0.0), _NEAR_CEILING * share)
    for matter, strength in untaught.items():
        scores = {known: s * (1 - strength) for known, s in scores.items()} | {matter: strength}
    top = sorted(scores.items(), key=itemgetter(1), reverse=True)[:TOP]
    if not top:
        return RankedCategory()
    best, probability = top[0]
    accept = model.config.get("accept_alone" if vector is None else "accept_joined", {})
    limit = max(accept.get("pooled", 1.01), accept.get("own", {}).get(best, 0.0))
    return RankedCategory(tuple(top), accepted=best not in untaught and probability >= limit)


def _joined(scores: Mapping[str, float], told: Told) -> dict[str, float]:
    """A matter that the encoder never met keeps what the words gave it."""
    both = {m: (p, told.probabilities.get(m, p)) for m, p in scores.items()}
    mixed = {m: (1 - told.share) * math.log(p + 1e-9) + told.share * math.log(q + 1e-9) for m, (p, q) in both.items()}
    most = max(mixed.values())
    raised = {m: math.exp((x - most) / told.temperature) for m, x in mixed.items()}
    total = sum(raised.values())
    return {m: x / total for m, x in raised.items()}


def in_context(alone: RankedCategory, utterance: Utterance, weights: Mapping[str, float]) -> RankedCategory:
    """What was told just before makes the same matter likelier: "我家也是" says nothing by itself.

    `weights`: `recent` and `quoted` are added to the logarithm of a matter told within `within_s` seconds, or in the quoted
    message. A ranking is accepted only where the one given was, for the same matter.
    """
    lifts: dict[str, float] = {}
    for earlier in utterance.previous:
        recent = utterance.at is not None and (utterance.at - earlier.at).total_seconds() <= weights["within_s"]
        if recent and earlier.kind == "report" and earlier.category:
            lifts[earlier.category] = weights["recent"]
    if utterance.quoted and utterance.quoted.category:
        lifts[utterance.quoted.category] = weights["quoted"]
    if not lifts or not alone.top:
        return alone
    scores = {m: max(p, _FLOOR) for m, p in alone.top} | {m: _FLOOR for m in lifts if m not in dict(alone.top)}
    lifted = {m: p * math.exp(lifts.get(m, 0.0)) for m, p in scores.items()}
    total = sum(lifted.values()) + max(0.0, 1 - sum(scores.values()))
    top = tuple(sorted(((m, p / total) for m, p in lifted.items()), key=lambda item: -item[1])[:TOP])
    return RankedCategory(top, accepted=alone.accepted and top[0][0] == alone.best)


@lru_cache(maxsize=8)
def _moved(labels: tuple[str, ...], taxonomy: Taxonomy) -> dict[str, str | None]:
    """Labels whose probability goes to another matter of the catalogue; None where the catalogue has none for it."""
    matters = {label: taxonomy.matter(label) for label in labels}
    homes = {label: matter.replaced_by or matter.id if matter else None for label, matter in matters.items()}
    return {label: home if home and taxonomy.matter(home) else None for label, home in homes.items() if home != label}


@lru_cache(maxsize=64)
def by_words(text: str, taxonomy: Taxonomy) -> Mapping[str, float]:
    """Matters whose `says` or name a text resembles, best first: share of a saying's character pairs that stand in the text.

    The last are kept: the kind, the ranking by words and the one beside the vector all ask.
    """
    index = _sayings(taxonomy)
    held = Counter(chain.from_iterable(index.holders[pair] for pair in index.holders.keys() & _pairs(text)))
    best: dict[int, float] = {}
    for saying, count in held.items():
        matter, size = index.sayings[saying]
        best[matter] = max(best.get(matter, 0.0), count / size)
    found = {index.matters[matter]: share for matter, share in sorted(best.items()) if share >= 0.5}
    total = sum(s**3 for s in found.values())
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return {m: _WORDS_CEILING * s * s**3 / total for m, s in ranked}


@dataclass(frozen=True, slots=True)
class _Sayings:
    """Which sayings hold a pair (`holders`: pair → places in `sayings`); a saying is (place in `matters`, number of its pairs)."""

    matters: tuple[str, ...]
    sayings: tuple[tuple[int, int], ...]
    holders: dict[str, tuple[int, ...]]


@lru_cache(maxsize=4)
def _sayings(taxonomy: Taxonomy) -> _Sayings:
    matters = [m for m in taxonomy.matters if m.replaced_by is None]
    sayings: list[tuple[int, int]] = []
    holders: dict[str, list[int]] = {}
    for at, matter in enumerate(matters):
        for pairs in filter(None, map(_pairs, (*matter.says, matter.name))):
            for pair in pairs:
                holders.setdefault(pair, []).append(len(sayings))
            sayings.append((at, len(pairs)))
    return _Sayings(tuple(m.id for m in matters), tuple(sayings), {pair: tuple(places) for pair, places in holders.items()})


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 2] for i in range(len(text) - 1))
