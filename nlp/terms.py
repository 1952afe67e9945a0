"""What search compares: jieba's search cuts and pairs of neighbouring characters, in one plain spelling."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.segment import cut, cut_for_search
from nlp.text import normalise

_LEXICON = Path(__file__).with_name("terms.yaml")
_RUN = re.compile(r"\w+")


@lru_cache(maxsize=1)
def lexicon() -> dict[str, Any]:
    """terms.yaml as it stands there."""
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
def _other_names() -> dict[str, tuple[str, ...]]:
    """What else is searched for a word: other names of the same thing, and how documents write what is said."""
    found: dict[str, list[str]] = {w: [other for other in group if other != w] for group in lexicon()["synonyms"] for w in group}
    for said, written in lexicon()["official"].items():
        found.setdefault(said, []).extend(written)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


@lru_cache(maxsize=1)
def _asking() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(w) for w in sorted(lexicon()["asking"], key=len, reverse=True)))


@lru_cache(maxsize=1)
def _asking_words() -> frozenset[str]:
    return frozenset(lexicon()["asking_words"])


def subject(question: str) -> str:
    """What a question is about: without the words that only ask; the whole question where nothing else would be left."""
    left = topic(question)
    return left if len(left) > 1 else fold(question)


def topic(question: str) -> str:
    """As `subject`, but empty where a question names nothing of its own (几天能拿到)."""
    left = _asking().sub(" ", fold(question))
    return "".join(word for word in cut(left) if word not in _asking_words()).strip()


def other_names(word: str) -> tuple[str, ...]:
    return _other_names().get(word, ())


def synonyms_in(question: str) -> list[str]:
    """Other names for what a question names in daily speech (社保卡 for 医保卡); a part of a longer name found is no name."""
    folded = fold(question)
    return list(dict.fromkeys(other for w in named(folded) for other in other_names(w) if other not in folded))


def named(folded: str) -> list[str]:
    """Words of a folded question that have other names."""
    found = [w for w in _other_names() if w in folded]
    return [w for w in found if not any(w != longer and w in longer for longer in found)]
