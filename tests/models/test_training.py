"""Training: the runtime computes what was fitted, calibration is honest, and missing data is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.calibrate import calibration_error, coverage, softmax, temperature, threshold, thresholds
from models.corpora import DataMissingError, data_folder, labelled_messages
from models.fit import Recipe, fit, vectorise
from models.utterances import spoken
from nlp.grams import Description, Field
from nlp.linear import LinearModel

TEXTS = ["电梯坏了", "电梯停了不动", "5栋电梯异响", "路灯不亮", "路灯坏了两盏", "门口路灯灭了"]
LABELS = ["lift"] * 3 + ["lamp"] * 3
FIELDS = {"text": Field((1, 3), 1), "own": Field((1, 2), 0, 0.3)}


def described(text: str) -> Description:
    return Description({"text": text, "own": text[:2]}, ("role=resident",))


@pytest.mark.parametrize("share", [{"logistic": 1.0}, {"svm": 1.0}, {"svm": 1.0, "bayes": 0.2}, {"svm": 1.0, "nb_svm": 1.0}])
def test_the_runtime_computes_what_was_fitted(share: dict[str, float], tmp_path: Path) -> None:
    recipe = Recipe(FIELDS, share=share, min_df=1)
    fitted = fit("tiny_v1", [described(t) for t in TEXTS], LABELS, recipe)
    _, _, matrix = vectorise([described(t) for t in TEXTS], recipe)
    table = fitted.tensors["weights"].astype(float) * fitted.tensors["scale"][:, None]
    expected = matrix @ table + fitted.tensors["bias"]
    fitted.write(tmp_path / "m")
    model = LinearModel.load(tmp_path / "m")
    for row, text in zip(expected, TEXTS, strict=True):
        assert model.logits(described(text)) == pytest.approx(row, abs=1e-3)
    assert [model.labels[int(model.logits(described(t)).argmax())] for t in TEXTS] == LABELS


def test_the_temperature_finds_the_truth_in_overconfident_scores() -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(4) * 0.7, size=4000)
    right = np.array([np.eye(4, dtype=bool)[rng.choice(4, p=p)] for p in truth])
    logits = np.log(truth + 1e-9) * 3
    divisor = temperature(logits, right)
    assert divisor == pytest.approx(3, rel=0.15)
    calm = softmax(logits / divisor)
    hit = right[np.arange(4000), calm.argmax(axis=1)]
    assert calibration_error(calm.max(axis=1), hit) < 0.03


def test_a_threshold_keeps_its_promise_and_gives_up_where_it_cannot() -> None:
    sure, hit = np.linspace(1, 0, 100), np.array([True] * 60 + [False] * 40)
    assert hit[sure >= threshold(sure, hit)].mean() >= 0.95
    assert coverage(sure, hit) == pytest.approx(0.63)
    assert threshold(sure, np.zeros(100, bool)) > 1


def test_a_matter_that_errs_gets_a_higher_threshold() -> None:
    sure = np.concatenate([np.linspace(0.99, 0.5, 400), np.linspace(0.95, 0.55, 20)])
    predicted = np.repeat([0, 1], [400, 20])
    hit = np.concatenate([np.ones(400, bool), np.arange(20) % 2 == 0])
    pooled, own = thresholds(["good", "bad"], predicted, sure, hit)
    assert "good" not in own
    assert own["bad"] > pooled


def test_missing_data_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataMissingError, match="MINHU_DATA"):
        data_folder()
    with pytest.raises(DataMissingError, match=r"labels/messages\.csv"):
        labelled_messages(data_folder(tmp_path))


def test_context_is_what_was_believed_when_it_was_said() -> None:
    transcript = {
        "id": "t1",
        "members": [{"id": "u1", "name": "甲", "role": "resident"}],
        "messages": [
            {"id": f"m{i}", "from": "u1", "at": f"2026-06-02T09:0{i}:00+08:00", "text": "x", "reply_to": None, "media": None,
             "gold": {"kind": "report"}}
            for i in range(3)
        ],
    }  # fmt: skip
    heard: dict[str, str] = {}
    seen = []
    for s in spoken(transcript, heard):  # type: ignore[arg-type]
        seen.append([e.kind for e in s.utterance.previous])
        heard[s.message] = "chat"
    assert seen == [[], ["chat"], ["chat", "chat"]]
    assert [e.kind for e in list(spoken(transcript))[2].utterance.previous] == ["report", "report"]
