"""What several messages say together of a matter's category."""

from nlp.match_rules import load_rules
from nlp.matter_category import gathered
from nlp.schema import RankedCategory

RULES = load_rules()
OPEN = RankedCategory((("dispute.wages", 0.3), ("housing.retrofit", 0.2)))
NAMED = RankedCategory((("housing.retrofit", 0.6), ("housing.elevator", 0.2)))
SURE = RankedCategory((("environment.pets", 0.97),), accepted=True)


def test_later_words_settle_what_the_first_left_open() -> None:
    found = gathered(OPEN, NAMED, RULES)
    assert found.best == "housing.retrofit"
    assert not found.accepted
    assert abs(sum(p for _, p in found.top) - 1) < 1e-9


def test_what_is_sure_is_moved_no_more() -> None:
    assert gathered(SURE, NAMED, RULES) == SURE


def test_what_is_surely_told_later_is_sure() -> None:
    assert gathered(OPEN, SURE, RULES) == SURE


def test_words_that_tell_nothing_change_nothing() -> None:
    assert gathered(OPEN, RankedCategory(), RULES) == OPEN
    assert gathered(RankedCategory(), NAMED, RULES) == NAMED


def test_doubtful_words_do_not_outweigh_a_clear_ranking() -> None:
    clear = RankedCategory((("housing.elevator", 0.8), ("safety.trapped", 0.1)))
    assert gathered(clear, RankedCategory((("dispute.wages", 0.3), ("housing.elevator", 0.2))), RULES).best == "housing.elevator"
