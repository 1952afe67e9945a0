"""A matter's words are encoded once; what a message means is compared with its first and its latest words."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from nlp.evidence import STRANGERS, Signal, weigh
from nlp.match_rules import load_rules
from nlp.remembered import LATEST, RememberedVectors
from nlp.schema import MatterSketch, Place

NOW = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)


class Spelling:
    """Texts as counts of two letters, of length 1; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> NDArray[np.float32]:
        self.asked.append(text)
        vector = np.array([text.count("水") + 1e-3, text.count("灯") + 1e-3], np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def matter(name: str, *texts: str) -> MatterSketch:
    return MatterSketch(name, None, Place(), texts, NOW, NOW)


def test_words_are_encoded_once_however_many_messages_meet_them() -> None:
    spelling = Spelling()
    remembered = RememberedVectors(spelling)
    for said in ("没水", "还没水", "没水"):
        remembered.compare(said, [matter("A", "停水了"), matter("B", "路灯不亮")])
    assert sorted(spelling.asked) == sorted(["没水", "还没水", "停水了", "路灯不亮"])


def test_of_a_long_matter_the_first_and_the_latest_words_count() -> None:
    texts = tuple(f"第{n}句" for n in range(40))
    found = RememberedVectors(Spelling()).compare("水", [matter("A", *texts)])
    assert found is not None
    assert len(found.matters["A"]) == 1 + LATEST


def test_nothing_said_is_compared_with_nothing() -> None:
    remembered = RememberedVectors(Spelling())
    assert remembered.compare("", [matter("A", "停水了")]) is None
    assert remembered.compare("停水", [matter("A")]) is None


def test_meaning_speaks_for_the_matter_that_is_nearer_than_strangers_are() -> None:
    known = [matter("A", "停水了"), matter("B", "路灯不亮"), matter("C")]
    rows = weigh(Signal("没水", NOW, "u1"), known, load_rules(), RememberedVectors(Spelling()).compare("没水", known))
    assert rows["A"]["meaning"] > 0 > rows["B"]["meaning"]
    assert rows["A"]["meaning"] <= 1 - STRANGERS + 1e-3
    assert rows["C"]["meaning"] == 0, "without words nothing speaks for or against it"
