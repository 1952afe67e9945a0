"""What search compares: jieba's search cuts and pairs of neighbouring characters, in one plain spelling."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.segment import cut_for_search
from nlp.text import normalise

_LEXICON = Path(__file__).with_name("terms.yaml")
_RUN = re.compile(r"\w+")


@lru_cache(maxsize=1)
def _lexicon() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_LEXICON.read_text(encoding="utf8"))
    return found


class _Fold(dict[int, str]):
    """Code point → its plain spelling, learned as it is met: the table of all characters is never needed."""

    def __missing__(self, code: int) -> str:
        self[code] = normalise(chr(code)).text.lower()
        return self[code]


_fold = _Fold()


def fold(text: str) -> str:
    """One spelling for comparing: full-width, case and the traditional characters that get mixed into official texts."""
    return text.translate(_fold)


def pairs(text: str) -> list[str]:
    """Neighbouring characters within runs of letters and digits of a folded text; a lone character stands for itself."""
    return [run[i : i + 2] for run in _RUN.findall(text) for i in range(max(1, len(run) - 1))]


def terms(text: str) -> list[str]:
    """The words a text is found by, repeated as often as they stand there. Long words come with the shorter ones inside them."""
    folded = fold(text)
    return cut_for_search(folded) + pairs(folded)


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, tuple[str, ...]]:
    return {w: tuple(other for other in group if other != w) for group in _lexicon()["synonyms"] for w in group}


@lru_cache(maxsize=1)
def _asking() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(w) for w in sorted(_lexicon()["asking"], key=len, reverse=True)))


def subject(question: str) -> str:
    """What a question is about: without the words that only ask; the whole question where nothing else would be left."""
    left = _asking().sub(" ", fold(question)).strip()
    return left if len(left) > 1 else fold(question)


def variants(question: str) -> list[str]:
    """The question, and once more for each other name of what it names."""
    folded = fold(question)
    found = [folded]
    for word in _named(folded):
        found += [folded.replace(word, other) for other in _synonyms()[word]]
    return found


def synonyms_in(question: str) -> list[str]:
    """Other names for what a question names in daily speech (社保卡 for 医保卡); a part of a longer name found is no name."""
    folded = fold(question)
    return list(dict.fromkeys(other for w in _named(folded) for other in _synonyms()[w] if other not in folded))


def _named(folded: str) -> list[str]:
    named = [w for w in _synonyms() if w in folded]
    return [w for w in named if not any(w != longer and w in longer for longer in named)]
