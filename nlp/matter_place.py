"""Where a matter is, once several messages have spoken of it: what each may add to the place, or correct."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal, cast

from nlp.match_rules import MatchRules
from nlp.place import FIELDS, OF_A_HOUSE, conflicts
from nlp.schema import Place

Voice = Literal["only", "reporter", "another", "staff"]
"""Whose words: of the only reporter there is; of one of several, or of a neighbour who helps to tell; of one more household that
reports it; of staff."""
_FILLER = re.compile(r"[\W_]|这边|那边|这里|那里|这儿|那儿|还有(?:个|件)?事|补充一下|[在的是就我们哈嘛呀哦啊呢]")
_MEANT_OTHERWISE = re.compile(r"不是[^，。,.]{1,8}[，, ]?是")


def says_only_place(text: str, place: Place) -> bool:
    """Whether a message is nothing but a place ("3栋1206", "就在东门那边"): what is there is told before or after."""
    return bool(place.text) and len(_FILLER.sub("", text)) == len(_FILLER.sub("", place.text))


def repairs(text: str, place: Place, rules: MatchRules) -> bool:
    """Whether words put a place right that was told before: 说错了是5栋, 应该是二单元, or the other place alone."""
    return says_only_place(text, place) or any(word in text for word in rules.corrects) or _MEANT_OTHERWISE.search(text) is not None


def completed(known: Place, told: Place, text: str, voice: Voice, category: str | None, rules: MatchRules) -> Place:
    """The matter's place after `text`, which names `told`.

    The only reporter puts right what they told before, and nobody else does. What contradicts the known place adds nothing, nor
    does the neighbour of "楼上602没人": each part is taken once. Staff on their way name many spots; of theirs only
    estate, building and unit count. Where a main feeds many houses (`mains` in match.yaml)
    another household's house is its own ("紫境府也停了": its estate, too), and the first one's room is no longer where it is.
    """
    if voice == "only" and repairs(text, told, rules):
        return _with(known, {f: value for f in FIELDS if (value := getattr(told, f))})
    shared = category in rules.mains
    if voice == "another" and shared:
        known = replace(known, floor=None, room=None)
    if conflicts(known, told):
        return known
    kept: tuple[str, ...] = ()
    if voice == "staff":
        kept = ("floor", "room", "road", "spot")
    elif shared and voice == "another":
        kept = FIELDS if any(word in text for word in rules.too) else OF_A_HOUSE
    return _with(known, {f: value for f in FIELDS if f not in kept and not getattr(known, f) and (value := getattr(told, f))})


def _with(known: Place, fields: dict[str, str]) -> Place:
    return replace(known, **cast("dict[str, Any]", fields)) if fields else known
