"""Where it is: estate, building, unit, floor, room, road and spot out of a message, pointing at the words that said so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.gazetteer import names_of, place_words
from nlp.housemarks import Bit, house_answered, house_bits
from nlp.schema import Gazetteer, Place, Span
from nlp.text import Normalised, normalise

_LEVEL = {"estate": 0, "road": 0, "building": 1, "unit": 2, "floor": 3, "room": 4, "spot": 5}
FIELDS = tuple(_LEVEL)
OF_A_HOUSE = ("building", "unit", "floor", "room")
_STOPS = re.compile(r"[。!?！？;；\n]")
_NEAR = 12
"""Code points between two parts of one place; further apart they are two places unless the second lacks a building."""
_MAX_PLACES = 20
_MAX_TEXT = 20_000
_MAX_ANSWER = 20
_ASKING = Path(__file__).parent / "lexicon" / "asking_place.yaml"


def find_places(text: str, gazetteer: Gazetteer | None = None, home: Place | None = None) -> tuple[Place, ...]:
    """Every place a message names, in order, at most 20; the empty tuple where it names none.

    `home` answers for "我们楼", "我家", and for the estate of its own building; what it fills stays empty when it is None.
    Spans and `text` are of the original; the first 20,000 code points are read. Dates, times, prices, phone numbers and scores
    are no places.
    """
    read = normalise(text[:_MAX_TEXT])
    bits = _bits(read.text, gazetteer or Gazetteer(), home)
    return tuple(_place(group, read, home) for group in _group(bits, read.text)[:_MAX_PLACES])


def place_answered(text: str, asked: str = "building") -> Place | None:
    """What a message says that answers "几栋几单元": numbers alone are a house there, "7" and "3-2", or a unit, a floor or a room where
    those were `asked` for; None where it says anything else."""
    read = normalise(text[:_MAX_ANSWER])
    found = house_answered(read.text, asked) if len(text) <= _MAX_ANSWER else None
    return Place(text=text.strip(), **dict[str, Any](found)) if found else None


def place_asked(text: str) -> str | None:
    """Which part of a place a question is for ("哪栋？": building, "几单元": unit), the widest of several; None where it asks for none,
    or asks everybody."""
    read, questions = normalise(text[:_MAX_TEXT]).text, _questions()
    if questions["everybody"].search(read):
        return None
    return next((part for part in OF_A_HOUSE if questions[part].search(read)), None)


def without_asked(place: Place, text: str) -> Place:
    """The place of words that ask for a part of it: "1单元还是2单元" tells no unit, "21栋，楼层？" a house and no floor."""
    asked = place_asked(text)
    if asked is None:
        return place
    untold: dict[str, Any] = {f: None for f in OF_A_HOUSE if _LEVEL[f] >= _LEVEL[asked]}
    left = replace(place, **untold)
    return left if not left.is_empty() else Place()


@lru_cache(maxsize=1)
def _questions() -> dict[str, re.Pattern[str]]:
    raw = yaml.safe_load(_ASKING.read_text(encoding="utf8"))
    return {part: re.compile(words, re.M) for part, words in raw.items()}


def _bits(text: str, gazetteer: Gazetteer, home: Place | None) -> list[Bit]:
    named = names_of(gazetteer).find(text)
    bits = [Bit(n.kind, n.name, n.start, n.end, strong=n.certain) for n in named if n.kind != "spot"]
    bits += house_bits(text, [(n.start, n.end) for n in named if n.kind == "estate"], home.building if home else None)
    for spot in (n for n in named if n.kind == "spot"):
        bits += _spot_of(text, spot.name, spot.start, spot.end, bits)
    bits += _free_of(bits, _common_spots(text))
    bits += _free_of(bits, _common_roads(text))
    if home is not None:
        bits += _free_of(bits, _own_room(text, home))
        if not any(bit.field == "building" for bit in bits):
            bits += _free_of(bits, _home_bits(text, home))
    if "不是" in text:
        bits = _affirmed(text, bits)
    bits = [bit for bit in bits if not _left_behind(text, bit)]
    return sorted(bits, key=lambda bit: (bit.start, _LEVEL[bit.field]))


_BACK = re.compile(r"(?:那边|那里|那头|门口)?(?:刚|才)?(?:赶|走|跑|骑)?(?:回|买|下班|接)")


def _left_behind(text: str, bit: Bit) -> bool:
    """Where somebody comes home from tells nothing of the trouble: 刚从菜市场回来."""
    return bit.field in ("spot", "road") and text.endswith("从", 0, bit.start) and _BACK.match(text, bit.end) is not None


def _spot_of(text: str, name: str, start: int, end: int, bits: list[Bit]) -> list[Bit]:
    """ "7栋充电棚" as a spot of the grid is building 7 and the spot 充电棚: the house marks inside it are cut off."""
    inside = [bit.end for bit in bits if start <= bit.start and bit.end <= end]
    if inside and max(inside) < end:
        start = max(inside)
        return [Bit("spot", text[start:end], start, end)]
    return [] if inside else [Bit("spot", name, start, end)]


_ASKS_OR_AGREES = ("是不是", "可不是", "还不是", "要不是", "就不是")


def _affirmed(text: str, bits: list[Bit]) -> list[Bit]:
    """ "不是3栋，是4栋" is 4栋; a 不是 without another answer ("这不是3栋那家么") denies nothing."""
    denied = [b for b in bits if text.endswith("不是", 0, b.start) and not text.endswith(_ASKS_OR_AGREES, 0, b.start)]
    return [bit for bit in bits if bit not in denied or not any(o.field == bit.field and o not in denied for o in bits)]


def _free_of(taken: Iterable[Bit], candidates: Iterable[Bit]) -> list[Bit]:
    spans = sorted((bit.start, bit.end) for bit in taken)
    return [c for c in candidates if all(c.end <= start or c.start >= end for start, end in spans)]


_ROW = (
    r"(?<![第一二三四五六七八九十0-9])"
    r"(?:(?:[1-9][0-9]|[二三四五六]?十[一二三四五六七八九]?)排(?![座椅车人树盆子桌])|[2-9二三四五六七八九]排(?=平房|这边|那边|这头|那头|也|[0-9]+号))"
)
"""Rows of low houses: 三十二排, 3排平房; not 三排盆子."""


@lru_cache(maxsize=1)
def _spot_pattern() -> re.Pattern[str]:
    words = place_words()
    heads = sorted({*words["gates"], *words["inside_spots"], *words["open_spots"]}, key=lambda w: -len(w))
    tails = sorted(words["spot_tails"], key=lambda w: -len(w))
    numbered = r"(?<![0-9一二三四五六七八九十A-Za-z])[0-9一二三四五六七八九十A-Za-z]号?(?:门(?!面|牌)|口|坡道)(?![0-9])"
    return re.compile(f"(?:{numbered}|{_ROW}|{'|'.join(map(re.escape, heads))})(?:{'|'.join(map(re.escape, tails))})?")


def _common_spots(text: str) -> list[Bit]:
    return [Bit("spot", m[0], m.start(), m.end(), strong=False) for m in _spot_pattern().finditer(text)]


_ROAD = re.compile(r"[\u4e00-\u9fff]{1,5}?(?:大道|大街|公路|胡同|路|街|巷)")
CROSSING = "与"


def _common_roads(text: str) -> list[Bit]:
    """Roads by their ending; the name begins after the last word that cannot stand in one. Two at a crossing are one road."""
    words = place_words()
    starts = set(words["road_starts_after"])
    found: list[Bit] = []
    for match in _ROAD.finditer(text):
        name, start = match[0], match.start()
        cuts = [i for i, char in enumerate(name[:-1]) if char in starts]
        if cuts:
            start += cuts[-1] + 1
            name = name[cuts[-1] + 1 :]
        if len(name) < 3 or name.endswith(tuple(words["not_roads"])):
            continue
        last = found[-1] if found else None
        if last and start - last.end == 1 and text[last.end] in "和与跟、交-" and text.startswith(("路口", "交", "口"), match.end()):
            found[-1] = Bit("road", f"{last.value}{CROSSING}{name}", last.start, match.end(), strong=False)
        else:
            found.append(Bit("road", name, start, match.end(), strong=False))
    return found


@lru_cache(maxsize=1)
def _home_pattern() -> re.Pattern[str]:
    words = place_words()
    groups = [
        f"(?P<{field}>{'|'.join(sorted(words[f'home_{field}'], key=lambda w: -len(w)))})"
        for field in ("building", "unit", "room", "estate")
    ]
    return re.compile("|".join(groups))


def _own_room(text: str, home: Place) -> list[Bit]:
    """The number of the sender's own flat, which needs no word before it where it is no plain number: "31-4又漏了". (1802 may be a
    plate, a parcel or a bill: as a room it needs words that say so.)"""
    if not home.room or "-" not in home.room or home.room not in text or not home.room[-1].isdigit():
        return []
    marks = re.finditer(rf"(?<![0-9A-Za-z.:/\-]){re.escape(home.room)}(?![0-9A-Za-z.:/\-])", text)
    counted = tuple(place_words()["counted"])
    return [Bit("room", home.room, m.start(), m.end(), strong=False) for m in marks if not text.startswith(counted, m.end())]


def _home_bits(text: str, home: Place) -> list[Bit]:
    bits: list[Bit] = []
    for match in _home_pattern().finditer(text):
        deepest = _LEVEL[str(match.lastgroup)]
        for field in ("estate", "building", "unit", "room"):
            value = getattr(home, field)
            if value and _LEVEL[field] <= deepest:
                bits.append(Bit(field, value, match.start(), match.end(), strong=False))
    return bits


@dataclass
class _Group:
    values: dict[str, str]
    bits: list[Bit]

    def deepest(self) -> int:
        return max((_LEVEL[field] for field in self.values), default=-1)


def _group(bits: list[Bit], text: str) -> list[_Group]:
    groups: list[_Group] = []
    for bit in bits:
        last = groups[-1] if groups else None
        if last is None:
            groups.append(_Group({bit.field: bit.value}, [bit]))
        elif last.values.get(bit.field) == bit.value:
            last.bits.append(bit)
        elif bit.field in last.values or _starts_anew(last, bit, text):
            if bit.field == "spot" and not bit.strong and _adjacent(last, bit, text):
                continue
            groups.append(_Group({**_inherited(last, bit), bit.field: bit.value}, [bit]))
        else:
            last.values[bit.field] = bit.value
            last.bits.append(bit)
    return groups


def _adjacent(group: _Group, bit: Bit, text: str) -> bool:
    return not _STOPS.search(text, group.bits[-1].end, bit.start) and bit.start - group.bits[-1].end <= _NEAR


def _starts_anew(group: _Group, bit: Bit, text: str) -> bool:
    if _adjacent(group, bit, text):
        return False
    if bit.field in ("spot", "road"):
        return "spot" in group.values or "road" in group.values or _is_open(bit)
    return _LEVEL[bit.field] <= 1 and group.deepest() > _LEVEL[bit.field]


def _is_open(bit: Bit) -> bool:
    words = place_words()
    return not any(inside in bit.value for inside in words["inside_spots"])


def _inherited(group: _Group, bit: Bit) -> dict[str, str]:
    """A second room is in the same building; a gate or a road only in the same estate."""
    if bit.field in ("estate", "road"):
        return {}
    limit = 1 if bit.field == "spot" and _is_open(bit) else _LEVEL[bit.field]
    return {field: value for field, value in group.values.items() if _LEVEL[field] < limit and field not in ("road", "floor")}


def _placed_by_home(values: dict[str, str], home: Place | None) -> dict[str, str]:
    """The sender's own flat or own building is the one in their estate, where the text does not say which."""
    if home is None or any(values.get(f) and getattr(home, f) not in (None, values[f]) for f in ("estate", "building")):
        return values
    if home.room and values.get("room") == home.room and values.get("unit") in (None, home.unit):
        known: tuple[str, ...] = ("estate", "building", "unit")
    else:
        known = ("estate",) if home.building and "building" in values else ()
    return {**{f: value for f in known if (value := getattr(home, f))}, **values}


def _place(group: _Group, read: Normalised, home: Place | None) -> Place:
    spans = sorted({(s.start, s.end) for s in (read.span(bit.start, bit.end) for bit in group.bits)})
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Span(start, end))
    written = "".join(read.original[span.start : span.end] for span in joined)
    return Place(**_placed_by_home(group.values, home), text=written, spans=tuple(joined))


def merge_places(first: Place, second: Place) -> Place:
    """`first` with what only `second` knows. Where they conflict `first` stays as it is; spans stay those of `first`."""
    if conflicts(first, second):
        return first
    gained = {field: getattr(second, field) for field in FIELDS if not getattr(first, field) and getattr(second, field)}
    if not gained:
        return first
    return replace(first, **gained, text=first.text or second.text, spans=first.spans or second.spans)


def conflicts(first: Place, second: Place) -> bool:
    """True when both cannot be one place: another estate, building, unit or road. Silence conflicts with nothing.

    Rooms and spots do not conflict: a leak is told from the flat above and from the flat below.
    """
    if any((a := getattr(first, f)) and (b := getattr(second, f)) and a != b for f in ("estate", "building", "unit")):
        return True
    if not first.road or not second.road:
        return False
    return not set(first.road.split(CROSSING)) & set(second.road.split(CROSSING))
