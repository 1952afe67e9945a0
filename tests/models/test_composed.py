"""Composed conversations: what a line says is what a transcript holds, and a wrong line is named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.composed.reading import FOLDER, ComposedError, conversations, matter_messages, read, single_messages
from nlp.schema import KINDS
from nlp.taxonomy import load_taxonomy

TALK = """== zs01 | 镜湖社区 | 金域华府, 老船厂宿舍 | 东门菜市场 | 一句话
u1 3栋老张 resident
p1 物业小崔 property
--
2026-03-02 19:03:11 u1 report A housing.elevator | 3栋电梯又坏了
19:03:40 u1 supplement A [photo] |
19:05 p1 reply A >1 | 收到\\n马上来
03-03 08:00 u1 report B environment.garbage + A housing.elevator | 垃圾没收，电梯也没好
--
A housing.elevator building=3 unit=2 | 电梯停运
B environment.garbage! estate=金域 华府 | 垃圾
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.chat"
    path.write_text(text, encoding="utf8")
    return path


def test_reads_members_messages_and_matters(tmp_path: Path) -> None:
    (talk,) = read(written(tmp_path, TALK))
    first, photo, reply, both = talk["messages"]
    assert talk["grid"]["estates"] == ["金域华府", "老船厂宿舍"]
    assert (first["at"], first["gold"]) == (
        "2026-03-02T19:03:11+08:00",
        {"kind": "report", "matter": "A", "category": "housing.elevator"},
    )
    assert (photo["text"], photo["media"]) == ("", "photo")
    assert (reply["reply_to"], reply["text"]) == ("m1", "收到\n马上来")
    assert both["at"].startswith("2026-03-03T08:00")
    assert both["gold"]["also"] == [{"matter": "A", "category": "housing.elevator"}]
    lift, rubbish = talk["matters"]
    assert (lift["messages"], lift["emergency"], lift["place"]["building"]) == (["m1", "m2", "m4"], False, "3")
    assert (rubbish["emergency"], rubbish["place"]["estate"]) == (True, "金域 华府")


@pytest.mark.parametrize(
    ("good", "bad", "named"),
    [
        ("u1 report A housing.elevator |", "u9 report A housing.elevator |", ":5: u9 is no member"),
        ("report A housing.elevator | 3栋", "report A | 3栋", ":5: report cannot carry A"),
        ("reply A >1", "reply A >7", "message 7 was not said before"),
        ("19:05 p1", "18:05 p1", "time runs backwards"),
        ("[photo] |", "|", "needs its media"),
        ("\nB environment", "\nC environment", "matter B is not told at the end"),
        ("building=3", "house=3", "not house"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, good: str, bad: str, named: str) -> None:
    assert good in TALK
    with pytest.raises(ComposedError, match=named):
        list(read(written(tmp_path, TALK.replace(good, bad, 1))))


def test_all_that_is_shipped_can_be_read_and_names_known_matters() -> None:
    known = set(load_taxonomy().ids())
    talks = [*conversations(), *conversations(FOLDER / "unread")]
    told = [t for talk in talks for m in talk["messages"] for t in (m["gold"], *m["gold"].get("also", ()))]
    assert {t["category"] for t in told if "category" in t} <= known
    assert set(Counter(t["kind"] for t in told if "kind" in t)) == set(KINDS)
    assert len({talk["id"] for talk in talks}) == len(talks)
    assert {row.category for row in (*single_messages(), *matter_messages())} - {""} <= known


def test_two_conversations_of_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("one.chat", "two.chat"):
        (tmp_path / name).write_text(TALK, encoding="utf8")
    with pytest.raises(ComposedError, match="another conversation"):
        conversations(tmp_path)
