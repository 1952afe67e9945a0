"""One spelling for what residents type, and always the way back to their own words."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nlp.text import Spelling, fold, normalise, spelling_words

# what breaks offsets: width, compositions, jamo, ligatures, invisible characters, lexicon words and their halves
_AWKWARD = st.sampled_from(
    [*"电剃路登楼到里嘅喺冇唔咗３ﬁ㍿①…\u0301\u200b\ufe0f\u1100\u1161\uff76\uff9e👨‍👩‍👧\x00\ud800 \n", *spelling_words()]
)
_TEXT = st.one_of(st.text(max_size=60), st.lists(_AWKWARD, max_size=30).map("".join))


@given(_TEXT)
@example("가\u11a8")
@example("電剃電剃壞咗")
def test_every_code_point_knows_where_it_came_from(text: str) -> None:
    read = normalise(text)
    assert len(read.starts) == len(read.ends) == len(read.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(read.starts, read.ends, strict=True))
    assert list(read.starts) == sorted(read.starts)
    assert list(read.ends) == sorted(read.ends)


@given(_TEXT)
@example("唔唔見咗")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(_TEXT)
def test_nothing_invisible_is_left(text: str) -> None:
    assert not {"\x00", "\u200b", "\ufeff", "\u202e"} & set(normalise(text).text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("電梯壞了", "电梯坏了"),
        ("电剃又坏了", "电梯又坏了"),
        ("门口路登不亮", "门口路灯不亮"),
        ("３号楼２单元", "3号楼2单元"),
        ("楼到里好黑", "楼道里好黑"),
        ("从3号楼到5号楼", "从3号楼到5号楼"),
        ("氵曷死了，亻故饭去", "渴死了,做饭去"),
        ("呢度冇水", "这里没水"),
        ("漏\u200b水\u200d了", "漏水了"),
        ("着火了🔥🔥", "着火了🔥🔥"),
        ("", ""),
    ],
)
def test_reads_what_was_meant(written: str, read: str) -> None:
    assert normalise(written).text == read


def test_points_at_the_words_as_written() -> None:
    read = normalise("我們樓嘅電\u200b剃壞咗")
    start = read.text.index("电梯")
    assert read.written(start, start + 2) == "電\u200b剃"


def test_the_lexicon_never_needs_itself() -> None:
    words = spelling_words()
    assert [(wrong, right) for wrong, right in words.items() if any(other in right for other in words)] == []
    assert [wrong for wrong in words if fold(wrong).text != wrong] == []


def test_the_longest_word_wins() -> None:
    assert Spelling({"甲": "一", "甲乙": "二"}).replace("甲乙甲") == [(0, 2, "二"), (2, 3, "一")]


def test_a_long_text_of_marks_is_read() -> None:
    assert len(normalise("e" + "\u0301" * 100_000).text) < 100
    assert len(normalise("三号楼电梯又坏了\x00" * 12_000).text) == 96_000
