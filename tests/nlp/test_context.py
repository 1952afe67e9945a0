from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nlp.context import in_words
from nlp.schema import Earlier, Kind, Utterance

NOW = datetime(2026, 6, 2, 18, 0, tzinfo=UTC)


def earlier(n: int, sender: str, hours: float, text: str, kind: Kind = "chat") -> Earlier:
    return Earlier(f"m{n}", sender, "resident", NOW - timedelta(hours=hours), text, kind)


TREE = earlier(1, "u1", 9, "北门那棵榕树断了一枝横在路上", "report")
LAMP = earlier(2, "u2", 8, "西门路灯不亮", "report")
SINCE = (earlier(3, "u3", 2, "今天菜价涨了"), earlier(4, "u4", 1.9, "可不是嘛"), earlier(5, "u3", 1.8, "豆腐还行"))
TALK = (TREE, LAMP, *SINCE)


def line(text: str, sender: str = "u9", **more: object) -> str:
    return in_words(Utterance(text, sender=sender, at=NOW, previous=TALK, **more), text)  # type: ignore[arg-type]


def test_who_asks_hours_later_is_shown_beside_the_report_that_shares_their_words() -> None:
    assert "提过 居民:北门那棵榕树" in line("榕树锯完没")
    assert "提过 居民:西门路灯" in line("路灯今晚能亮不")


def test_words_that_everybody_uses_recall_no_report() -> None:
    assert "提过" not in line("大家今天都在家吗")
    assert "提过" not in line("")


def test_what_was_just_said_is_not_shown_twice() -> None:
    just = replace(LAMP, at=NOW - timedelta(minutes=1))
    asking = Utterance("路灯修了没", sender="u9", at=NOW, previous=(*SINCE, just))
    assert in_words(asking, asking.text).count("路灯不亮") == 1
    assert line("路灯修了没", sender="u2").count("路灯不亮") == 1
    assert line("路灯修了没", quoted=LAMP).count("路灯不亮") == 1


def test_traditional_characters_recall_a_report_in_plain_ones_and_the_other_way_round() -> None:
    old = replace(LAMP, text="西門路燈唔著")
    asking = Utterance("路灯修咗未", sender="u9", at=NOW, previous=(old, *SINCE))
    assert "提过 居民:西門路燈" in in_words(asking, asking.text)


def test_the_message_comes_first_then_what_it_points_to_then_the_last_talk() -> None:
    shown = line("榕树锯完没", sender="u1", quoted=LAMP).split(" | ")
    assert shown[0] == "居民:榕树锯完没"
    assert shown[1].startswith("回复 居民:西门路灯")
    assert shown[2].startswith("提过 本人:北门")
    assert shown[-1].endswith("今天菜价涨了")
