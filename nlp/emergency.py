"""Is somebody in danger now? Recall first: signs of each emergency, weighed against what says that nothing happens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlp.schema import STAFF_ROLES, Emergency, Role
from nlp.taxonomy import Taxonomy, load_taxonomy
from nlp.text import normalise

EMERGENCY_PATH = Path(__file__).with_name("lexicon") / "emergency.yaml"
_WEIGHTS = {"sure": 0.9, "likely": 0.5}
_CRY = 0.5
ALARM = 0.7
"""One sure sign alarms, or two likely ones, or a likely one with a cry for help; a doubt takes it below."""
_UNLIKELY = 0.3
"""What a word of the wrong field leaves of a sign: 火锅 beside 冒烟."""
_STAFF, _STAFF_CRYING = 0.6, 0.8
_MAX_TEXT = 2000
DEFAULT_CALL = "110"


@dataclass(frozen=True, slots=True)
class Cue:
    """How strongly a text speaks of one emergency: `strength` in [0, 1] after doubts, `signs` before them, `words` that said so."""

    matter: str
    strength: float
    signs: float
    words: tuple[str, ...]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Matter:
    id: str
    sure: re.Pattern[str]
    likely: tuple[re.Pattern[str], ...]
    unless: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class _Lexicon:
    matters: tuple[_Matter, ...]
    cries: re.Pattern[str]
    now: re.Pattern[str]
    doubts: tuple[tuple[str, float, re.Pattern[str]], ...]


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    raw: dict[str, Any] = yaml.safe_load(EMERGENCY_PATH.read_text(encoding="utf8"))
    words: dict[str, str] = raw["words"]

    def one(patterns: list[str]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{_expand(str(p), words)})" for p in patterns))

    matters = tuple(
        _Matter(
            matter,
            one(signs["sure"]),
            tuple(one([p]) for p in signs["likely"]),
            re.compile(signs["unless"]) if signs.get("unless") else None,
        )
        for matter, signs in raw["matters"].items()
    )
    doubts = tuple((name, float(doubt["factor"]), one(doubt["patterns"])) for name, doubt in raw["doubt"].items())
    return _Lexicon(matters, one(raw["cries"]), one(raw["now"]), doubts)


def _expand(pattern: str, words: dict[str, str]) -> str:
    """`…` and `‥` are gaps inside a sentence, `{name}` a word list; braces of counts (`{0,5}`) stay."""
    pattern = re.sub(r"\{([a-z_]+)\}", lambda m: words[m[1]], pattern)
    return pattern.replace("…", r"[^。!?;\n]{0,14}").replace("‥", r"[^。!?;\n]{0,5}")


def emergency_cues(text: str, *, role: Role = "resident") -> tuple[Cue, ...]:
    """Cues for every emergency the text could mean, strongest first; only the first 2,000 characters are read."""
    read = normalise(text[:_MAX_TEXT]).text
    return tuple(sorted(_cues(read, role), key=lambda cue: -cue.strength))


def _cues(text: str, role: Role) -> Iterator[Cue]:
    lexicon = _lexicon()
    cries: re.Match[str] | None = None
    doubts: list[tuple[str, float]] | None = None
    for matter in lexicon.matters:
        words = _signs(matter, text)
        if not words:
            continue
        if doubts is None:
            cries, doubts = lexicon.cries.search(text), _doubts(text, role)
        missing = 1.0
        for _, weight in words:
            missing *= 1 - weight
        if cries:
            missing *= 1 - _CRY
        strength = 1 - missing
        for _, factor in doubts:
            strength *= factor
        if matter.unless and matter.unless.search(text):
            strength *= _UNLIKELY
        yield Cue(matter.id, strength, 1 - missing, tuple(word for word, _ in words), tuple(name for name, _ in doubts))


def _signs(matter: _Matter, text: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    if sure := matter.sure.search(text):
        found.append((sure[0].strip(), _WEIGHTS["sure"]))
    for pattern in matter.likely:
        if likely := pattern.search(text):
            found.append((likely[0], _WEIGHTS["likely"]))
    return found


def _doubts(text: str, role: Role) -> list[tuple[str, float]]:
    lexicon = _lexicon()
    found = [(name, factor) for name, factor, pattern in lexicon.doubts if pattern.search(text)]
    if lexicon.now.search(text):
        found = [(name, factor) for name, factor in found if name not in ("steady", "joking")]
    if role in STAFF_ROLES:
        # staff report on alarms more often than they raise one; theirs comes with a cry
        found.append(("staff", _STAFF_CRYING if lexicon.cries.search(text) else _STAFF))
    return found


def is_heard(cues: tuple[Cue, ...]) -> bool:
    """Whether the lexicon by itself is sure of an alarm."""
    return bool(cues) and cues[0].strength >= ALARM


def find_emergency(
    text: str, *, role: Role = "resident", taxonomy: Taxonomy | None = None, cues: tuple[Cue, ...] | None = None
) -> Emergency | None:
    """The emergency a message tells of by its words alone, with the number to call from the catalogue, or None.

    A matter the catalogue does not mark as an emergency is passed over; where it names no number, 110 is given. `cues`: those
    of the text, where the caller has them already.
    """
    cues = emergency_cues(text, role=role) if cues is None else cues
    if not is_heard(cues):
        return None
    catalogue = taxonomy or load_taxonomy()
    for cue in cues:
        matter = catalogue.matter(cue.matter)
        if matter is not None and matter.emergency:
            return Emergency(matter.id, matter.call or DEFAULT_CALL, cue.words)
    return None
