"""The gate: plain cases by rule, roles respected, and usable answers without a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nlp.classify import rank
from nlp.gate import choose_kind, describe, kind_scores, plain_to_see, wordless
from nlp.kind_signs import kind_signs
from nlp.linear import LinearModel
from nlp.schema import KINDS, STAFF_ROLES, Earlier, Kind, Role, Utterance
from nlp.taxonomy import load_taxonomy
from tests.shipped import shipped

MODEL = LinearModel.load(shipped("kind"))
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
        ("纯牛奶团购，一箱39.9包邮，今晚八点截止，要的接龙", "chat"),
        ("两室一厅出租，拎包入住，押一付三，私聊", "chat"),
        ("团购的桃子烂了一半，39块一箱退都不给退，投诉", "report"),
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
    assert understood("门关不上", previous=told) == "supplement"
    assert understood("显示屏是黑的", previous=told) == "supplement"
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


RANKER = LinearModel.load(shipped("category"))


def understood(text: str, **more: object) -> Kind:
    """With the category model's ranking of the words and the thresholds of the model, as for a message that stands alone; in a chat
    nlp.thread weighs kinds and matters together."""
    found = rank(text, RANKER, load_taxonomy())
    utterance = Utterance(text, "resident", "u1", at=NOW, **more)  # type: ignore[arg-type]
    return choose_kind(kind_scores(utterance, MODEL, text, found), MODEL.config["thresholds"])


@pytest.mark.parametrize(
    "text", ["楼下路灯不亮了", "家里停水了", "我们楼门口垃圾堆了三天没人清", "专业的物业公司也不来修，5栋电梯坏了三天，打电话没人接"]
)
def test_short_troubles_are_reports(text: str) -> None:
    assert understood(text) == "report"


@pytest.mark.parametrize(
    "text",
    [
        "出一个婴儿推车，九成新，自提",
        "捡到一串钥匙，失主联系我",
        "两居室出租，拎包入住，看房加微信",
        "[系统消息] 该工单已标记为已办结",
        "转发到十个群就有好运",
        "专业疏通下水道，上门快，电话联系",
        "辣得我着火了救命啊",
    ],
)
def test_what_is_nobodys_request_is_chat(text: str) -> None:
    assert understood(text) == "chat"


def test_a_reminder_that_quotes_a_report_follows_up() -> None:
    told = before("9栋下水道堵了，污水都漫出来了", "report", "u9", seconds=7200)
    lamp = before("1栋2单元门口路灯坏了", "report", "u8", seconds=7150)
    assert understood("这个还没人来修吗", quoted=told, previous=(told, lamp), open_matters=2) == "follow_up"


def test_another_building_and_another_trouble_is_a_report_of_its_own() -> None:
    told = replace(before("2栋下水道堵了", "report", seconds=20), category="facility.drainage")
    assert understood("3栋单元门的门禁坏了，刷卡打不开", previous=(told,), open_matters=1) == "report"


def test_signs_are_the_same_for_every_message() -> None:
    told = before("2栋下水道堵了", "report")
    plain = kind_signs(Utterance(""), "")
    rich = kind_signs(
        Utterance("3栋呢?", sender="u1", at=NOW, quoted=told, previous=(told,)), "3栋呢?", rank("3栋呢?", RANKER, load_taxonomy())
    )
    assert list(plain) == list(rich)
    assert rich["house:own"] == -1


@pytest.mark.parametrize(
    "text",
    ["各位邻居，本周六上午社区有免费理发，请自带毛巾", "网格员提醒：明晚有大风，请收好阳台花盆", "【停水通知】周四8点到16点停水，请储水"],
)
def test_what_staff_say_to_all_is_no_report(text: str) -> None:
    for role in sorted(STAFF_ROLES):
        assert kind_scores(Utterance(text, role), MODEL)["report"] == 0  # type: ignore[arg-type]


def test_staff_on_their_rounds_still_report() -> None:
    assert kind_of("巡查发现南门井盖松动", role="grid_worker") == "report"
