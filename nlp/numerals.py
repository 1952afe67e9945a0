"""Numbers of houses as people write them, in one form: Arabic digits and upper-case letters."""

from __future__ import annotations

import re
from functools import lru_cache

import cn2an

CHINESE = "零〇一二两三四五六七八九十百廿幺壹贰叁肆伍陆柒捌玖拾"
_PLAIN = str.maketrans("两幺廿", "二一二")
_NEIGHBOURS = "一二三四五六七八九"
_STEMS = str.maketrans("甲乙丙丁", "ABCD")


@lru_cache(maxsize=8192)
def house_number(written: str) -> str | None:
    """ "三" → "3", "二十三" → "23", "五零一" → "501", "b1" → "B1", "007" → "7", "甲" → "A", but "甲3", which is neither
    3 nor A3, as it stands; None when it is no number, or two of them (一二楼)."""
    bare = written.strip().upper()
    if len(bare) > 1 and ord(bare[0]) in _STEMS:
        number = house_number(bare[1:])
        return bare[0] + number if number and number.isdigit() else None
    bare = bare.translate(_STEMS)
    if re.fullmatch(r"[A-Z]?-?[0-9]{1,5}[A-Z]?|[A-Z]", bare, re.ASCII):
        letters = re.fullmatch(r"([A-Z]?-?)0*([0-9]*[A-Z]?)", bare)
        return (letters[1] + letters[2]) or None if letters and bare.strip("0") else None
    if not bare or any(c not in CHINESE for c in bare) or (len(bare) == 2 and bare in _NEIGHBOURS):
        return None
    if len(bare) > 1 and bare[0] == "廿":
        bare = "二十" + bare[1:]
    try:
        value = int(cn2an.cn2an(bare.translate(_PLAIN), "smart"))
    except (ValueError, TypeError):
        return None
    return str(value) if value > 0 else None
