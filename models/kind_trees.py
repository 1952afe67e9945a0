"""The second look of the kind model: trees over signs of the text and of the talk, taught by answers the words gave unseen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.calibrate import temperature
from models.category import COMPOSED, fit_category, training_set
from models.fit import Fitted
from models.grow import grow
from models.talks import AUTHORS, kind_weight
from models.utterances import spoken
from nlp.classify import rank
from nlp.gate import by_kind, choose_kind, describe, judged, kind_scores, plain_to_see
from nlp.kind_signs import kind_signs
from nlp.linear import LinearModel
from nlp.schema import KINDS, Kind, RankedCategory, Utterance
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise

Array = npt.NDArray[Any]
Ranker = Callable[[str], RankedCategory]
Transcript = Mapping[str, Any]

GROWTH: Mapping[str, Any] = {"rounds": 80, "leaves": 10, "rate": 0.1, "least": 8}
SHARE = 0.6
"""Of the trees in the joint answer."""
TRUE_WEIGHT, SINGLE_WEIGHT = 0.3, 0.25
"""What a message weighs whose earlier messages carry their true kinds, and a single one put into a talk that is not its own."""
BLIND_EVERY = 5
"""One single row in so many is shown without the category's ranking, which a caller may lack."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of training: the features, the kind, what it weighs."""

    features: Array
    kind: Kind
    weight: float


def ranker_of(model: LinearModel) -> Ranker:
    """Ranks normalised texts by their words alone, each text once."""
    taxonomy = load_taxonomy()
    return lru_cache(maxsize=None)(lambda text: rank(text, model, taxonomy) if text else RankedCategory())


def blind_ranker(data: Path, unread: Collection[str] = ()) -> Ranker:
    """A ranker that has read no conversation and none of the normalised texts `unread`: what it says of those is as good as
    what it will say of a stranger's."""
    train = training_set(data, load_taxonomy(), None)
    keep = np.array([r.source not in (*AUTHORS, COMPOSED) and t not in unread for r, t in zip(train.rows, train.texts, strict=True)])
    fitted = fit_category(train, keep, None)
    fitted.config["temperature"] = _TEMPERATURE
    return ranker_of(fitted.runtime())


_TEMPERATURE = 0.066
"""That of category_v2; its folds take longer than they would change it."""


def features_of(utterance: Utterance, text: str, model: LinearModel, ranked: RankedCategory | None) -> Array:
    """What nlp.gate.judged shows the trees."""
    logits = by_kind(model.labels, model.logits(describe(utterance, text)))
    return np.concatenate([logits, np.array(list(kind_signs(utterance, text, ranked).values()), np.float32)])


def heard(transcript: Transcript, model: LinearModel, ranker: Ranker) -> Iterator[tuple[str, Utterance, str, Kind, Kind]]:
    """(message, utterance, normalised text, true kind, answer) with the model's own answers as context."""
    kinds: dict[str, Kind] = {}
    categories: dict[str, str | None] = {}
    for s in spoken(transcript, kinds, categories):
        text = normalise(s.utterance.text).text
        scores = kind_scores(s.utterance, model, text, ranker(text))
        kinds[s.message] = choose_kind(scores, model.config.get("thresholds", {}))
        categories[s.message] = ranker(text).best if kinds[s.message] in ("report", "question") else None
        yield s.message, s.utterance, text, s.kind, kinds[s.message]


def rows_of_talk(
    conversations: Sequence[Transcript], model: LinearModel, ranker: Ranker, believed: dict[str, dict[str, Kind]]
) -> Iterator[Seen]:
    """Every message twice: with what the model took the earlier ones for (noted in `believed`), and with what they were."""
    for transcript in conversations:
        mine = believed[transcript["id"]] = {}
        for message, utterance, text, kind, answer in heard(transcript, model, ranker):
            mine[message] = answer
            yield from _row(utterance, text, kind, kind_weight(transcript), model, ranker(text))
        categories: dict[str, str | None] = {}
        for s in spoken(transcript, None, categories):
            text = normalise(s.utterance.text).text
            categories[s.message] = ranker(text).best if s.kind in ("report", "question") else None
            yield from _row(s.utterance, text, s.kind, kind_weight(transcript) * TRUE_WEIGHT, model, ranker(text))


def rows_of_singles(singles: Sequence[tuple[Utterance, Kind, float]], model: LinearModel, ranker: Ranker) -> Iterator[Seen]:
    for number, (utterance, kind, weight) in enumerate(singles):
        text = normalise(utterance.text).text
        ranked = None if number % BLIND_EVERY == 0 else ranker(text)
        yield from _row(utterance, text, kind, weight * SINGLE_WEIGHT, model, ranked)


def _row(utterance: Utterance, text: str, kind: Kind, weight: float, model: LinearModel, ranked: RankedCategory | None) -> Iterator[Seen]:
    if plain_to_see(utterance, text) is None:
        yield Seen(features_of(utterance, text, model, ranked), kind, weight)


def plant(fitted: Fitted, rows: Sequence[Seen]) -> None:
    """Puts trees grown on `rows` beside the words of `fitted`."""
    features = np.stack([row.features for row in rows]).astype(np.float32)
    answers = np.array([KINDS.index(row.kind) for row in rows])
    grown = grow(features, answers, np.array([row.weight for row in rows]), **GROWTH)
    fitted.tensors.update({f"trees.{name}": array for name, array in grown.tensors.items()})
    fitted.config["trees"] = {"depth": grown.depth, "share": SHARE, "temperature": 1.0}


@dataclass(frozen=True, slots=True)
class Unread:
    """Answers about conversations the model has not read: logarithms [n, KINDS] of what it gave, what was right, for whom."""

    found: list[Array]
    kinds: list[Kind]
    answers: list[Kind]

    def temperature(self) -> float:
        """The divisor under which the joint answers are believed best; plain messages carry none."""
        known = [i for i, row in enumerate(self.found) if len(row)]
        right = np.array([[self.kinds[i] == kind for kind in KINDS] for i in known])
        return temperature(np.array([self.found[i] for i in known]), right)


def unread(conversations: Sequence[Transcript], model: LinearModel, ranker: Ranker) -> Unread:
    answers = Unread([], [], [])
    for transcript in conversations:
        for _, utterance, text, kind, answer in heard(transcript, model, ranker):
            plain = plain_to_see(utterance, text) is not None
            answers.found.append(np.zeros(0) if plain else np.log(judged(utterance, text, model, ranker(text)) + 1e-9))
            answers.kinds.append(kind)
            answers.answers.append(answer)
    return answers
