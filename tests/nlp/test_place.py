"""Places as residents write them; and what looks like a place and is none. Long: tables of wordings, each line a promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.home import home_from_name
from nlp.numerals import house_number
from nlp.place import conflicts, find_places, merge_places, place_answered, place_asked, without_asked
from nlp.schema import Estate, Gazetteer, Place

GRID = Gazetteer(
    grid="g1",
    name="柳荫社区第2网格",
    estates=(Estate("翡翠湾小区", ("翡翠湾",)), Estate("柳荫安置房"), Estate("海港国贸天悦")),
    spots=("南门菜鸟驿站", "7栋充电棚", "柳荫小学", "天悦泳池"),
    roads=("红星路",),
    aliases={"老菜场": "红星农贸市场"},
)


def fields(place: Place) -> dict[str, str]:
    names = ("estate", "building", "unit", "floor", "room", "road", "spot")
    return {name: value for name in names if (value := getattr(place, name))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("三号楼二单元电梯坏了", {"building": "3", "unit": "2"}),
        ("3-2-501漏水", {"building": "3", "unit": "2", "room": "501"}),
        ("12-1803漏水", {"building": "12", "room": "1803"}),
        ("B座大堂没灯", {"building": "B", "spot": "大堂"}),
        ("5栋1单元停水", {"building": "5", "unit": "1"}),
        ("12幢没电", {"building": "12"}),
        ("3#没水", {"building": "3"}),
        ("二楼声控灯坏了", {"floor": "2"}),
        ("501室漏水", {"room": "501"}),
        ("二十三栋五零一漏水", {"building": "23", "room": "501"}),
        ("7号楼2门1102暖气不热", {"building": "7", "unit": "2", "room": "1102"}),
        ("3栋17-4漏水", {"building": "3", "room": "17-4"}),
        ("甲1号楼2单元501漏水", {"building": "甲1", "unit": "2", "room": "501"}),
        ("甲三号楼停水", {"building": "甲3"}),
        ("甲100号楼停水", {"building": "甲100"}),
        ("我们丙5三门洞的门坏了", {"building": "丙5", "unit": "3"}),
        ("丙3，西边门洞", {"building": "丙3", "spot": "门洞"}),
        ("赵老您不是住丙3吗，住丙3的都停水了", {"building": "丙3"}),
        ("丙3-2单元停电", {"building": "丙3", "unit": "2"}),
        ("7号楼甲3楼漏水", {"building": "7", "floor": "3"}),
        ("乙3层漏水", {"floor": "3"}),
        ("丙3-2-501停电", {"building": "丙3", "unit": "2", "room": "501"}),
        ("小丁3-501停电", {"building": "3", "room": "501"}),
        ("乙3单元501停水", {"unit": "3", "room": "501"}),
        ("小丁3号楼没电", {"building": "3"}),
        ("27号三楼漏水", {"building": "27", "floor": "3"}),
        ("9东楼下堆满了", {"building": "9"}),
        ("３号樓２單元", {"building": "3", "unit": "2"}),
        ("负二楼积水", {"floor": "-2"}),
        ("红星路有个大坑", {"road": "红星路"}),
        ("解放路和中山路路口红灯不亮", {"road": "解放路与中山路", "spot": "路口"}),
        ("翡翠湾3栋", {"estate": "翡翠湾小区", "building": "3"}),
        ("翡翠弯小区3栋", {"estate": "翡翠湾小区", "building": "3"}),
        ("肥翠湾小区3栋", {"estate": "翡翠湾小区", "building": "3"}),
        ("柳荫2幢漏水", {"estate": "柳荫安置房", "building": "2"}),
        ("天悦3栋漏水", {"estate": "海港国贸天悦", "building": "3"}),
        ("天悦泳池脏", {"estate": "海港国贸天悦", "spot": "泳池"}),
        ("7栋充电棚冒烟", {"building": "7", "spot": "充电棚"}),
        ("老菜场又占道", {"spot": "红星农贸市场"}),
        ("柳荫小学门口堵", {"spot": "柳荫小学"}),
        ("搞错了，不是7栋，是9栋", {"building": "9"}),
        ("我住6单元不是5单元", {"unit": "6"}),
        ("38号门口的沟堵了", {"building": "38", "spot": "门口"}),
        ("3号门口的沟堵了", {"spot": "3号门"}),
        ("11号后面垃圾三天没收", {"building": "11"}),
        ("29号有家的狗叫到四点", {"building": "29"}),
        ("6号门禁换了没", {"building": "6"}),
        ("4门洞灯坏了", {"unit": "4"}),
        ("翡翠湾D3没电", {"estate": "翡翠湾小区", "building": "D3"}),
        ("E2楼下有垃圾", {"building": "E2"}),
        ("C802 退租押金没退", {"building": "C", "room": "802"}),
        ("803门口漏水", {"room": "803", "spot": "门口"}),
        ("水从楼上下来，我家，702", {"room": "702"}),
        ("二十六排下水道堵了", {"spot": "二十六排"}),
        ("5排平房没水", {"spot": "5排"}),
    ],
)
def test_finds_the_place(text: str, expected: dict[str, str]) -> None:
    assert fields(find_places(text, GRID)[0]) == expected


BIG = Gazetteer(
    grid="g2",
    name="银杏社区第5网格",
    estates=tuple(map(Estate, ("华润长安府", "中建锦绣天地一期", "中建锦绣天地二期", "老纺织厂宿舍", "玉泉新村", "星澜郡"))),
)


@pytest.mark.parametrize(
    ("text", "estate"),
    [
        ("长安3栋没水", "华润长安府"),
        ("长安也停电了", "华润长安府"),
        ("长安 5栋", "华润长安府"),
        ("长安", "华润长安府"),
        ("二期3栋还没交房", "中建锦绣天地二期"),
        ("我们一期这边半夜还在浇混凝土", "中建锦绣天地一期"),
        ("纺织厂门口路灯不亮", "老纺织厂宿舍"),
        ("宿舍门口路灯不亮", "老纺织厂宿舍"),
        ("我住新村这排，没水", "玉泉新村"),
        ("星澜南门堵了", "星澜郡"),
    ],
)
def test_short_names_that_only_one_estate_can_have(text: str, estate: str) -> None:
    assert find_places(text, BIG)[0].estate == estate


WORKS = Gazetteer(grid="g3", estates=tuple(map(Estate, ("矿务局三井家属院", "水产公司宿舍", "杜康厂家属院", "老爷山花园"))))


@pytest.mark.parametrize(
    ("text", "estate"), [("三井院锅炉房跟前", "矿务局三井家属院"), ("水产宿舍302", "水产公司宿舍"), ("杜康院7号楼", "杜康厂家属院")]
)
def test_the_compound_of_a_works_by_the_short_name_of_the_works(text: str, estate: str) -> None:
    assert find_places(text, WORKS)[0].estate == estate


def test_other_houses_than_the_compound_of_a_works() -> None:
    grid = Gazetteer(grid="g4", estates=tuple(map(Estate, ("卫生局家属院", "电影公司宿舍"))))
    assert not any(place.estate for text in ("卫生院门口堵车", "电影院3楼漏水") for place in find_places(text, grid))


@pytest.mark.parametrize(
    "text",
    [
        "一路长安",
        "我坐到长安站下车",
        "锦绣天地的围墙倒了",
        "第二期的培训名单出来了",
        "一期工程款还没付",
        "机床厂宿舍门口堵了",
        "公寓招租",
        "玉泉路堵死了",
        "大一新村官来了",
    ],
)
def test_words_that_only_look_like_a_short_name(text: str) -> None:
    assert not any(place.estate for place in find_places(text, BIG))


def test_a_short_name_is_not_made_of_halves_of_words() -> None:
    grid = Gazetteer("g3", "银杏社区第6网格", (Estate("远大万和城"), Estate("滨江1号")))
    assert find_places("万和3栋没水", grid)[0].estate == "远大万和城"
    assert not find_places("赔了好几千万和他们没完", grid)
    assert find_places("11号楼没水", grid)[0].estate is None


@pytest.mark.parametrize(
    "text",
    ["3-2 比分", "18:30集合", "12-1号去", "6月23号", "2024-05-01", "10-100块", "3-5天", "电话0551-63456789", "3.2版本", "尾号1802",
     "灭火器年份是2018的", "F502次晚点", "一共十二栋",
     "白班六百号人", "一层一停", "这三栋都没水", "8号线", "打110", "120来了", "第二座桥", "盖了十几栋", "1802元",
     "甲2级防火", "乙3型血", "乙2比1赢了", "老丁6次没来",
     "团购宫保鸡丁12元", "花甲10元一份", "指甲2天就掉", "马甲5号到货", "物业穿黄马甲2个人", "甲3天后", "丙3个月没来物业费", "病房丙1床",
     "6号有家长会", "3号门禁止停车", "15号有家庭医生义诊", "6号有户外活动", "15号后面再说", ""],
)  # fmt: skip
def test_numbers_that_are_no_houses(text: str) -> None:
    assert [fields(place) for place in find_places(text, GRID) if place.building or place.unit or place.room] == []


@pytest.mark.parametrize("text", ["22:40楼上还在跳", "九点四十楼上又砸墙", "才七点二十 楼下就放炮", "3排盆子挡路", "排了两排人"])
def test_times_and_rows_of_things_are_no_places(text: str) -> None:
    assert not any(place.floor or place.spot for place in find_places(text, GRID))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("7", {"building": "7"}),
        ("七号", {"building": "7"}),
        ("我们12的", {"building": "12"}),
        ("3-2", {"building": "3", "unit": "2"}),
        ("3，2单元", {"building": "3", "unit": "2"}),
        ("3栋2", {"building": "3", "unit": "2"}),
        ("三 二 501", {"building": "3", "unit": "2", "room": "501"}),
        ("B座", {"building": "B"}),
        ("7 1104", {"building": "7", "room": "1104"}),
        ("十二", {"building": "12"}),
    ],
)
def test_numbers_alone_answer_which_house(answer: str, expected: dict[str, str]) -> None:
    told = place_answered(answer)
    assert told is not None
    assert fields(told) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "好的",
        "三楼",
        "k",
        "+1",
        "501",
        "13800138000",
        "7点",
        "第二次了",
        "等3天了",
        "3-2-5-1",
        "2026-11-23",
        "3.5",
        "3、4",
        "五零一",
        "一一零",
        "二百五",
        "第一",
    ],
)
def test_other_answers_are_no_house(answer: str) -> None:
    assert place_answered(answer) is None


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("柳岸几栋？", "building"),
        ("请问是几栋几单元？", "building"),
        ("哪栋", "building"),
        ("1单元还是2单元？", "unit"),
        ("王姨您几单元", "unit"),
        ("收到21栋，楼层？", "floor"),
        ("您家门牌发一下", "room"),
        ("3栋还是5栋？", "building"),
        ("2楼还是3楼", "floor"),
        ("1单元，还是2单元", "unit"),
        ("哪一个单元", "unit"),
        ("麻烦报一下门牌号", "room"),
        ("你几号有空", None),
        ("巡查发现这几栋都有乱堆杂物，3栋2单元楼道堵死了", None),
        ("好几栋都停电，3栋2单元已修好", None),
        ("前几栋今天消杀，7栋明天", None),
        ("5栋2单元18楼的楼层指示灯坏了", None),
        ("高楼层水压正在恢复", None),
        ("3栋2单元1203门牌掉了", None),
        ("停水通知：今天加压，几楼没水的扣1", None),
        ("为做人口登记，请各位报一下门牌号", None),
        ("几号线坏了", None),
        ("我马上到", None),
    ],
)
def test_what_part_of_a_place_a_question_is_for(question: str, asked: str | None) -> None:
    assert place_asked(question) == asked


@pytest.mark.parametrize(
    ("asked", "answer", "told"),
    [
        ("unit", "2", "2"),
        ("unit", "我是二的", "2"),
        ("unit", "12", "12"),
        ("floor", "11", "11"),
        ("floor", "二百", None),
        ("room", "1203", "1203"),
        ("room", "3", None),
    ],
)
def test_a_number_answers_what_was_asked_for(asked: str, answer: str, told: str | None) -> None:
    found = place_answered(answer, asked)
    assert (found and getattr(found, asked)) == told


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("1单元还是2单元？", {}),
        ("21栋，楼层？", {"building": "21"}),
        ("好几栋都停电，3栋2单元已修好", {"building": "3", "unit": "2"}),
    ],
)
def test_a_question_tells_no_part_that_it_asks_for(text: str, left: dict[str, str]) -> None:
    assert fields(without_asked(find_places(text)[0], text)) == left


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("R2高区又只有一部电梯", {"building": "R2"}),
        ("r2的水压太低", {"building": "R2"}),
        ("R2纸有吗", {}),
        ("整个一门都不热", {"unit": "1"}),
        ("4门601装修", {"unit": "4", "room": "601"}),
        ("我们一门心思等供暖", {}),
        ("咱们三门课", {}),
    ],
)
def test_lettered_houses_of_ones_own_and_doors_that_are_units(text: str, told: dict[str, str]) -> None:
    found = find_places(text, GRID, Place(building="R2"))
    assert {k: v for one in found[:1] for k, v in fields(one).items() if k in ("building", "unit", "room")} == told


def test_several_places_in_order() -> None:
    assert [fields(p) for p in find_places("3、4号楼没水")] == [{"building": "3"}, {"building": "4"}]
    assert [fields(p) for p in find_places("5栋1单元、2单元没灯")] == [{"building": "5", "unit": "1"}, {"building": "5", "unit": "2"}]
    above = find_places("我3号楼2单元1801，楼上1901在砸墙")
    assert [p.room for p in above] == ["1801", "1901"]
    assert above[1].building == "3"


def test_own_home_answers_only_where_the_text_is_silent() -> None:
    home = Place(estate="翡翠湾小区", building="6", unit="1", room="302")
    assert fields(find_places("我们楼没水", GRID, home)[0]) == {"estate": "翡翠湾小区", "building": "6"}
    assert fields(find_places("我们单元没水", GRID, home)[0])["unit"] == "1"
    assert fields(find_places("我家漏水", GRID, home)[0])["room"] == "302"
    assert find_places("我家漏水", GRID) == ()
    assert find_places("我家在8栋", GRID, home)[0].building == "8"


def test_own_building_and_own_room_are_in_the_own_estate() -> None:
    home = Place(estate="翡翠湾小区", building="6", unit="1", room="17-4")
    assert fields(find_places("6栋没水", GRID, home)[0]) == {"estate": "翡翠湾小区", "building": "6"}
    assert fields(find_places("7栋没水", GRID, home)[0]) == {"building": "7"}
    assert fields(find_places("柳荫6栋没水", GRID, home)[0])["estate"] == "柳荫安置房"
    assert fields(find_places("17-4又漏了", GRID, home)[0]) == fields(home)
    assert not find_places("打了17-4分", GRID, home)


@pytest.mark.parametrize("text", ["车牌尾号1802的挡道了", "编号1802的井盖坏了", "快递单号1802没收到", "电费交了1802"])
def test_a_number_that_is_also_the_own_room_is_no_home(text: str) -> None:
    home = Place(estate="翡翠湾小区", building="3", unit="1", room="1802")
    assert all(place.room is None and place.building is None for place in find_places(text, GRID, home))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("3栋老张", {"building": "3"}),
        ("老曾3-2-501", {"building": "3", "unit": "2", "room": "501"}),
        ("5栋王孃", {"building": "5"}),
        ("12-1803爱吃鱼", {"building": "12", "room": "1803"}),
        ("小米(3号楼)", {"building": "3"}),
        ("402小徐", {"room": "402"}),
        ("三号阿根", {"building": "3"}),
        ("翡翠湾-李姐-2103", {"estate": "翡翠湾小区", "room": "2103"}),
        ("3-17-4毛毛", {"building": "3", "room": "17-4"}),
        ("R5-28楼小潘", {"building": "R5", "floor": "28"}),
    ],
)
def test_chat_names_tell_of_homes(name: str, expected: dict[str, str]) -> None:
    home = home_from_name(name, GRID)
    assert home is not None
    assert fields(home) == expected


@pytest.mark.parametrize("name", ["网格员小李", "Vivian", "1990年的风", "一号技师", "", "🐱"])
def test_names_without_a_home(name: str) -> None:
    assert home_from_name(name, GRID) is None


@given(st.lists(st.sampled_from([*"三3栋-2单元号楼室501，。 路B座#\u200b嘅樓", "翡翠湾", "我家"]), max_size=25).map("".join))
def test_spans_lie_inside_and_say_the_text(text: str) -> None:
    for place in find_places(text, GRID, Place(building="6")):
        assert place.text == "".join(text[span.start : span.end] for span in place.spans)
        assert all(0 <= span.start < span.end <= len(text) for span in place.spans)
        assert not place.is_empty()


def test_merging_fills_gaps_and_never_overwrites() -> None:
    merged = merge_places(Place(building="3"), Place(unit="2", estate="翡翠湾小区"))
    assert fields(merged) == {"estate": "翡翠湾小区", "building": "3", "unit": "2"}
    assert merge_places(Place(building="3"), Place(building="4", unit="2")) == Place(building="3")


def test_conflicts() -> None:
    assert conflicts(Place(building="3"), Place(building="4"))
    assert conflicts(Place(estate="甲苑"), Place(estate="乙苑"))
    assert conflicts(Place(road="红星路"), Place(road="中山路"))
    assert not conflicts(Place(road="红星路与中山路"), Place(road="中山路"))
    assert not conflicts(Place(building="3"), Place())
    assert not conflicts(Place(building="3", room="501"), Place(building="3", room="601"))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("三", "3"),
        ("二十三", "23"),
        ("五零一", "501"),
        ("幺二零三", "1203"),
        ("b1", "B1"),
        ("甲", "A"),
        ("007", "7"),
        ("零", None),
        ("一二", None),
        ("十二", "12"),
        ("栋", None),
        ("", None),
    ],
)
def test_house_numbers(written: str, number: str | None) -> None:
    assert house_number(written) == number


@pytest.mark.parametrize(
    ("text", "spot"),
    [
        ("刚从菜市场回来，堵在一楼上不去", None),
        ("接孩子从学校赶回来，3栋还是没电", None),
        ("从菜市场过来那条路没有灯", "菜市场"),
        ("菜市场门口井盖没了", "菜市场门口"),
    ],
)
def test_where_somebody_comes_home_from_is_not_where_it_is(text: str, spot: str | None) -> None:
    assert next((p.spot for p in find_places(text) if p.spot), None) == spot
