"""The grammar of house numbers: "三号楼二单元501", "3-2-501", "B座", "5栋1单元", "3#", "27号三楼"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlp.gazetteer import place_words
from nlp.numerals import house_number


@dataclass(frozen=True, slots=True)
class Bit:
    """One field of a place at `[start, end)` of the normalised text. `strong`: written as such, not guessed."""

    field: str
    value: str
    start: int
    end: int
    strong: bool = True


_CN = "零〇一二两三四五六七八九十百廿幺"
_NUMBER = rf"(?:[0-9]{{1,3}}|[{_CN}]{{1,4}})"
_ROOM = r"(?:[0-9]{3,4}|[一二三四五六七八九十]{1,2}[零〇][一二三四五六七八九]|[一二三四五六七八九][一二][一二三四五六七八九零])"
_STEM = r"(?:(?<![\u4e00-\u9fff])|(?<=[们住在是到去从的家区院城村里苑]))[甲乙丙丁]"
"""A house built between 3 and 4 may be 甲3; in the north whole rows are: 丙5三门洞. Most words with such a sign are none (指甲2天)."""
_BUILDING_NUMBER = rf"(?:[A-Za-z][0-9]{{1,2}}|(?:{_STEM}\s?)?[0-9]{{1,3}}[A-Za-z]?|[A-Za-z]|{_STEM}?[{_CN}]{{1,4}})"
_BUILDING = re.compile(rf"(?<![0-9A-Za-z.])(?P<n>{_BUILDING_NUMBER})\s?(?P<w>号楼|号栋|号幢|栋楼?|幢楼?|#楼?|座)(?!桥|山|城|庙|位|机|谈)")
_STEM_HOUSE = re.compile(
    r"(?:(?<![\u4e00-\u9fff0-9])|(?<=们)|(?<=住)|(?<=在)|(?<=我家))(?P<n>[甲乙丙丁][1-9][0-9]?)"
    rf"(?=[,，、。.!！?？\s]|$|的|楼[下上道门]|电梯|停[水电]|没[水电]|漏水|{_NUMBER}(?:单元|门洞|门(?!口))|[ ]?{_ROOM}(?![0-9]))"
)
_FLOOR_AS_BUILDING = re.compile(rf"(?<![0-9A-Za-z.])(?P<n>[0-9]{{1,3}}|[{_CN}]{{1,3}})楼(?={_NUMBER}单元)")
_DOOR = re.compile(
    rf"(?<![0-9A-Za-z.])(?P<n>{_NUMBER})号(?P<after>楼|门面|门口|门前|底楼|顶楼|阁楼|扶梯|地下室|天井|门洞|门厅|车库|墙根|单元门|门禁(?![止停])|后面(?![再就才还要会几说来的])|对面|隔壁|有家(?![长庭具政电装居教])|有户(?![外籍口])|那家|那户|{_NUMBER}(?:楼|层|室|单元)|{_ROOM})"
)
_DOOR_BARE = re.compile(rf"(?<![0-9A-Za-z.月{_CN}])(?P<n>{_NUMBER})号(?!人|学生|工人|员工|[0-9A-Za-z线门口桌机院早晚上下中凌之前到后])")
_ALLEY = re.compile(rf"(?P<n>(?:[0-9]{{1,3}}|[{_CN}]{{1,3}})(?:巷|弄|胡同)(?:[0-9]{{1,4}}|[{_CN}]{{1,4}})号)(?P<r>[0-9]{{3,4}})?(?![0-9])")
_MISHEARD = re.compile(
    rf"(?<![0-9A-Za-z.])(?P<n>[0-9]{{1,2}}|[{_CN}]{{1,3}})[东动冻洞懂撞](?=前面|后面|楼下|楼上|楼道|门口|[0-9一二三四五六]单元)"
)
"""Voice typing writes 九栋 as 九东; believed only where a building must follow."""
_BEFORE_OWN_DOOR = ("我是", "我住", "家住", "住在", "我家", "家在", "住")
_DAYS_OF_MONTH = 31
_MOST_GATES = 9
"""6号门口 is at gate 6 of an estate; no estate has 46 gates, so 46号门口 is at house 46."""
_DOOR_OF_ESTATE = re.compile(rf"\s?(?P<n>{_NUMBER})号(?!线|院|门|口|桌|机)")
_LETTERED_OF_ESTATE = re.compile(r"\s?(?P<n>[A-Za-z][0-9]{1,2})(?![0-9A-Za-z\-])")
_LETTERED = re.compile(rf"(?<![0-9A-Za-z.])(?P<n>[A-Za-z][0-9]{{1,2}})\s?(?={_NUMBER}楼|楼下|楼上|楼道|楼顶|顶楼)")
_LETTERED_HOUSE = re.compile(r"[A-Za-z][0-9]{1,2}")
_LETTERED_ROOM = re.compile(r"(?<![0-9A-Za-z.·\-])(?P<b>[A-Fa-f])(?P<r>[1-9][0-9]{2,3})(?![0-9A-Za-z.\-])")
_UNIT = re.compile(rf"(?<![0-9A-Za-z.])(?P<n>{_NUMBER}|[A-Za-z甲乙丙丁])\s?(?:单元|号?门洞)")
_UNIT_AFTER_BUILDING = re.compile(r"\s?(?P<n>[1-9一二三四五六七八九])(?:门(?!口)|梯(?!子))")
_UNIT_DOOR = re.compile(
    r"(?:整个|我们|俺们|咱们|你们|他们)(?P<n>[1-9一二三四五六七八九])门(?=[,，。.!！?？ 的没不停也都全这那从又还]|$)"
    r"|(?<![0-9A-Za-z东南西北])(?P<d>[1-9一二三四五六七八九])门(?=[0-9]{3,4}(?![0-9]))"
)
"""In the north-east a unit is a door: 整个一门, 4门601."""
_FLOOR = re.compile(
    rf"(?<![0-9A-Za-z.:几])(?P<n>负?(?:[0-9]{{1,2}}|[{_CN}]{{1,3}})|-[1-9])\s?(?P<w>楼|层)(?!高|一停|皮|灰|白|油|薄|纱|冰|膜|水|窗|土|膘|道|梯)"
)
_DASHED = re.compile(
    rf"(?<![0-9A-Za-z.:/\-])(?P<b>(?:{_STEM})?[0-9]{{1,2}}|[A-Za-z][0-9]?)\s?[-—–_]\s?(?:(?P<u>[0-9]{{1,2}})\s?[-—–_]\s?)?(?P<r>[0-9]{{3,4}})(?P<after>室|房|户)?(?![0-9A-Za-z.:/\-])"
)
_HOUSE_DASH_UNIT = re.compile(
    rf"(?<![0-9A-Za-z.:/\-])(?P<b>(?:{_STEM})?[0-9]{{1,2}}|[A-Za-z])-(?P<u>[1-9])(?![0-9A-Za-z.:/\-])(?P<after>电梯|楼道|楼下|楼上|楼顶|门|顶楼|一楼|灯|单元|这边|的)?"
)
_LISTED = re.compile(
    rf"(?<![0-9A-Za-z.:/\-])(?P<n>(?:{_STEM})?[0-9]{{1,2}}|[A-Za-z])(?=[、,和跟及/][0-9A-Za-z甲乙丙丁]{{1,3}}(?:号楼|栋|幢|座))"
)
_DASHED_UNIT = re.compile(rf"(?<![0-9A-Za-z.:/\-])(?P<b>(?:{_STEM})?[0-9]{{1,2}}|[A-Za-z])-(?=[0-9]{{1,2}}单元)")
_FLAT_AFTER = re.compile(r"[\s,，的\-]?(?P<r>[0-9]{1,2}-[1-9][0-9]?)(?![0-9A-Za-z.:/\-])")
"""Chongqing numbers flats floor-flat: 3栋17-4."""
_ROOM_AFTER = re.compile(rf"[\s,，、的\-#]{{0,2}}(?:(?P<u>[0-9]{{1,2}})-)?(?P<r>{_ROOM})(?P<after>室|房|号房|号|户)?(?![0-9A-Za-z.:/\-])")
_ROOM_MARKED = re.compile(rf"(?<![0-9A-Za-z.\-])(?P<r>{_ROOM})\s?(?:室|房间|房(?!间|子|价|租|东|产)|号房|户(?!外|口))")
_ROOM_BARE = re.compile(r"(?<![0-9A-Za-z.:/\-+*])(?P<r>[1-9][0-9]{2,3})(?![0-9A-Za-z.:/\-])")
_BEFORE_ANSWER, _AFTER_ANSWER = "(?:我们|我家|我|就|是|在|住)*", "(?:的|吧|呢|啊|哦|哈|嘛)?[。.!！]?"
_ANSWER = re.compile(
    rf"{_BEFORE_ANSWER}(?P<b>[甲乙丙丁]?[0-9]{{1,2}}(?![0-9])|[A-Ha-h]|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])\s?"
    r"(?:号楼|号|栋|幢|座)?(?:[\s\-—–_,，/#]*(?P<u>[0-9](?![0-9])|[一二三四五六七八九十])\s?(?:单元|门洞?|梯)?)?"
    rf"(?:[\s\-—–_,，#]*(?P<r>{_ROOM})(?:室|号)?)?{_AFTER_ANSWER}"
)
"""What somebody says who was asked for house and unit: 7, 七号, 3-2, 3，2单元, 3-2-501."""
_ANSWER_IN_HOUSE = {
    part: re.compile(rf"{_BEFORE_ANSWER}(?P<n>{number})\s?(?:{word})?{_AFTER_ANSWER}")
    for part, number, word in (
        ("unit", "[1-9][0-9]?|[A-Ha-h甲乙丙丁]|[一二三四五六七八九十]", "单元|门洞?|梯"),
        ("floor", "[1-9][0-9]?|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]", "楼|层"),
        ("room", _ROOM, "室|号|户"),
    )
}
_BEFORE_OWN_ROOM = ("我家", "我", "住", "楼上", "楼下", "隔壁", "对门", "对面", "邻居")
_YEARS = frozenset(map(str, range(1990, 2040)))
_FALSE_BEFORE = (
    "这",
    "那",
    "哪",
    "每",
    "整",
    "同",
    "俩",
    "总共",
    "一共",
    "共有",
    "几",
    "有",
    "盖了",
    "建了",
    "多",
    "第",
    "前",
    "后",
    "最",
    "另",
    "某",
)


def house_bits(text: str, estates: Sequence[tuple[int, int]] = (), own: str | None = None) -> list[Bit]:
    """Building, unit, floor and room marks of a normalised text, without overlaps, in order.

    `estates`: where estates' names stand in `text`; a bare "14号" right after one is a building, and so are
    a bare number of the sender's `own` building, and its name if that has a letter (R2).
    """
    bits: list[Bit] = []
    taken = bytearray(len(text) + 1)
    for start, end in estates:
        taken[start:end] = b"\1" * (end - start)

    def keep(*found: Bit) -> bool:
        if any(any(taken[bit.start : bit.end]) for bit in found):
            return False
        for bit in found:
            taken[bit.start : bit.end] = b"\1" * (bit.end - bit.start)
            bits.append(bit)
        return True

    for found in _rules(text, {end for _, end in estates}, own):
        keep(*found)
    for building in [bit for bit in bits if bit.field in ("building", "unit", "floor")]:
        for bit in _what_follows(text, building):
            keep(bit)
    for bit in _bare_rooms(text, bool(bits)):
        keep(bit)
    return sorted(bits, key=lambda bit: bit.start)


def house_answered(text: str, asked: str = "building") -> dict[str, str] | None:
    """What a normalised text says that is nothing but the answer to "几栋几单元" (building, and unit and room where they are told), or to
    a question for the `asked` unit, floor or room; None where it says anything else."""
    if asked in _ANSWER_IN_HOUSE:
        within = _ANSWER_IN_HOUSE[asked].fullmatch(text.strip())
        told = house_number(within["n"]) if within else None
        return {asked: told} if told else None
    match = _ANSWER.fullmatch(text.strip())
    if not match or not (building := house_number(match["b"])):
        return None
    found = {"building": building}
    for field, group in (("unit", "u"), ("room", "r")):
        if match[group] and (number := house_number(match[group])):
            found[field] = number
    return found


def _bit(field: str, written: str, start: int, end: int) -> Bit | None:
    number = house_number(written)
    return Bit(field, number, start, end) if number else None


def _rules(text: str, estate_ends: set[int], own: str | None) -> Iterator[tuple[Bit, ...]]:
    for match in _ALLEY.finditer(text):
        yield (Bit("spot", match["n"], match.start("n"), match.end("n")), *_room_of_alley(match))
    for match in _DASHED.finditer(text):
        if _is_address(text, match):
            yield tuple(_dashed(match))
    for match in _HOUSE_DASH_UNIT.finditer(text):
        if match["after"] or text[: match.start()].endswith(_BEFORE_OWN_DOOR):
            yield tuple(_dashed(match))
    for match in _LISTED.finditer(text):
        yield from _one("building", match["n"], match.start(), match.end())
    for match in _DASHED_UNIT.finditer(text):
        yield from _one("building", match["b"], match.start(), match.end())
    for match in _STEM_HOUSE.finditer(text):
        yield from _one("building", match["n"], match.start(), match.end())
    for match in _BUILDING.finditer(text):
        if _is_building(text, match):
            yield from _one("building", match["n"], match.start(), match.end())
    for match in _MISHEARD.finditer(text):
        yield from _one("building", match["n"], match.start(), match.end())
    for match in _FLOOR_AS_BUILDING.finditer(text):
        yield from _one("building", match["n"], match.start(), match.end())
    for end in sorted(estate_ends):
        if door := _DOOR_OF_ESTATE.match(text, end) or _LETTERED_OF_ESTATE.match(text, end):
            yield from _one("building", door["n"], door.start("n"), door.end())
    for match in _LETTERED.finditer(text):
        yield from _one("building", match["n"], match.start(), match.end())
    if own and _LETTERED_HOUSE.fullmatch(own):
        for match in re.finditer(rf"(?<![0-9A-Za-z.\-]){own}(?![0-9A-Za-z.\-纸])", text, re.IGNORECASE):
            yield from _one("building", own, match.start(), match.end())
    for match in _LETTERED_ROOM.finditer(text):
        if _is_lettered_room(text, match):
            yield tuple(_dashed(match))
    for match in _DOOR.finditer(text):
        if text[: match.start()].endswith(("巷", "路", "街", "弄", "道", "月", "第", "院", "尾号")):
            continue
        if not match["after"].startswith("门口") or int(house_number(match["n"]) or 0) > _MOST_GATES:
            yield from _one("building", match["n"], match.start(), match.start("after"))
    for match in _DOOR_BARE.finditer(text):
        if _is_bare_door(text, match, own):
            yield from _one("building", match["n"], match.start(), match.end())
    for match in _UNIT.finditer(text):
        yield from _one("unit", match["n"], match.start(), match.end())
    for match in _UNIT_DOOR.finditer(text):
        group = "n" if match["n"] else "d"
        yield from _one("unit", match[group], match.start(group), match.end())
    for match in _FLOOR.finditer(text):
        if _is_floor(text, match):
            yield from _floor(match)
    for match in _ROOM_MARKED.finditer(text):
        yield from _one("room", match["r"], match.start(), match.end())


def _room_of_alley(match: re.Match[str]) -> Iterator[Bit]:
    if match["r"] and _room_like(match["r"]):
        yield Bit("room", match["r"], match.start("r"), match.end("r"))


def _is_bare_door(text: str, match: re.Match[str], own: str | None) -> bool:
    """ "41号" is a house once it cannot be a day; "23号" only of one's own building or after "我住"."""
    before, number = text[: match.start()].rstrip(), house_number(match["n"])
    if not number or before.endswith(("巷", "路", "街", "弄", "道", "第", "院", "尾", "编", "#", "月", "公交", "地铁")):
        return False
    return int(number) > _DAYS_OF_MONTH or number == own or before.endswith(_BEFORE_OWN_DOOR)


def _one(field: str, written: str, start: int, end: int) -> Iterator[tuple[Bit]]:
    if bit := _bit(field, written, start, end):
        yield (bit,)


def _is_floor(text: str, match: re.Match[str]) -> bool:
    """Not 共有三楼, nor the minutes of "十点二十楼上还在闹" and of "八点五十 楼上"."""
    before, apart = text[: match.start()], not match[0].endswith(match["n"] + match["w"])
    if match["w"] == "层":
        return True
    return not before.endswith(("第", "共", "有", "盖", "高", "几", "点")) and not (apart and text.startswith(("上", "下"), match.end()))


def _is_lettered_room(text: str, match: re.Match[str]) -> bool:
    """ "B912 押金没退", "我住B912"; not D301次, nor a word in the middle of a sentence."""
    before = text[: match.start()].rstrip()
    if not _room_like(match["r"]) or text[match.end() : match.end() + 2].lstrip().startswith(tuple(place_words()["counted"])):
        return False
    return not before or before[-1] in ",，。、;；" or before.endswith((*_BEFORE_OWN_DOOR, "楼上", "楼下", "隔壁", "对门"))


def _floor(match: re.Match[str]) -> Iterator[tuple[Bit]]:
    written = match["n"]
    below = written[0] in "负-"
    number = house_number(written.lstrip("负-"))
    if number and int(number) <= 99:
        yield (Bit("floor", f"-{number}" if below else number, match.start(), match.end()),)


def _dashed(match: re.Match[str]) -> Iterator[Bit]:
    marks = [("building", "b"), ("unit", "u"), ("room", "r")]
    written = match.groupdict()
    groups = [(field, group) for field, group in marks if written.get(group)]
    for (field, group), nxt in zip(groups, [*groups[1:], None], strict=True):
        end = match.start(nxt[1]) if nxt else match.end(group)
        if bit := _bit(field, match[group], match.start(group), end):
            yield bit


def _is_address(text: str, match: re.Match[str]) -> bool:
    """3-2-501 is an address; 2024-05-01, 10-100块, 12-1803年 are not."""
    if match["after"]:
        return True
    follows = text[match.end() : match.end() + 2]
    if follows.startswith(tuple(w for w in place_words()["counted"] if w not in ("家", "户", "来"))):
        return False
    return _room_like(match["r"]) and int(house_number(match["b"]) or 0 if match["b"].isdigit() else 1) > 0


def _room_like(number: str) -> bool:
    """Floor 1–60, flat 1–40: 501, 1803, 2203; not 100, 500, 2024 in a row of years."""
    if not number.isdigit():
        return True
    return 1 <= int(number[-2:]) <= 40 and 1 <= int(number[:-2]) <= 60


def _is_building(text: str, match: re.Match[str]) -> bool:
    before, written, word = text[: match.start()], match["n"], match["w"]
    chinese = written[0] in _CN
    if chinese and word in ("栋", "幢", "座", "栋楼", "幢楼") and before.endswith(_FALSE_BEFORE):
        return False
    if chinese and word in ("栋楼", "幢楼") and written in "一两":
        return False
    if written in ("两", "几") and word != "号楼":
        return False
    if word == "座" and (before.endswith("第") or (chinese and written == "一")):
        return False
    if word.startswith("#") and not written[-1].isdigit() and not written.isalpha():
        return False
    return not before.endswith(("每", "几", "十几", "好几"))


def _what_follows(text: str, bit: Bit) -> Iterator[Bit]:
    """After "3栋": "2门", "2-501", "1206"; after "3单元": "501"."""
    at = bit.end
    if bit.field == "building" and (match := _UNIT_AFTER_BUILDING.match(text, at)):
        if found := _bit("unit", match["n"], match.start("n"), match.end()):
            yield found
        at = match.end()
    if flat := _FLAT_AFTER.match(text, at):
        yield Bit("room", flat["r"], flat.start("r"), flat.end())
        return
    match = _ROOM_AFTER.match(text, at)
    if not match or text.startswith(tuple(place_words()["counted"]), match.end()):
        return
    if not match["after"] and not _room_like(match["r"]):
        return
    if match["u"] and (found := _bit("unit", match["u"], match.start("u"), match.end("u"))):
        yield found
    if found := _bit("room", match["r"], match.start("r"), match.end()):
        yield found


@lru_cache(maxsize=1)
def _never_rooms() -> frozenset[str]:
    return frozenset(place_words()["service_numbers"])


def _bare_rooms(text: str, house_named: bool) -> Iterator[Bit]:
    """ "我家802", "楼上2203", and a message that begins with its room: "102 快点"."""
    words = place_words()
    for match in _ROOM_BARE.finditer(text):
        number = match["r"]
        if number in _never_rooms() or not _room_like(number):
            continue
        before = text[: match.start()].rstrip(" ,，")
        if number in _YEARS and not before.endswith(_BEFORE_OWN_ROOM):
            continue
        follows = text[match.end() : match.end() + 2]
        if follows.startswith(tuple(w for w in words["counted"] if w not in ("家", "户", "的"))) and not follows.startswith("家"):
            continue
        opens = not before and (len(text) <= 12 or follows[:1] in " ,，、的家。")
        lists = before.endswith(("、", "和", "跟")) and house_named
        tells = follows.startswith(("的", "家", "门", "住户", "业主")) and (not before or text[match.start() - 1] in ",，。、;； ")
        if opens or lists or tells or before.endswith(tuple(words["before_room"])):
            yield Bit("room", number, match.start(), match.end(), strong=False)
