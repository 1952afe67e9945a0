"""The ear's first act: one plain spelling for what residents type, with the way back to what they wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import yaml
from opencc import OpenCC

from nlp.schema import Span

SPELLING_PATH = Path(__file__).with_name("lexicon") / "spelling.yaml"
CLAUSES = re.compile(r"[,，。.!！?？;；~～\s]+")
"""What parts the clauses of a chat message, which hardly knows a full stop."""
_MAX_ROUNDS = 8
"""A replacement can bring two halves of another word together; each round repairs one such seam."""
_PLAIN = re.compile(r"[\x20-\x7e\n\t]*\Z")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_KEPT_CONTROLS = frozenset("\n\t")
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


@dataclass(frozen=True)
class Normalised:
    """`text`, and for each of its code points the range `[starts[i], ends[i])` of the original it came from.

    Both sequences are as long as `text` and never decrease.
    """

    text: str
    original: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @cached_property
    def offsets(self) -> tuple[Span, ...]:
        return tuple(Span(a, b) for a, b in zip(self.starts, self.ends, strict=True))

    def span(self, start: int, end: int) -> Span:
        """The original range behind the normalised range `[start, end)`."""
        if start >= end:
            at = self.starts[start] if start < len(self.starts) else len(self.original)
            return Span(at, at)
        return Span(self.starts[start], self.ends[end - 1])

    def written(self, start: int, end: int) -> str:
        span = self.span(start, end)
        return self.original[span.start : span.end]


class Spelling:
    """Longest-match replacement of words in one pass; linear in the text for a lexicon of short words."""

    def __init__(self, words: Mapping[str, str]) -> None:
        by_first: dict[str, list[tuple[str, str]]] = {}
        for wrong, right in sorted(words.items(), key=lambda pair: -len(pair[0])):
            by_first.setdefault(wrong[0], []).append((wrong, right))
        self._by_first = by_first
        self._firsts = re.compile(f"[{re.escape(''.join(by_first))}]" if by_first else "(?!)")

    def replace(self, text: str) -> list[tuple[int, int, str]]:
        """Non-overlapping `(start, end, replacement)` in order."""
        found: list[tuple[int, int, str]] = []
        done = 0
        for match in self._firsts.finditer(text):
            at = match.start()
            if at < done:
                continue
            for wrong, right in self._by_first[text[at]]:
                if text.startswith(wrong, at):
                    done = at + len(wrong)
                    found.append((at, done, right))
                    break
        return found


@lru_cache(maxsize=1)
def default_spelling() -> Spelling:
    """The shipped lexicon: sections of `wrong: right`; a right side never holds a wrong one (checked by a test)."""
    return Spelling(spelling_words())


@lru_cache(maxsize=1)
def spelling_words() -> dict[str, str]:
    sections: dict[str, dict[str, str]] = yaml.safe_load(SPELLING_PATH.read_text(encoding="utf8"))
    # folded, because the lexicon is read after simplification (嗰 has become another code point by then)
    return {fold(str(wrong)).text: str(right) for words in sections.values() for wrong, right in words.items()}


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    return OpenCC("t2s")


@lru_cache(maxsize=65536)
def _simplified(char: str) -> str:
    # character by character keeps the offsets exact; phrases that differ (乾隆) do not matter in a grid group
    return str(_converter().convert(char)) if char >= "\u2e80" else char


@lru_cache(maxsize=65536)
def _plain(cluster: str) -> str:
    """One base character with its marks → NFKC, simplified, without what cannot be seen."""
    folded = unicodedata.normalize("NFKC", _VARIATION_SELECTORS.sub("", cluster))
    return "".join(_simplified(c) for c in folded if _visible(c))


@lru_cache(maxsize=65536)
def _alone(char: str) -> str:
    """The one character that stands for `char`; "" where none or several do, or where it may merge with the one before."""
    plain = _plain(char)
    return plain if len(plain) == 1 and not _continues(char) else ""


def _visible(char: str) -> bool:
    return char in _KEPT_CONTROLS or unicodedata.category(char) not in _INVISIBLE_CATEGORIES


@lru_cache(maxsize=65536)
def _continues(char: str) -> bool:
    """Whether a character may merge with the one before it: marks, vowels and finals of Hangul, half-width voicing."""
    if char < "\u0300":
        return False
    folded = unicodedata.normalize("NFKC", char)
    first = folded[0] if folded else char
    return unicodedata.category(first).startswith("M") or "\u1160" <= first <= "\u11ff"


def _clusters(text: str) -> Iterable[tuple[int, int]]:
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not _continues(text[at]):
            yield start, at
            start = at


def _one_for_one(text: str, original: str) -> Normalised:
    return Normalised(text, original, tuple(range(len(text))), tuple(range(1, len(text) + 1)))


def fold(text: str) -> Normalised:
    """`normalise` without the lexicon: for numbers and names, where a respelt word would point at the wrong characters."""
    alone = [*map(_alone, text)]
    if all(alone):
        return _one_for_one("".join(alone), text)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text) if text else ():
        plain = _plain(text[start : min(end, start + 32)])
        pieces.append(plain)
        starts.extend([start] * len(plain))
        ends.extend([end] * len(plain))
    return Normalised("".join(pieces), text, tuple(starts), tuple(ends))


def _respell(before: Normalised, spelling: Spelling) -> Normalised:
    changes = spelling.replace(before.text)
    if not changes:
        return before
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    last = 0
    for start, end, right in [*changes, (len(before.text), len(before.text), "")]:
        pieces += [before.text[last:start], right]
        starts.extend(before.starts[last:start])
        ends.extend(before.ends[last:start])
        if end - start == len(right):
            starts.extend(before.starts[start:end])
            ends.extend(before.ends[start:end])
        elif right:
            starts.extend([before.starts[start]] * len(right))
            ends.extend([before.ends[end - 1]] * len(right))
        last = end
    return Normalised("".join(pieces), before.original, tuple(starts), tuple(ends))


@lru_cache(maxsize=8)
def normalise(text: str, spelling: Spelling | None = None) -> Normalised:
    """NFKC, simplified characters, no invisible characters, everyday misspellings and dialect words in their usual form.

    Emoji stay. Normalising a normalised text changes nothing. Linear in the length of `text`; the empty text is allowed.
    The last few are kept: of one message kind, matter, emergency and place are read, each for itself.
    """
    if _PLAIN.match(text):
        return _one_for_one(text, text)
    words = spelling or default_spelling()
    result = fold(text)
    for _ in range(_MAX_ROUNDS):
        respelt = _respell(result, words)
        if respelt is result:
            break
        result = respelt
    return result
