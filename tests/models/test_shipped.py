"""Every shipped linear model answers as recorded, says what it is, and holds nothing that runs or can be read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cards import SHIPPED, read_json
from models.tasks import TASKS
from nlp.linear import LinearModel
from nlp.schema import KINDS
from nlp.taxonomy import load_taxonomy
from tests.shipped import shipped

FOLDERS = sorted(f for f in SHIPPED.iterdir() if (f / "model.safetensors").exists())


def test_the_three_models_are_there() -> None:
    assert {f.name.split("_v")[0] for f in FOLDERS} == {"category", "kind", "letters"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_reference_answers(folder: Path) -> None:
    model = LinearModel.load(folder)
    answer = TASKS[model.config["task"]].answer
    for recorded in read_json(folder / "reference.json"):
        label, confidence = answer(model, recorded["text"])
        assert (recorded["text"], label) == (recorded["text"], recorded["label"])
        assert confidence == pytest.approx(recorded["confidence"], abs=0.02)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_folder_is_whole_and_safe(folder: Path) -> None:
    assert {f.name for f in folder.iterdir()} == {"model.safetensors", "config.json", "card.md", "reference.json"}
    card = (folder / "card.md").read_text(encoding="utf8")
    for heading in ("What", "Data", "Licence", "Numbers", "Limits"):
        assert f"## {heading}\n\n" in card
    assert sum(f.stat().st_size for f in folder.iterdir()) < 16e6


def test_labels_are_those_of_the_product() -> None:
    category = LinearModel.load(shipped("category"))
    assert set(category.labels) == set(load_taxonomy().ids())
    assert category.config["taxonomy_version"] == load_taxonomy().version
    assert set(LinearModel.load(shipped("kind")).labels) == set(KINDS)
    assert len(LinearModel.load(shipped("letters")).labels) == 7


def test_every_matter_has_a_threshold_and_the_encoder_is_the_shipped_one() -> None:
    category = LinearModel.load(shipped("category"))
    for mode in ("accept_alone", "accept_joined"):
        assert 0.3 < category.config[mode]["pooled"] <= 1.01
        assert set(category.config[mode]["own"]) <= set(category.labels)
    assert category.has_head_for(read_json(shipped("encoder") / "config.json")["name"])
