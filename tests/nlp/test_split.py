"""Passages: cut by clause with the path of headings, tables whole, and word for word what the document says."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from nlp.split import MAX_CHARS, clause_at, cut_long, sentences, split

ARTICLES = """第一章 总则
第一条 为了规范小区停车，制定本办法。
第二条 本办法适用于本市住宅小区。
第二章 收费
第三条 停车费按月收取的，每月不超过一百五十元。
（一）地面车位；
（二）地下车位。
"""
BARE = re.compile(r"\s")


def bare(text: str) -> str:
    return BARE.sub("", text)


def test_every_article_is_a_piece_with_its_chapter() -> None:
    pieces = split(ARTICLES)
    assert [p.clause for p in pieces] == ["第一章总则 › 第一条", "第一章总则 › 第二条", "第二章收费 › 第三条"]
    assert pieces[2].text.endswith("（二）地下车位。")


def test_a_flat_run_is_opened_before_its_marks() -> None:
    flat = "关于供暖的通知 各单位： 一、供暖时间 十一月十五日开始供暖。 二、收费标准 每平方米二十四元。 （一）居民按面积缴费。"
    pieces = split(flat, 60)
    assert any(p.clause.startswith("二、收费标准") for p in pieces)
    assert bare("".join(p.text for p in pieces)) == bare(flat)


def test_lines_broken_by_the_page_are_joined() -> None:
    text = "        一、申请人应当在规定期限内向所在地社区服务中心提交下列材料并且如实填写申请\n表，逾期不予受理。\n     二、另行通知。"
    assert "申请表，逾期" in "".join(p.text for p in split(text))


def test_a_table_keeps_its_head_in_every_part() -> None:
    rows = "\n".join(f"| 第{n}档 | {n * 10}元每月按时缴纳 |" for n in range(60))
    parts = [p for p in split(f"一、标准\n| 档次 | 金额 |\n|---|---|\n{rows}\n二、其他") if p.table]
    assert len(parts) > 1
    assert all(p.text.startswith("| 档次 | 金额 |") for p in parts)
    assert sum(p.text.count("元每月") for p in parts) == 60


def test_furniture_of_pages_is_left_out() -> None:
    text = "（一）立户分户   - 1 -\n[pic]\n- 12 -\n第一条 可以设立集体户。\n"
    assert [p.text for p in split(text)] == ["第一条 可以设立集体户。"]


def test_the_clause_of_a_place_inside_a_piece() -> None:
    piece = "第三条 下列情形免费：\n（一）六十五岁以上；\n（二）残疾军人。\n"
    assert clause_at(piece, "第二章 › 第三条", piece.index("残疾")) == "第二章 › 第三条 › （二）残疾军人"
    assert clause_at(piece, "第二章 › 第三条", 0) == "第二章 › 第三条"


@given(st.text(alphabet="第一二三条章、（）()1234.。；：，\n 甲乙丙|元", max_size=600))
@example(".\n1\n.")
def test_nothing_is_invented_and_pieces_stay_small(text: str) -> None:
    without_pages = "\n".join(line for line in text.split("\n") if not line.strip().isdigit())
    for piece in split(text, 80):
        if not piece.table:
            assert bare(piece.text) in bare(text) or bare(piece.text) in bare(without_pages)
            assert len(piece.text) <= 80 + 1


@given(st.text(max_size=400))
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text
    assert all(len(part) <= 50 for part in cut_long(text, 50))


def test_the_limit_is_what_people_can_read() -> None:
    long = "这一条说得很长，" * 200 + "。"
    assert max(len(p.text) for p in split(long)) <= MAX_CHARS
