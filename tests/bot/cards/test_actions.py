"""What stands in a button fits Telegram's 64 bytes and reads back as what was meant."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards.actions import LIMIT, Action, long, read, short, write
from nlp.taxonomy import load_taxonomy


@given(st.uuids(), st.sampled_from(["ok", "no", "cat", "mg"]), st.sampled_from(["", "chat", "environment.noise_construction"]))
def test_a_button_reads_back(ticket: uuid.UUID, verb: str, argument: str) -> None:
    assert read(write(verb, str(ticket), argument)) == Action(verb, str(ticket), argument)


def test_every_matter_of_the_catalogue_fits_beside_a_ticket() -> None:
    ticket = str(uuid.uuid4())
    for matter in load_taxonomy().ids():
        assert len(write("cat", ticket, matter).encode()) <= LIMIT


def test_two_tickets_fit_in_a_merge_button() -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    action = read(write("mg", one, short(two)))
    assert action is not None
    assert (action.ticket, long(action.argument)) == (one, two)


def test_a_matter_id_that_does_not_fit_is_refused_when_the_button_is_made() -> None:
    with pytest.raises(ValueError, match="longer than 64"):
        write("cat", str(uuid.uuid4()), "a" * 60)


@pytest.mark.parametrize("forged", ["", ":", "ok", "ok:", "<script>:x", "1:2:3"])
def test_what_is_no_button_of_ours_is_nothing(forged: str) -> None:
    assert read(forged) is None
