"""What the encoder's reading of a message in its situation weighs beside words and signs, and the trees that judge what those leave in
doubt: learned from conversations that none of them has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.calibrate import temperature
from models.fit import Fitted
from models.grow import grow
from models.kind_trees import Ranker, Transcript, heard
from models.talks import kind_weight
from nlp.context import in_words
from nlp.encoder import OnnxEncoder
from nlp.gate import OF_RESIDENTS, doubt_signs, kind_scores, plain_to_see, with_reading
from nlp.linear import LinearModel, softmax
from nlp.schema import KINDS, STAFF_ROLES, Kind, RankedCategory, Utterance
from nlp.text import normalise

Array = npt.NDArray[Any]
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
"""Of the encoder beside words and signs. On 100 conversations by seven hands that neither model had read (3,648 messages of residents,
encoder_v4 and kind_v3) reports had F1 0.754 at 0, 0.763 at 0.3, 0.765 at 0.4, 0.753 at 0.5, follow-ups 0.638, 0.648, 0.665, 0.667."""
SURE = 0.85
"""Words and signs this sure are not read again. On 442 messages that neither had read the kinds were as right at 0.85 as at 0.97 (reports
F1 0.880), and half as many were read; at 0.80 reports lost 0.004. With the trees: 0.85, 0.93 and all the same within 0.003."""
GROWTH: Mapping[str, Any] = {"rounds": 120, "leaves": 12, "rate": 0.06, "least": 30}
TREES_SHARE = 0.5
"""Of the trees beside words, signs and encoder."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One message of a resident: what words and signs gave it, what the encoder answered (logits by task), what it is, what it weighs."""

    utterance: Utterance
    text: str
    ranked: RankedCategory
    scores: dict[Kind, float]
    answers: Mapping[str, Array]
    kind: Kind
    weight: float


def doubts(conversations: Sequence[Transcript], model: LinearModel, ranker: Ranker, encoder: OnnxEncoder) -> Iterator[Doubt]:
    """Residents' messages of conversations that neither `model` nor `encoder` has read, the model's own answers being the context."""
    for transcript in conversations:
        for _, utterance, _, kind, _ in heard(transcript, model, ranker):
            yield from _doubt(utterance, kind, kind_weight(transcript), model, ranker, encoder)


def doubts_alone(
    singles: Sequence[tuple[Utterance, Kind, float]], model: LinearModel, ranker: Ranker, encoder: OnnxEncoder
) -> Iterator[Doubt]:
    """The same of single messages (utterance, kind, weight)."""
    for utterance, kind, weight in singles:
        yield from _doubt(utterance, kind, weight, model, ranker, encoder)


def _doubt(utterance: Utterance, kind: Kind, weight: float, model: LinearModel, ranker: Ranker, encoder: OnnxEncoder) -> Iterator[Doubt]:
    text = normalise(utterance.text).text
    if utterance.role not in STAFF_ROLES and plain_to_see(utterance, text) is None:
        ranked = ranker(text)
        answers = encoder.situation(in_words(utterance, text))
        yield Doubt(utterance, text, ranked, kind_scores(utterance, model, text, ranked), answers, kind, weight)


def plant(fitted: Fitted, rows: Sequence[Doubt], encoder: str) -> None:
    """Puts the `reader` part into the config of a kind model, and its trees beside the others."""
    told = [row for row in rows if row.kind in OF_RESIDENTS]
    features = np.stack([doubt_signs(row.scores, row.answers, row.utterance, row.text, row.ranked) for row in told])
    kinds = np.array([OF_RESIDENTS.index(row.kind) for row in told])
    grown = grow(features, kinds, np.array([row.weight for row in told]), **GROWTH)
    fitted.tensors.update({f"doubts.{name}": array for name, array in grown.tensors.items()})
    fitted.config["reader"] = weigh(rows, encoder) | {"trees": {"depth": grown.depth, "share": TREES_SHARE}}


def weigh(rows: Sequence[Doubt], encoder: str) -> dict[str, Any]:
    """The share of the encoder with the least logarithmic loss in conversations, and its figures."""
    rows = [row for row in rows if row.utterance.in_talk]
    right = np.array([[row.kind == kind for kind in KINDS] for row in rows])
    divisor = temperature(np.array([row.answers["kind"] for row in rows]), right)
    losses = {share: _loss(rows, {"share": share, "temperature": divisor}) for share in SHARES}
    best = min(losses, key=lambda share: losses[share])
    return {"encoder": encoder, "share": best, "temperature": divisor, "sure": SURE, "n": len(rows), "losses": losses}


def _loss(rows: Sequence[Doubt], weights: dict[str, float]) -> float:
    found = [softmax(with_reading(row.scores, row.answers["kind"], weights))[KINDS.index(row.kind)] for row in rows]
    return round(float(-np.mean(np.log(np.array(found) + 1e-6))), 4)
