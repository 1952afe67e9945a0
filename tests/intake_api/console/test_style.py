"""The one style keeps its promises: contrast of WCAG AA for every pair of colours that meet."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = (files("intake_api") / "console" / "static" / "minhu.css").read_text(encoding="utf8")
COLOURS = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", CSS))

TEXT_ON = [
    *((ink, ground) for ink in ("ink", "ink-soft", "ink-faint") for ground in ("paper", "paper-tint", "ground")),
    *(("ink", ground) for ground in ("mine", "brand-soft", "alarm-soft", "waiting-soft")),
    ("ink-soft", "alarm-soft"), ("ink-soft", "brand-soft"), ("ink-faint", "mine"),
    ("on-brand", "brand"), ("on-brand", "brand-deep"), ("brand", "paper"), ("brand", "ground"), ("brand", "brand-soft"),
    ("brand-deep", "brand-soft"), ("brand-deep", "mine"),
    *((tone, ground) for tone in ("waiting", "running", "settled", "ended", "alarm") for ground in (f"{tone}-soft", "paper", "paper-tint")),
    ("hurry", "hurry-soft"), ("hurry", "paper"), ("paper", "alarm"), ("paper", "alarm-bar"),
]  # fmt: skip
EDGE_ON = [("line-strong", "paper"), ("line-strong", "paper-tint"), ("focus", "paper"), ("focus", "ground"), ("brand", "paper")]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(COLOURS[one]), luminance(COLOURS[other])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("ink", "ground"), TEXT_ON)
def test_text_can_be_read(ink: str, ground: str) -> None:
    assert contrast(ink, ground) >= 4.5


@pytest.mark.parametrize(("edge", "ground"), EDGE_ON)
def test_edges_of_fields_and_the_focus_can_be_seen(edge: str, ground: str) -> None:
    assert contrast(edge, ground) >= 3


def test_faces_carry_white_letters() -> None:
    chat = (files("bot") / "channels" / "web" / "static" / "chat.css").read_text(encoding="utf8")
    tones = re.findall(r"\.tone-\d+ \{ background: (#[0-9a-f]{6});", chat)
    assert len(tones) == 10
    for tone in tones:
        assert (1.05) / (luminance(tone) + 0.05) >= 4.5
