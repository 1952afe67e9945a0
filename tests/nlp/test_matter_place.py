import pytest

from nlp.match_rules import load_rules
from nlp.matter_place import Voice, completed, says_only_place
from nlp.place import find_places
from nlp.schema import Place

LIFT, WATER = "housing.elevator", "facility.water"


def told(text: str) -> Place:
    return next(iter(find_places(text)), Place())


def after(known: Place, text: str, voice: Voice, category: str = LIFT) -> tuple[str | None, ...]:
    done = completed(known, told(text), text, voice, category, load_rules())
    return done.building, done.unit, done.room


@pytest.mark.parametrize("text", ["3栋1206", "就在7号楼2单元", "还有个事 2栋1楼", "12栋的"])
def test_a_place_alone(text: str) -> None:
    assert says_only_place(text, told(text))


@pytest.mark.parametrize("text", ["3栋1206漏水", "3栋臭", "7号楼灯不亮", "楼上602敲门没人", "早上好"])
def test_more_than_a_place(text: str) -> None:
    assert not says_only_place(text, told(text))


@pytest.mark.parametrize("text", ["说错了，是5栋", "5栋", "应该是5栋那个"])
def test_the_only_reporter_puts_right_what_they_told(text: str) -> None:
    assert after(Place(building="3"), text, "only")[0] == "5"


@pytest.mark.parametrize("voice", ["reporter", "another", "staff"])
def test_nobody_else_moves_a_matter(voice: Voice) -> None:
    assert after(Place(building="3"), "说错了，是5栋", voice)[0] == "3"


def test_a_neighbour_who_is_spoken_of_does_not_move_the_matter() -> None:
    assert after(Place(building="8", room="502"), "楼上602敲门没人，肯定是他家漏的", "only") == ("8", None, "502")


def test_another_voice_fills_what_was_silent() -> None:
    assert after(Place(building="3"), "对，3栋2单元的", "another") == ("3", "2", None)


def test_what_comes_through_a_main_is_not_at_the_house_of_one() -> None:
    first = Place(building="9", room="1502")
    assert after(first, "我家也是，水龙头一滴没有", "another", WATER) == ("9", None, None)
    assert after(Place(), "7号楼也没水", "another", WATER) == (None, None, None)


def test_an_estate_said_later_tells_where_all_of_it_is() -> None:
    estate = Place(estate="黄河明珠", text="黄河明珠")
    rules = load_rules()
    assert completed(Place(), estate, "黄河明珠整个小区都没水", "another", WATER, rules).estate == "黄河明珠"
    assert completed(Place(), estate, "黄河明珠也没水", "another", WATER, rules).estate is None, "the first one was elsewhere"


def test_staff_name_many_spots_on_their_way() -> None:
    done = completed(Place(), Place(building="3", spot="东门", room="302"), "我从东门过来，3栋302", "staff", LIFT, load_rules())
    assert (done.building, done.spot, done.room) == ("3", None, None)


def test_a_neighbour_who_helps_to_tell_erases_nothing() -> None:
    first = Place(building="9", room="1502")
    assert after(first, "对 就是9栋1502爆的管", "reporter", WATER) == ("9", None, "1502")


def test_what_is_denied_is_no_correction() -> None:
    assert after(Place(building="3", room="302"), "不是说今天来修吗，我在7栋门口等", "only") == ("3", None, "302")
