"""Matters: the catalogue can be edited without training, and words alone never pass without a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nlp.classify import by_words, in_context, rank
from nlp.linear import LinearModel
from nlp.schema import Earlier, RankedCategory, Utterance
from nlp.taxonomy import Matter, load_taxonomy
from tests.shipped import shipped

NOW = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)
CONTEXT = {"within_s": 3600.0, "recent": 2.5, "quoted": 3.5}


@pytest.fixture(scope="module")
def model() -> LinearModel:
    return LinearModel.load(shipped("category"))


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("6栋电梯停在三楼不动了", "housing.elevator"),
        ("小区里的路灯一排都不亮", "facility.streetlight"),
        ("垃圾桶满得溢出来了也没人收", "environment.garbage"),
        ("半夜工地还在打桩，吵得娃娃睡不着", "environment.noise_construction"),
        ("老板拖欠我们三个月工资不给", "dispute.wages"),
    ],
)
def test_plain_reports_find_their_matter(model: LinearModel, text: str, matter: str) -> None:
    found = rank(text, model, load_taxonomy())
    assert found.best == matter
    assert len(found.top) == 5
    assert 0.999 > sum(p for _, p in found.top[1:]) >= 0


def test_probabilities_come_best_first_and_stay_below_one(model: LinearModel) -> None:
    shares = [p for _, p in rank("楼上往下滴水", model, load_taxonomy()).top]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-6


def test_a_text_without_a_matter_is_not_accepted(model: LinearModel) -> None:
    assert not rank("嗯嗯", model, load_taxonomy()).accepted
    assert rank("", model, load_taxonomy()) == RankedCategory()


def test_a_new_matter_works_by_what_residents_say(model: LinearModel) -> None:
    taxonomy = load_taxonomy()
    base = taxonomy.matters[0]
    new = Matter.model_validate(
        base.model_dump(by_alias=True) | {"id": "facility.drone", "name": "无人机扰民", "says": ("无人机在窗外飞", "无人机偷拍")}
    )
    edited = taxonomy.model_copy(update={"matters": (*taxonomy.matters, new)})
    found = rank("有人天天放无人机在我窗外飞", model, edited)
    assert found.best == "facility.drone"
    assert not found.accepted


def test_a_retired_matter_hands_on_to_its_successor(model: LinearModel) -> None:
    taxonomy = load_taxonomy()
    moved = tuple(m.model_copy(update={"replaced_by": "housing.facade"}) if m.id == "housing.elevator" else m for m in taxonomy.matters)
    assert rank("6栋电梯停在三楼不动了", model, taxonomy.model_copy(update={"matters": moved})).best == "housing.facade"


def test_without_a_model_words_rank_and_nothing_is_accepted() -> None:
    found = rank("我们这里停水了", None, load_taxonomy())
    assert found.best == "facility.water"
    assert not found.accepted
    assert found.confidence <= 0.6
    assert by_words("今天天气真好", load_taxonomy()) == {}


def earlier(category: str, minutes: float) -> Earlier:
    return Earlier("m1", "u1", "resident", NOW - timedelta(minutes=minutes), "…", "report", category=category)


def test_what_was_just_told_lifts_an_unclear_ranking() -> None:
    unclear = RankedCategory((("facility.water", 0.4), ("facility.power", 0.3)))
    soon = in_context(unclear, Utterance("我家也是", at=NOW, previous=(earlier("facility.power", 10),)), CONTEXT)
    late = in_context(unclear, Utterance("我家也是", at=NOW, previous=(earlier("facility.power", 90),)), CONTEXT)
    assert soon.best == "facility.power"
    assert late == unclear


def test_context_never_overrules_a_clear_text_nor_accepts() -> None:
    clear = RankedCategory((("facility.water", 0.98), ("facility.power", 0.01)), accepted=True)
    told = Utterance("停水了", at=NOW, previous=(earlier("housing.elevator", 5),))
    assert in_context(clear, told, CONTEXT).best == "facility.water"
    unclear = RankedCategory((("facility.water", 0.4), ("facility.power", 0.3)), accepted=True)
    assert not in_context(unclear, Utterance("?", at=NOW, previous=(earlier("facility.power", 5),)), CONTEXT).accepted


def test_the_quoted_matter_counts_more_than_a_recent_one() -> None:
    unclear = RankedCategory((("facility.water", 0.3), ("facility.power", 0.3)))
    both = Utterance("也是", at=NOW, previous=(earlier("facility.water", 5),), quoted=earlier("facility.power", 50))
    assert in_context(unclear, both, CONTEXT).best == "facility.power"
