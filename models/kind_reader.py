"""What the encoder's reading of a message in its situation weighs beside words and signs: chosen on conversations nobody has read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.calibrate import temperature
from models.kind_trees import Ranker, Transcript, heard
from nlp.context import in_words
from nlp.encoder import OnnxEncoder
from nlp.gate import kind_scores, plain_to_see, reconsider
from nlp.linear import LinearModel
from nlp.schema import KINDS, STAFF_ROLES, Kind, Utterance

Array = npt.NDArray[Any]
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
"""No more than 0.4, though more has less loss there: the encoder has read other conversations of the same authors, which flatters it.
On 100 conversations by seven hands that neither model had read (3,648 messages of residents, encoder_v4 and kind_v3) reports had F1
0.754 at 0, 0.763 at 0.3, 0.765 at 0.4, 0.753 at 0.5, follow-ups 0.638, 0.648, 0.665, 0.667."""
SURE = 0.85
"""Words and signs this sure are not read again. On 442 messages that neither had read the kinds were as right at 0.85 as at 0.97 (reports
F1 0.880), and half as many were read; at 0.80 reports lost 0.004."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One message, what words and signs gave it, what the encoder answered (logits [KINDS]), what it is."""

    utterance: Utterance
    scores: dict[Kind, float]
    answer: Array
    kind: Kind


def doubts(conversations: Sequence[Transcript], model: LinearModel, ranker: Ranker, encoder: OnnxEncoder) -> Iterator[Doubt]:
    """Residents' messages of conversations that neither `model` nor `encoder` has read, the model's own answers being the context."""
    for transcript in conversations:
        for _, utterance, text, kind, _ in heard(transcript, model, ranker):
            if utterance.role not in STAFF_ROLES and plain_to_see(utterance, text) is None:
                scores = kind_scores(utterance, model, text, ranker(text))
                yield Doubt(utterance, scores, encoder.judge("kind", in_words(utterance, text)), kind)


def weigh(rows: Sequence[Doubt], encoder: str) -> dict[str, Any]:
    """→ the `reader` part of the kind model's config: the share with the least logarithmic loss, and its figures."""
    right = np.array([[row.kind == kind for kind in KINDS] for row in rows])
    divisor = temperature(np.array([row.answer for row in rows]), right)
    losses = {share: _loss(rows, {"share": share, "temperature": divisor}) for share in SHARES}
    best = min(losses, key=lambda share: losses[share])
    return {"encoder": encoder, "share": best, "temperature": divisor, "sure": SURE, "n": len(rows), "losses": losses}


def _loss(rows: Sequence[Doubt], weights: dict[str, float]) -> float:
    found = [reconsider(row.scores, row.answer, weights, row.utterance)[row.kind] for row in rows]
    return round(float(-np.mean(np.log(np.array(found) + 1e-6))), 4)
