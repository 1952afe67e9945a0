"""What a chat name tells of its owner's home: "3栋老张", "老曾3-2-501", "小米粥(3号楼)", "402小徐"."""

from __future__ import annotations

import re
from functools import lru_cache

from nlp.gazetteer import Names, names_of
from nlp.housemarks import house_bits
from nlp.numerals import house_number
from nlp.schema import Gazetteer, Place, Span
from nlp.text import normalise

_DOOR = re.compile(r"(?<![0-9A-Za-z.月\-])(?P<n>[0-9]{1,3}|[零〇一二三四五六七八九十百廿]{1,4})号(?!线|机|选手|技师|店)")
_LETTERED_HOUSE = re.compile(r"(?<![0-9A-Za-z\-])(?P<b>[A-Za-z][0-9]{1,2})-(?=[0-9]{1,2}[楼层])")
_DASHED_HOUSE = re.compile(r"(?<![0-9A-Za-z\-])(?P<b>[0-9]{1,2})-(?P<u>[0-9]{1,2})(?:-(?P<r>[0-9]{1,4}))?(?![0-9\-])")
_ROOM = re.compile(r"(?<![0-9A-Za-z])(?<![0-9]-)(?P<r>[1-9][0-9]{2,3})(?![0-9A-Za-z\-])")
_YEARS = range(1900, 2100)
_MAX_NAME = 64


def home_from_name(name: str, gazetteer: Gazetteer | None = None) -> Place | None:
    """The place in a chat name, or None. Names are read more trustingly than messages: a bare 402 is a room, 5号 a building."""
    return _home(name[:_MAX_NAME], names_of(gazetteer or Gazetteer()))


@lru_cache(maxsize=4096)  # whoever speaks once in a group speaks again
def _home(name: str, known: Names) -> Place | None:
    read = normalise(name)
    text, names = read.text, known.find(read.text)
    estates = [named for named in names if named.kind == "estate"]
    fields: dict[str, str] = {"estate": estates[0].name} if estates else {}
    spans = [(named.start, named.end) for named in estates[:1]]
    for bit in house_bits(text, [(named.start, named.end) for named in estates]):
        if bit.field not in fields:
            fields[bit.field] = bit.value
            spans.append((bit.start, bit.end))
    if "building" not in fields and (match := _DOOR.search(text) or _LETTERED_HOUSE.search(text) or _DASHED_HOUSE.search(text)):
        marks = match.groupdict()
        if marks.get("r"):
            fields["room"] = f"{marks['u']}-{marks['r']}"
        for field, group in (("building", "n"), ("building", "b"), *(() if marks.get("r") else (("unit", "u"),))):
            number = house_number(marks[group]) if marks.get(group) else None
            if number:
                fields.setdefault(field, number)
        spans.append(match.span())
    if "room" not in fields and (match := _ROOM.search(text)) and int(match["r"]) not in _YEARS and match["r"][-2:] != "00":
        fields["room"] = match["r"]
        spans.append(match.span())
    if not fields:
        return None
    where = tuple(sorted({read.span(start, end) for start, end in spans}, key=lambda span: (span.start, span.end)))
    return Place(**fields, text="".join(_written(read.original, where)), spans=where)


def _written(original: str, spans: tuple[Span, ...]) -> list[str]:
    return [original[span.start : span.end] for span in spans]
