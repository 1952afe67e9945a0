"""What the encoder answers is weighed by what it proved worth on messages nobody had read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from safetensors.numpy import load_file

from models.fit import Fitted
from models.kind_reader import Doubt, plant
from nlp.gate import OF_RESIDENTS, doubt_signs, reconsider
from nlp.schema import KINDS, Earlier, Kind, RankedCategory, Utterance
from tests.shipped import shipped

BEFORE = (Earlier("m0", "u2", "resident", datetime(2026, 6, 2, 9, 0, tzinfo=UTC), "早上好", "chat"),)
WATER = RankedCategory((("facility.water", 0.6),), accepted=True)
UNSURE = dict.fromkeys(KINDS, 1 / len(KINDS))


def answered(kind: Kind) -> dict[str, np.ndarray]:
    """An encoder that says the kind after the one that is meant, and is as sure of it."""
    said = OF_RESIDENTS[(OF_RESIDENTS.index(kind) + 1) % len(OF_RESIDENTS)]
    logits = {"kind": [4.0 if one == said else 0.0 for one in KINDS], "danger": [0.0, 1.0], "told": [1.0, 0.0]}
    return {task: np.array(row, np.float32) for task, row in logits.items()}


def rows() -> Iterator[Doubt]:
    for n in range(60):
        for kind in OF_RESIDENTS:
            yield Doubt(Utterance(f"第{n}句", previous=BEFORE), f"第{n}句", WATER, dict(UNSURE), answered(kind), kind, 1.0)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    folder = shipped("kind")
    tensors = {name: array for name, array in load_file(folder / "model.safetensors").items() if not name.startswith("doubts.")}
    config = json.loads((folder / "config.json").read_text(encoding="utf8"))
    config["reader"].pop("trees")
    return Fitted(config, tensors)


def test_trees_learn_what_an_answer_is_worth(fitted: Fitted) -> None:
    said = Utterance("还有一句", previous=BEFORE)
    plant(fitted, list(rows()), "an encoder")
    model = fitted.runtime()
    for kind in OF_RESIDENTS:
        scores = reconsider(UNSURE, answered(kind), model, said, said.text, WATER)
        assert sum(scores.values()) == pytest.approx(1)
        assert max(scores, key=lambda one: scores[one]) == kind
        assert scores["reply"] == scores["notice"] == 0


def test_a_model_without_trees_averages(fitted: Fitted) -> None:
    told = Utterance("还有一句", previous=BEFORE)
    model = Fitted(fitted.config, {n: a for n, a in fitted.tensors.items() if not n.startswith("doubts.")}).runtime()
    assert model.doubts is None
    scores = reconsider(UNSURE, answered("chat"), model, told, told.text, None)
    assert set(scores) == set(KINDS)


def test_what_the_encoder_has_no_head_for_is_unknown() -> None:
    alone = {"kind": answered("chat")["kind"]}
    signs = doubt_signs(UNSURE, alone, Utterance("还有一句"), "还有一句", None)
    danger, told = signs[2 * len(KINDS) : 2 * len(KINDS) + 2]
    assert np.isnan(danger)
    assert np.isnan(told)
