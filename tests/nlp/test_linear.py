"""Hashed n-grams and the linear runtime: the same text gives the same numbers, and a damaged folder is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from nlp.grams import Description, Field, flag_hashes, grams
from nlp.linear import FORMAT, LinearModel, ModelError

FIELD = Field((1, 3), 2)


def model(folder: Path, **changes: object) -> Path:
    """A model of two labels that knows the words of two texts."""
    known = {name: grams(text, FIELD, "text")[0] for name, text in (("lift", "电梯坏了"), ("lamp", "路灯不亮"))}
    hashes = np.unique(np.concatenate(list(known.values())))
    weights = np.zeros((len(hashes), 2), np.int8)
    for column, name in enumerate(("lift", "lamp")):
        weights[np.isin(hashes, known[name]), column] = 100
    config = {
        "format": FORMAT, "name": "tiny_v1", "labels": ["lift", "lamp"], "temperature": 1.0, "flag_weight": 0.5,
        "fields": {"text": {"chars": [1, 3], "words": 2, "weight": 1.0}},
    } | changes  # fmt: skip
    ones = np.ones(len(hashes), np.float32)
    folder.mkdir(exist_ok=True)
    save_file(
        {"hashes": hashes, "idf": ones, "scale": ones / 10, "weights": weights, "bias": np.zeros(2, np.float32)},
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(json.dumps(config), encoding="utf8")
    return folder


def test_words_decide(tmp_path: Path) -> None:
    tiny = LinearModel.load(model(tmp_path / "m"))
    assert tiny.labels[int(tiny.probabilities(Description({"text": "我家电梯又坏了"})).argmax())] == "lift"
    assert tiny.labels[int(tiny.probabilities(Description({"text": "门口路灯不亮"})).argmax())] == "lamp"


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_probabilities(text: str) -> None:
    hashes, counts = grams(text, FIELD, "text")
    assert len(hashes) == len(counts) == len(set(hashes.tolist()))
    assert np.isfinite(counts).all()
    assert (counts >= 1).all()


def test_unknown_words_leave_it_open(tmp_path: Path) -> None:
    tiny = LinearModel.load(model(tmp_path / "m"))
    for text in ("", "   ", "zzzz", "\x00", "😂" * 300):
        assert tiny.probabilities(Description({"text": text})) == pytest.approx([0.5, 0.5])


def test_house_numbers_do_not_change_the_grams() -> None:
    assert grams("3栋", Field((1, 3), 0), "t")[0].tolist() == grams("8栋", Field((1, 3), 0), "t")[0].tolist()


def test_fields_do_not_share_grams() -> None:
    assert not set(grams("电梯", FIELD, "text")[0].tolist()) & set(grams("电梯", FIELD, "quoted")[0].tolist())


def test_flags_are_a_set() -> None:
    assert flag_hashes(["a", "b", "a"]).tolist() == flag_hashes(["b", "a"]).tolist()


@pytest.mark.parametrize("spoil", ["config.json", "model.safetensors"])
def test_a_damaged_or_missing_file_is_named(tmp_path: Path, spoil: str) -> None:
    folder = model(tmp_path / "m")
    (folder / spoil).write_bytes(b"{")
    with pytest.raises(ModelError, match="minhu models ship"):
        LinearModel.load(folder)
    (folder / spoil).unlink()
    with pytest.raises(ModelError, match="minhu models ship"):
        LinearModel.load(folder)


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="format 99"):
        LinearModel.load(model(tmp_path / "m", format=99))


def test_labels_must_fit_the_table(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="labels"):
        LinearModel.load(model(tmp_path / "m", labels=["one"]))
