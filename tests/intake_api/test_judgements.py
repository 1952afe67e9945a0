"""A ticket's judgement and later words, whoever judged."""

import pytest

from intake_api.contracts import Judgement
from intake_api.judgements import with_later

OPEN = Judgement(category="dispute.wages", confidence=0.3, top=[("dispute.wages", 0.3), ("housing.retrofit", 0.2)], model_version="rules")
SURE = Judgement(category="environment.pets", confidence=0.97, top=[("environment.pets", 0.97)], accepted=True, model_version="m2")
WEAK = Judgement(category="environment.garbage", confidence=0.3, top=[("environment.garbage", 0.3)])


@pytest.mark.parametrize(
    "known",
    [
        Judgement(category="housing.elevator"),
        Judgement(category="housing.elevator", confidence=0.6, top=[("environment.garbage", 0.6)]),
        SURE,
    ],
)
def test_what_somebody_decided_is_not_moved(known: Judgement) -> None:
    assert with_later(known, WEAK) is known


def test_sure_words_decide_and_say_who_judged() -> None:
    found = with_later(OPEN, SURE)
    assert (found.category, found.accepted, found.model_version) == ("environment.pets", True, "m2")


def test_what_nobody_could_name_waits_for_sure_words() -> None:
    nameless = Judgement(accepted=True)
    assert with_later(nameless, WEAK) is nameless
    assert with_later(nameless, SURE).category == "environment.pets"


def test_delicate_words_do_not_name_a_groups_matter() -> None:
    assert with_later(OPEN, SURE.model_copy(update={"category": "dispute.family", "delicate": True})) is OPEN
