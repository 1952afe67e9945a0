"""The gate: plain cases by rule, roles respected, and usable answers without a model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nlp.gate import choose_kind, describe, kind_scores, plain_to_see, wordless
from nlp.linear import LinearModel
from nlp.schema import KINDS, Earlier, Kind, Role, Utterance

MODEL = LinearModel.load(Path(__file__).parents[2] / "models" / "shipped" / "kind_v1")
NOW = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)


def kind_of(text: str, model: LinearModel | None = MODEL, role: Role = "resident", **more: object) -> Kind:
    return choose_kind(kind_scores(Utterance(text, role, "u1", at=NOW, **more), model), {})  # type: ignore[arg-type]


def before(text: str, kind: Kind, sender: str = "u1", role: Role = "resident", seconds: float = 30) -> Earlier:
    return Earlier("m0", sender, role, NOW - timedelta(seconds=seconds), text, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("6栋的电梯又坏了，老人上不去楼，物业赶紧来修", "report"),
        ("请问办理居住证需要带哪些材料？", "question"),
        ("大家早上好，祝各位邻居周末愉快", "chat"),
        ("哈哈哈哈太逗了", "chat"),
        ("🌹🌹🌹", "chat"),
        ("[强][强]", "chat"),
        ("接龙买土鸡蛋\n1. 3栋老王 2盘\n2. 5栋小李 1盘", "chat"),
        ("https://example.com/a/b?c=1", "chat"),
    ],
)
def test_single_messages(text: str, kind: Kind) -> None:
    assert kind_of(text) == kind


def test_scores_are_probabilities_over_all_kinds() -> None:
    for model in (MODEL, None):
        scores = kind_scores(Utterance("3栋水管漏水"), model)
        assert set(scores) == set(KINDS)
        assert sum(scores.values()) == pytest.approx(1)


def test_residents_never_reply_nor_announce() -> None:
    for text in ("收到，我马上联系维修师傅", "通知：明天上午九点到十二点停水检修，请各位业主提前储水"):
        scores = kind_scores(Utterance(text), MODEL)
        assert scores["reply"] == scores["notice"] == 0


def test_staff_answer_and_announce() -> None:
    asked = (before("3栋电梯坏了", "report", "u9"),)
    assert kind_of("收到，已经通知维保师傅过去了", role="property", previous=asked) == "reply"
    notice = "【停水通知】各位居民，因管网检修，明日9:00至15:00本小区停水，请提前做好储水准备。"
    assert kind_of(notice, role="community") == "notice"


def test_a_photo_after_a_report_supplements_it() -> None:
    assert kind_of("", media="photo", previous=(before("3栋电梯坏了", "report"),)) == "supplement"
    assert kind_of("", media="sticker") == "chat"


def test_a_further_detail_supplements_and_a_reminder_follows_up() -> None:
    told = (before("3栋2单元的电梯停了", "report", seconds=25),)
    assert kind_of("按哪层都没反应", previous=told) == "supplement"
    days = (before("3栋2单元的电梯停了", "report", seconds=90000), before("已报修", "reply", "w1", "property", 80000))
    assert kind_of("电梯怎么还没修好？都两天了", previous=days) == "follow_up"


def test_without_a_model_the_hints_answer() -> None:
    assert kind_of("5栋楼道灯坏了好几天", None) == "report"
    assert kind_of("请问医保怎么办理", None) == "question"
    assert kind_of("谢谢", None) == "chat"
    assert kind_of("已经派人去看了", None, role="property") == "reply"
    assert kind_of("怎么还没修好", None, previous=(before("电梯坏了", "report"),)) == "follow_up"


def test_wordless() -> None:
    assert wordless("👍👍 @小李 [玫瑰]!!")
    assert not wordless("好")
    assert plain_to_see(Utterance("??"), "??") is None


def test_thresholds_move_the_choice() -> None:
    scores: dict[Kind, float] = {"report": 0.5, "chat": 0.45}
    assert choose_kind(scores, {}) == "report"
    assert choose_kind(scores, {"report": 0.1}) == "chat"


def test_the_situation_is_described_not_the_person() -> None:
    flags = describe(Utterance("在吗", sender="secret-id", sender_name="3栋老张", at=NOW), "在吗").flags
    assert not any("secret" in f or "老张" in f for f in flags)


@pytest.mark.parametrize("text", ["", " ", "\x00", "a" * 100_000, "\U0010ffff", "\n" * 500, "?" * 50])
def test_no_text_breaks_it(text: str) -> None:
    assert kind_of(text) in KINDS
