"""Named things in letters: estates, roads, villages, schools, companies by their endings; districts, years, numbered things."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from nlp.segment import cut
from nlp.topic_rules import TopicRules

# Anonymised letters write districts as A3区, B市; others by name, which `endings` catches.
_DISTRICT = re.compile(r"[A-Za-z]\d+(?=[市区县])|[B-Zb-z](?=市)")
_MASKED_AREA = re.compile(r"[A-Za-z]\d*[市区县]")
_YEAR = re.compile(r"(20\d{2})年")
_NUMBERED = re.compile(r"[Xx]?\d{1,4}路(?!口)|[一二三四五六七八九十\d]+号线|[一二三四五六七八九十\d]+期|\d+[栋号]")
_LONG_ENOUGH = 7


def districts_in(text: str) -> frozenset[str]:
    return frozenset(m.upper() for m in _DISTRICT.findall(text))


def without_districts(text: str) -> str:
    """The text with a gap where a masked area stood, so that its neighbours do not become one word."""
    return _MASKED_AREA.sub(" ", text)


def years_in(text: str) -> frozenset[str]:
    return frozenset(_YEAR.findall(text))


def numbered_in(text: str) -> frozenset[str]:
    """Bus routes, metro lines, building phases, house numbers: 205路, 4号线, 二期, 12栋."""
    return frozenset(_NUMBERED.findall(text))


@lru_cache(maxsize=4)
def _ending(rules: TopicRules) -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(map(re.escape, rules.endings)) + ")")


def names_in(text: str, rules: TopicRules) -> frozenset[str]:
    """Names without their endings (魅力之城小区 → 魅力之城, 劳动东路 → 劳动东): what two letters must not disagree about."""
    ending, found = _ending(rules), set()
    for part in re.split(r"[\W_]+", _MASKED_AREA.sub(" ", text.lower())):
        tokens = cut(part)
        for n, token in enumerate(tokens):
            first = ending.search(token)
            if first is None or first.end() != len(token):
                continue
            name = _grown(tokens, n, rules)
            stem = name[: -len(first[0])]
            if stem and len(name) >= 3:
                found.add(_stem(name, ending))
    return frozenset(name for name in found if name not in rules.kinds_of_place and not _is_kind(name, rules))


def _is_kind(name: str, rules: TopicRules) -> bool:
    """烧烤店, 派出所 …: a kind of place with its ending."""
    return any(name == f"{kind}{ending}" for kind in rules.kinds_of_place for ending in rules.endings if name.startswith(kind))


def _stem(name: str, ending: re.Pattern[str]) -> str:
    last = [m.start() for m in ending.finditer(name) if m.end() == len(name)]
    stem = name[: last[0]] if last else name
    return stem if len(stem) >= 2 else name


def _grown(tokens: list[str], n: int, rules: TopicRules) -> str:
    """The token with what stands before it, as far as that can be part of a name."""
    name, left = tokens[n], n - 1
    while left >= 0 and len(name) < _LONG_ENOUGH:
        token = tokens[left]
        if token in rules.no_name_words or any(c in rules.no_name_chars for c in token):
            break
        name, left = token + name, left - 1
    return name


def same_name(some: frozenset[str], others: frozenset[str]) -> bool:
    """One of these names holds one of those."""
    return any(a in b or b in a for a in some for b in others)


def kinship(some: frozenset[str], others: frozenset[str]) -> float:
    """How alike the nearest two names are, in [0, 1] by shared characters in any order (people swap and mistype them); -1 where
    one side names nothing."""
    return max((_alike(a, b) for a in some for b in others), default=-1.0)


def _alike(a: str, b: str) -> float:
    return sum((Counter(a) & Counter(b)).values()) / min(len(a), len(b))
