"""What speaks for a stretch of a passage as the answer to a question: its shape, and how the question's words stand around it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from nlp.terms import fold

_SETTINGS = Path(__file__).with_name("answering.yaml")
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Named = tuple[tuple[str, re.Pattern[str]], ...]

# how far from the asking word a question's words count as standing beside it, and the noun that is asked for
_BESIDE, _NOUN = 7, 4
_NEAR, _FAR = 12, 99
_TAIL = 4
_WEIGHTINGS = ("", "_before_asking", "_after_asking")
_BEFORE = {
    "stop": "。；;！？!?\n \u3000", "comma": "，,", "pause": "、", "colon": "：:", "bracket": "（(“《",
}  # fmt: skip
_AFTER = {**_BEFORE, "bracket": "（(）)”》"}


@dataclass(frozen=True, slots=True)
class Patterns:
    """answering.yaml, compiled."""

    asking: re.Pattern[str]
    closing: str
    empty: re.Pattern[str]
    mark: re.Pattern[str]
    leading: re.Pattern[str]
    counted: str
    asks: Named
    holds: Named
    opens: Named
    closes: Named
    things: Named


@lru_cache(maxsize=1)
def patterns() -> Patterns:
    raw: dict[str, Any] = yaml.safe_load(_SETTINGS.read_text(encoding="utf8"))
    several: dict[str, Any] = {
        part: tuple((k, re.compile(v)) for k, v in raw[part].items()) for part in ("asks", "holds", "opens", "closes", "things")
    }
    single: dict[str, Any] = {part: re.compile(raw[part]) for part in ("asking", "empty", "mark", "leading")}
    return Patterns(**several, **single, closing=raw["closing"], counted=raw["counted"])


@dataclass(frozen=True, slots=True)
class Stretches:
    """Candidate answers `text[starts[i]:ends[i]]`; `kinds`: 0 whole clauses, 1 without a number, 2 without a leading word, 3… a thing."""

    starts: Ints
    ends: Ints
    kinds: Ints


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a passage, its place among those found, and its share of the best score."""

    words: str
    rank: int
    share: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart once: its pairs of characters with three weightings (float32 [3, pairs]: by rarity; those before; those
    after the asking word), what stands on both sides of that word, the noun it asks for, and the signs that hold for every stretch."""

    row_of: dict[str, int]
    weights: Floats
    before: str
    after: str
    noun: str
    counted: re.Pattern[str] | None
    signs: dict[str, float]

    @classmethod
    def of(cls, question: str, rarity: dict[str, float]) -> Asked:
        folded, p = fold(question), patterns()
        found = list(p.asking.finditer(folded))
        if len(found) > 1 and found[-1][0] == p.closing:
            found.pop()
        start, end = found[-1].span() if found else (len(folded), len(folded))
        before, after = folded[:start], folded[end:]
        sides = (folded, before[-_BESIDE:], after[:_BESIDE])
        weights = np.array([[w if pair in side else 0.0 for pair, w in rarity.items()] for side in sides], np.float32)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
        noun = p.empty.sub("", after[:_BESIDE])[:_NOUN] or p.empty.sub("", before[-_BESIDE:])[-_NOUN:]
        signs = {f"asks_{name}": float(bool(pattern.search(folded))) for name, pattern in p.asks}
        signs |= {"question_length": len(folded), "asking_at": start / max(len(folded), 1), "asking_from_end": len(after)}
        counted = re.compile(p.counted + re.escape(after[0])) if after[:1].isalnum() else None
        return cls({pair: n for n, pair in enumerate(rarity)}, weights, before, after, noun, counted, signs)


class _Matches:
    """Where the question's pairs of characters stand in a text; shares of their weight in any window."""

    def __init__(self, asked: Asked, folded: str) -> None:
        self._weights, self._size = asked.weights, len(folded)
        occurs = np.zeros((len(asked.row_of), self._size + 1), np.int32)
        for at in range(self._size):
            for pair in (folded[at : at + 2], folded[at]):
                if (row := asked.row_of.get(pair)) is not None:
                    occurs[row, at + 1] = 1
        self._before = occurs.cumsum(1)
        self.at = np.flatnonzero(occurs[:, 1:].any(0)) if len(occurs) else np.zeros(0, np.int64)
        mass = asked.weights[0] @ occurs[:, 1:] if len(occurs) else np.zeros(self._size)
        self.mass = np.concatenate(([0.0], np.cumsum(mass)))

    def shares(self, start: Ints, end: Ints) -> Floats:
        """float32 [3, n]: the weight of the pairs that stand whole in each window, each counted once."""
        start = np.clip(start, 0, self._size)
        end = np.maximum(np.clip(end - 1, 0, self._size), start)
        return np.asarray(self._weights @ (self._before[:, end] > self._before[:, start]), np.float32)


def describe(asked: Asked, text: str, heading: Heading, some: Stretches, bounds: Ints) -> Floats:
    """Signs of every stretch of `text`, float32 [n, signs] in the order of `sign_names`; `bounds`: where its sentences begin, and its end.

    Signs named …_of_all are left 0: they compare passages.
    """
    folded = fold(text)
    folded = folded if len(folded) == len(text) else text
    n = len(some.starts)
    found: dict[str, Any] = {}
    found |= _meeting(asked, folded, heading.words, some, bounds)
    found |= _shape(text, some, bounds)
    found |= _words(text, some)
    found |= _beside(asked, folded, some)
    found |= {f"kind_{name}": some.kinds == number for number, name in enumerate(_kinds())}
    found |= {name: np.full(n, value) for name, value in asked.signs.items()}
    found |= {"rank": np.full(n, heading.rank), "share": np.full(n, heading.share)}
    found |= {f"{name}_of_all": np.zeros(n) for name in ("sentence", "sentence_before", "passage")}
    return np.stack([np.asarray(v, np.float32) for v in found.values()], 1) if n else np.zeros((0, len(found)), np.float32)


@lru_cache(maxsize=1)
def sign_names() -> tuple[str, ...]:
    """In the order of `describe`; read off a sentence without meaning."""
    asked, one = Asked.of("a", {"a": 1.0}), Stretches(*(np.array([v]) for v in (0, 1, 0)))
    parts: list[dict[str, Any]] = [
        _meeting(asked, "a", "", one, np.array([0, 1])), _shape("a", one, np.array([0, 1])), _words("a", one), _beside(asked, "a", one),
    ]  # fmt: skip
    names = [name for part in parts for name in part] + [f"kind_{name}" for name in _kinds()] + list(asked.signs)
    return (*names, "rank", "share", "sentence_of_all", "sentence_before_of_all", "passage_of_all")


def _kinds() -> tuple[str, ...]:
    return ("clauses", "unnumbered", "led", *(name for name, _ in patterns().things))


def _meeting(asked: Asked, folded: str, heading: str, some: Stretches, bounds: Ints) -> dict[str, Any]:
    """How much of the question stands inside a stretch, around it, and above the passage."""
    a, b = some.starts, some.ends
    matches = _Matches(asked, folded)
    first = np.searchsorted(bounds, a, "right") - 1
    opens, closes = bounds[first], bounds[np.searchsorted(bounds, b, "left")]
    before = bounds[np.maximum(first - 1, 0)]
    zero, size = np.zeros_like(a), np.full_like(a, len(folded))
    windows = {
        "inside": (a, b), "sentence_before": (opens, a), "sentence_after": (b, closes), "last_sentence": (before, opens),
        "near_before": (a - _NEAR, a), "near_after": (b, b + _NEAR), "all_before": (zero, a), "all_after": (b, size),
        "sentence": (opens, closes), "passage": (zero, size),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, window in windows.items():
        found |= {name + kind: row for kind, row in zip(_WEIGHTINGS, matches.shares(*window), strict=True)}
    above = fold(heading)
    held = np.array([pair in above for pair in asked.row_of], np.float32)
    found |= {f"heading{kind}": np.full(len(a), row) for kind, row in zip(_WEIGHTINGS, asked.weights @ held, strict=True)}
    each = matches.shares(bounds[:-1], bounds[1:])[0]
    best = max(float(each.max(initial=0.0)), 1e-6)
    found |= {"sentence_of_best": found["sentence"] / best, "last_of_best": each[np.maximum(first - 1, 0)] / best * (first > 0)}
    found["from_best_sentence"] = first - int(each.argmax())
    mass = matches.mass[b] - matches.mass[a]
    return found | {"mass": mass, "density": mass / (b - a), "since_match": _since(matches.at, a), "until_match": _until(matches.at, b)}


def _since(matches: NDArray[Any], starts: Ints) -> NDArray[Any]:
    """Characters since the last pair of the question that began before a stretch."""
    at = np.concatenate(([-_FAR - 2], matches))
    return np.clip(starts - 2 - at[np.searchsorted(at, starts - 1) - 1], -1, _FAR)


def _until(matches: NDArray[Any], ends: Ints) -> NDArray[Any]:
    at = np.concatenate((matches, [10**6]))
    return np.clip(at[np.searchsorted(at, ends)] - ends, 0, _FAR)


def _shape(text: str, some: Stretches, bounds: Ints) -> dict[str, Any]:
    """Length, place, the signs on both sides, and whether brackets close that open."""
    a, b, size = some.starts, some.ends, len(text)
    first, last = np.searchsorted(bounds, a, "right") - 1, np.searchsorted(bounds, b, "left")
    found: dict[str, Any] = {
        "length": b - a, "sentences": last - first, "into_sentence": a - bounds[first], "to_sentence_end": bounds[last] - b,
        "place": a / size, "passage_length": np.full(len(a), size), "passage_left": size - b,
    }  # fmt: skip
    before = _once(a, lambda at: text[at - 1] if at else "\n")
    after = _once(b, lambda at: text[at] if at < size else "\n")
    found |= {f"before_{name}": np.isin(before, list(chars)) for name, chars in _BEFORE.items()}
    found |= {f"after_{name}": np.isin(after, list(chars)) for name, chars in _AFTER.items()}
    for name, (opens, closes) in {"round": ("（(", "）)"), "curly": ("“", "”"), "title": ("《", "》")}.items():
        depth = np.concatenate(([0], np.cumsum([(c in opens) - (c in closes) for c in text])))
        found[f"open_{name}"] = depth[b] - depth[a]
    marks = _counted(patterns().mark, text)
    inside = marks[b] - marks[a]
    found |= {"marks": inside, "marks_share": inside / max(int(marks[-1]), 1)}
    found["mark_first"] = _once(a, lambda at: bool(patterns().mark.match(text, at)))
    found["mark_next"] = _once(b, lambda at: bool(patterns().mark.match(text[at : at + 12].lstrip(" 。；;，\n"))))
    return found


def _words(text: str, some: Stretches) -> dict[str, Any]:
    """What a stretch holds, and how it begins and ends."""
    a, b, p = some.starts, some.ends, patterns()
    found: dict[str, Any] = {}
    for name, pattern in p.holds:
        counts = _counted(pattern, text)
        found[f"holds_{name}"] = counts[b] - counts[a]
    found |= {f"opens_{name}": _once(a, partial(_matches_at, pattern, text)) for name, pattern in p.opens}
    return found | {f"closes_{name}": _once(b, partial(_ends_at, pattern, text)) for name, pattern in p.closes}


def _matches_at(pattern: re.Pattern[str], text: str, at: int) -> bool:
    return pattern.match(text, at) is not None


def _ends_at(pattern: re.Pattern[str], text: str, at: int) -> bool:
    return pattern.search(text[max(0, at - _TAIL) : at]) is not None


def _beside(asked: Asked, folded: str, some: Stretches) -> dict[str, Any]:
    """Whether the text goes on beside a stretch as the question goes on beside its asking word, and where the noun asked for stands."""
    a, b, noun = some.starts, some.ends, asked.noun
    counts = _counted(asked.counted, folded) if asked.counted else np.zeros(len(folded) + 1, np.int64)
    return {
        "same_before": _once(a, lambda at: _common(folded[max(0, at - _NEAR) : at][::-1], asked.before[::-1])),
        "same_after": _once(b, lambda at: _common(folded[at : at + _NEAR], asked.after)),
        "noun_before": _once(a, lambda at: sum(c in noun for c in folded[max(0, at - 8) : at])),
        "noun_at_end": _once(b, lambda at: sum(c in noun for c in folded[max(0, at - 4) : at])),
        "noun_after": _once(b, lambda at: sum(c in noun for c in folded[at : at + 8])),
        "counted": counts[b] - counts[a],
    }


def _common(one: str, other: str) -> int:
    """Length of the beginning that two texts share."""
    return next((n for n, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), min(len(one), len(other)))


def _counted(pattern: re.Pattern[str], text: str) -> Ints:
    """int [len + 1]: how many matches began before each position."""
    begins = np.zeros(len(text) + 1, np.int64)
    for m in pattern.finditer(text):
        if m.end() > m.start():
            begins[m.start() + 1] += 1
    return begins.cumsum()


def _once(places: Ints, judge: Callable[[int], Any]) -> NDArray[Any]:
    """`judge` of every place; many stretches share one, which is judged once."""
    distinct, back = np.unique(places, return_inverse=True)
    return np.array([judge(at) for at in distinct.tolist()])[back]
