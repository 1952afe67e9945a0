"""Whether a sentence somebody phrased says nothing but what a passage says: its figures, its names, its yes and no, its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from nlp.segment import tag
from nlp.split import sentences
from nlp.terms import fold, pairs

_SETTINGS = Path(__file__).with_name("lexicon") / "grounded.yaml"
# names of persons, places and bodies in jieba's tags
_NAMES = ("nr", "ns", "nt", "nz")
_DIGITS = re.compile(r"\d+(?:[.,:/\-]\d+)*%?")
_LATIN = re.compile(r"[a-z][a-z0-9@./:_\-]*")


@dataclass(frozen=True, slots=True)
class Rules:
    """`least_shared`: of a sentence's neighbouring characters, the share that must stand in the passage."""

    figures: re.Pattern[str]
    quoted: re.Pattern[str]
    negations: re.Pattern[str]
    least_shared: float


@lru_cache(maxsize=1)
def _rules() -> Rules:
    raw = yaml.safe_load(_SETTINGS.read_text(encoding="utf8"))
    return Rules(re.compile(raw["figures"]), re.compile(raw["quoted"]), re.compile(raw["negations"]), float(raw["least_shared"]))


def is_grounded(sentence: str, passage: str) -> bool:
    """True only where every figure, date, amount, phone, document number, name and Latin word of `sentence` stands in `passage`, its
    words are the passage's, and the passage's nearest sentence says yes or no as it does. Both in plain spelling; never raises.
    """
    said, source, rules = fold(sentence).strip(), fold(passage), _rules()
    if not any(c.isalnum() for c in said):
        return False
    if set(_DIGITS.findall(said)) - set(_DIGITS.findall(source)):
        return False
    if any(found[0] not in source for pattern in (rules.figures, rules.quoted, _LATIN) for found in pattern.finditer(said)):
        return False
    if _shared(said, source) < rules.least_shared:
        return False
    if any(word not in source for word, kind in tag(said) if kind.startswith(_NAMES)):
        return False
    nearest = max(sentences(source) or [source], key=lambda one: _shared(said, one))
    return sorted(rules.negations.findall(said)) == sorted(rules.negations.findall(nearest)) or said in source


def _shared(said: str, source: str) -> float:
    """The share of `said`'s neighbouring characters that stand in `source`."""
    asked = pairs(said)
    return sum(pair in source for pair in asked) / max(len(asked), 1)
