import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.entities import kinship, names_in, numbered_in, years_in
from nlp.letters import Letter
from nlp.tallies import tally, tfidf
from nlp.topic_rules import load_topic_rules
from nlp.topics import find_topics, heat_of

START = datetime(2026, 3, 1, tzinfo=UTC)
RULES = load_topic_rules()


def letter(n: int, title: str, detail: str = "", user: str = "", day: int = 0, likes: int = 0) -> Letter:
    return Letter(f"{n:03}", user or f"u{n}", title, START + timedelta(days=day), detail, likes)


SMOKE = "小区一楼的烧烤店油烟直排，每天晚上呛得人睡不着，窗户都不敢开，多次投诉没有人管"
NOISE = "工地通宵打桩施工，凌晨两点还在轰隆隆响，老人孩子没法休息，请部门管一管"


def letters() -> list[Letter]:
    return [
        letter(1, "投诉槐荫苑小区一楼烧烤店油烟扰民", "槐荫苑" + SMOKE, day=1, likes=3),
        letter(2, "槐荫苑小区烧烤店油烟直排扰民", "我是槐荫苑业主，" + SMOKE, day=2),
        letter(3, "请管管槐荫苑小区烧烤店油烟", "槐荫苑" + SMOKE, day=4),
        letter(4, "柳堤路地铁工地通宵施工噪音扰民", "柳堤路" + NOISE, day=3),
        letter(5, "反映柳堤路地铁工地通宵施工噪音", "我们住在柳堤路，" + NOISE, day=5),
        letter(6, "梧桐里小区一楼烧烤店油烟扰民", "梧桐里" + SMOKE, day=2),
        letter(7, "咨询居住证怎么续签", "我的居住证下个月到期，需要带什么材料", day=6),
        letter(8, "社区医院什么时候能打水痘疫苗", "孩子四岁了还没打第二针", day=7),
    ]


def groups(found: list[Letter]) -> set[frozenset[str]]:
    return {frozenset(t.letters) for t in find_topics(found)}


def test_letters_about_one_trouble_of_one_place_are_one_topic() -> None:
    assert frozenset({"001", "002", "003"}) in groups(letters())
    assert frozenset({"004", "005"}) in groups(letters())


def test_the_same_words_about_another_estate_are_another_matter() -> None:
    assert not any({"006"} & g and {"001", "002", "003"} & g for g in groups(letters()))


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=8)
def test_the_order_of_arrival_changes_nothing(seed: int) -> None:
    mixed = letters()
    random.Random(seed).shuffle(mixed)
    assert find_topics(mixed) == find_topics(letters())


def test_a_topic_says_where_since_when_and_what() -> None:
    hottest = find_topics(letters())[0]
    assert hottest.rank == 1
    assert hottest.place == "槐荫苑小区"
    assert (hottest.start, hottest.end) == (START + timedelta(days=1), START + timedelta(days=4))
    assert hottest.letters == ("001", "002", "003")
    assert "油烟" in hottest.description
    assert not hottest.description.startswith("投诉")


def test_a_year_or_a_place_in_the_title_parts_look_alikes() -> None:
    words = "燃油补贴到现在还没有发放到驾驶员手中，请问什么时候发放"
    assert groups([letter(1, "2024年出租车燃油补贴何时发放", words), letter(2, "2025年出租车燃油补贴何时发放", words)]) == set()


def test_names_of_people_do_not_become_words_of_a_topic() -> None:
    words = "，电话13900001111，" + SMOKE
    found = find_topics(
        [
            letter(1, "我叫张建国，电话13900001111，槐荫苑烧烤店油烟扰民", words),
            letter(2, "槐荫苑烧烤店油烟扰民，我叫张建国，电话13900001111", words),
        ]
    )
    assert found
    assert all("13900001111" not in t.description + t.place and "张建国" not in t.place for t in found)


def test_heat_counts_people_not_letters_and_cools() -> None:
    many = [letter(n, "x", user=f"u{n}") for n in range(6)]
    one = [letter(n, "x", user="u1") for n in range(6)]
    assert heat_of(many, START, RULES.heat) > heat_of(one, START, RULES.heat)
    assert heat_of(many, START, RULES.heat) > heat_of(many, START + timedelta(days=200), RULES.heat)
    liked = [letter(0, "x", likes=1000)]
    assert heat_of(many, START, RULES.heat) * 3 > heat_of(liked, START, RULES.heat) > heat_of([letter(0, "x")], START, RULES.heat)


@pytest.mark.parametrize("odd", [[], [letter(1, "")], [letter(1, ""), letter(2, "")], [letter(1, "。。。"), letter(2, "😀", "😀")]])
def test_nothing_to_say_is_no_topic(odd: list[Letter]) -> None:
    assert find_topics(odd) == []


def test_letters_without_a_time_are_gathered_all_the_same() -> None:
    timeless = [Letter(x.id, x.user, x.title, None, x.detail) for x in letters()]
    assert frozenset({"001", "002", "003"}) in groups(timeless)


def test_names_numbers_and_years_are_read() -> None:
    assert "魅力之" in "".join(names_in("A5区劳动东路魅力之城小区油烟扰民", RULES))
    assert kinship(frozenset({"富瑞"}), frozenset({"瑞富"})) == 1.0
    assert kinship(frozenset({"槐荫"}), frozenset({"梧桐"})) == 0.0
    assert kinship(frozenset(), frozenset({"梧桐"})) == -1.0
    assert numbered_in("205路公交和4号线") == {"205路", "4号线"}
    assert years_in("2018年度补贴") == {"2018"}


def test_tables_are_rows_of_length_one_without_grams_across_texts() -> None:
    table = tfidf(tally(["油烟扰民", "油烟直排", "扰 民", ""], (2,)), 1)
    lengths = table.multiply(table).sum(axis=1)
    assert [round(float(x), 5) for x in lengths.ravel().tolist()[0]] if lengths.ndim == 2 and lengths.shape[0] == 1 else True
    assert table[2].nnz == 0
    assert table[3].nnz == 0
    assert table[0].nnz == 3
