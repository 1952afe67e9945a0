"""Names of private persons in Chinese text: by what announces them, or because other personal data stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.segment import is_word, tag

_WORDS_PATH = Path(__file__).with_name("lexicon") / "privacy.yaml"
_REACH = 30
"""Code points between a name and the phone or certificate that makes it personal."""
_NEAR = 6
"""This close to a phone a run of two or three characters that begins with a surname is believed without asking the tagger."""
_MAX_TAGGED = 400
_ENDS_NAME = frozenset("的是在住被把和有今去没从电手身说,，。.!！?？、;；:：~ \n…()（）〔〕[]【】\"“”'‘’")
_WEAK_CUES = frozenset(
    {
        "叫",
        "孩子",
        "小孩",
        "老板",
        "本人",
        "名字",
        "大名",
        "转到",
        "实名",
        "我爸",
        "我妈",
        "我老公",
        "我老婆",
        "我儿子",
        "我女儿",
        "我对象",
        "我爷爷",
        "我奶奶",
    }
)


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(_WORDS_PATH.read_text(encoding="utf8"))
    return raw


@lru_cache(maxsize=1)
def _cue_pattern() -> re.Pattern[str]:
    cues = sorted(_words()["name_cues"], key=lambda cue: -len(cue))
    return re.compile(f"(?P<cue>{'|'.join(map(re.escape, cues))})[:：是 ]{{0,2}}")


def find_names(text: str, anchors: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of full names (surname and one or two characters) in `text`, in order, without overlap.

    `anchors`: where phones, certificates and the like stand. Staff (网格员李敏) and forms of address (张阿姨, 小李) are no names.
    """
    found: list[tuple[int, int]] = []
    taken = bytearray(len(text))
    new = list(_announced(text))
    around = anchors
    while new or around:
        fresh = []
        for start, end in (*new, *_beside(text, around)):
            if not any(taken[start:end]) and not _is_staff(text, start, end):
                taken[start:end] = b"\1" * (end - start)
                fresh.append((start, end))
        found += fresh
        new, around = [], fresh  # a name makes the name beside it personal too
    return sorted(found)


def _is_staff(text: str, start: int, end: int) -> bool:
    words = _words()
    given = text[start + max(1, _surname_at(text, start)) : end]
    return (
        text[max(0, start - 30) : start].rstrip(" :：").endswith(tuple(words["office_before"]))
        or text.startswith(tuple(words["title_after"]), end)
        or given in words["given_titles"]
    )


def _surname_at(text: str, at: int) -> int:
    """Length of the surname at `at`, 0 where none stands."""
    if text.startswith(tuple(_words()["compound_surnames"]), at):
        return 2
    return 1 if at < len(text) and text[at] in _words()["surnames"] else 0


def _is_ordinary(text: str, at: int) -> bool:
    return text.startswith(tuple(_words()["not_names"]), at)


def _announced(text: str) -> Iterator[tuple[int, int]]:
    for match in _cue_pattern().finditer(text):
        at = match.end()
        surname = _surname_at(text, at)
        if not surname or _is_ordinary(text, at):
            continue
        end = _end_of_name(text, at, surname, strict=match["cue"] in _WEAK_CUES)
        if end:
            yield at, end


def _end_of_name(text: str, at: int, surname: int, strict: bool) -> int:
    """Where the name ends: at a boundary after two characters or one, else where the tagger ends it; 0 for no name."""
    for given in (2, 1):
        end = at + surname + given
        if not _all_han(text[at:end]) or len(text) < end:
            continue
        bounded = end == len(text) or (text[end] in _ENDS_NAME and not (strict and _han(text[end])))
        if bounded and (not strict or _is_like_name(text[at:end], surname)):
            return end
    return 0 if strict else _tagged_end(text, at)


@lru_cache(maxsize=4096)
def _is_like_name(name: str, surname: int) -> bool:
    """Whether the tagger calls it a name, or its given part is no word of the language (莫着急 is 莫 and a word)."""
    words = tag(name)
    if len(words) == 1 and words[0][1].startswith("nr"):
        return True
    return len(name) - surname == 2 and not is_word(name[surname:]) and not is_word(name)


def _tagged_end(text: str, at: int) -> int:
    words = tag(text[at : at + 12])
    if words and words[0][1].startswith("nr") and 2 <= len(words[0][0]) <= 4:
        return at + len(words[0][0])
    return 0


def _beside(text: str, anchors: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Names set apart by spaces or punctuation, or tagged as names, within reach of an anchor."""
    if not anchors:
        return
    windows = [(max(0, start - _REACH), min(len(text), end + _REACH)) for start, end in anchors]
    for low, high in _joined(windows):
        near = [(start - _NEAR, end + _NEAR) for start, end in anchors]
        yield from _set_apart(text, low, high, near)
        at = low
        for word, part in tag(text[low : min(high, low + _MAX_TAGGED)]):
            if part.startswith("nr") and 2 <= len(word) <= 4 and _surname_at(word, 0) and not _is_ordinary(word, 0) and _all_han(word):
                yield at, at + len(word)
            at += len(word)


def _joined(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(windows):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


_RUN = re.compile(r"[\u4e00-\u9fff]+")


def _set_apart(text: str, low: int, high: int, near: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for match in _RUN.finditer(text, low, high):
        start, end = match.span()
        if (start == low and low and _han(text[low - 1])) or (end == high and high < len(text) and _han(text[high])):
            continue
        surname = _surname_at(text, start)
        if not surname or not surname + 1 <= end - start <= surname + 2 or _is_ordinary(text, start):
            continue
        if _is_like_name(text[start:end], surname) or any(a <= start and end <= b for a, b in near):
            yield start, end


def _han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _all_han(text: str) -> bool:
    return bool(text) and all(map(_han, text))
