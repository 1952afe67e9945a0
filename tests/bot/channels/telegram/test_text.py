"""Texts longer than Telegram takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.channels.telegram.text import LONGEST, split_text, units


@given(st.text(max_size=120), st.integers(min_value=8, max_value=40))
def test_pieces_fit_and_nothing_but_white_space_at_the_cuts_is_lost(text: str, longest: int) -> None:
    pieces = split_text(text, longest)
    assert all(0 < units(piece) <= longest for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_cut_falls_after_a_sentence() -> None:
    assert split_text("第一句话说完了。第二句话还没有说完", 12) == ["第一句话说完了。", "第二句话还没有说完"]


def test_emoji_count_as_telegram_counts_them_and_stay_whole() -> None:
    family = "👨‍👩‍👧"
    text = family * 3
    assert units(family) == 8
    assert split_text(text, 20) == [family * 2, family]


def test_a_text_that_fits_is_left_alone() -> None:
    text = "字" * LONGEST
    assert split_text(text) == [text]
    assert split_text(text + "字") == [text, "字"]
    assert split_text(" \n ") == []
