"""What the trees of the kind model look at beside the words: signs in the text, who said what before, how alike it is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import yaml

from nlp.classify import by_words
from nlp.housemarks import house_bits
from nlp.place import OF_A_HOUSE
from nlp.schema import STAFF_ROLES, Earlier, Kind, RankedCategory, Utterance
from nlp.settled import says_settled
from nlp.taxonomy import load_taxonomy

LEXICON_PATH = Path(__file__).with_name("lexicon") / "kind.yaml"
_NEVER = 16.0
"""Stands for the logarithm of the seconds since something that never happened."""
_MEDIA = (None, "photo", "video", "voice", "file", "location", "sticker")
_TOLD: tuple[Kind, ...] = ("report", "supplement", "follow_up")
_KINDS: tuple[Kind, ...] = ("report", "supplement", "follow_up", "question", "reply", "notice", "chat")
_READ = 600
_SIGN = re.compile(r"\W+")


def kind_signs(utterance: Utterance, text: str, ranked: RankedCategory | None = None) -> dict[str, float]:
    """Name → number, the same names in the same order for every message. `text`: the normalised words.

    `ranked`: what the category model says of the words alone; without it those signs are NaN, which trees pass by.
    """
    read = text[:_READ]
    return dict((*_in_words(utterance, read), *_of_category(utterance, read, ranked), *_of_talk(utterance), *_of_likeness(utterance, read)))


def _in_words(utterance: Utterance, text: str) -> Iterator[tuple[str, float]]:
    yield "staff", float(utterance.role in STAFF_ROLES)
    yield "micro_worker", float(utterance.role == "micro_worker")
    yield "property", float(utterance.role == "property")
    yield "media", float(_MEDIA.index(utterance.media) if utterance.media in _MEDIA else len(_MEDIA))
    yield "length", float(len(text))
    yield "lines", float(text.count("\n"))
    yield "digits", float(sum(c.isdigit() for c in text))
    yield "clauses", float(len([c for c in _SIGN.split(text) if c]))
    yield "exclaims", float(text.count("!"))
    yield "mentions", float(text.count("@"))
    for name, pattern in _counted().items():
        yield f"has:{name}", float(len({found[0] for found in pattern.finditer(text)}))
    for name, pattern in _shown().items():
        yield f"has:{name}", float(pattern.search(text) is not None)
    marks = _marks(text)
    for field in OF_A_HOUSE:
        yield f"names:{field}", float(field in marks)
    yield "says:best", next(iter(by_words(text, load_taxonomy()).values()), 0.0)


def _of_category(utterance: Utterance, text: str, ranked: RankedCategory | None) -> Iterator[tuple[str, float]]:
    top = dict(ranked.top) if ranked else {}
    unknown = ranked is None
    shares = [*sorted(top.values(), reverse=True), 0.0, 0.0]
    yield "category:best", math.nan if unknown else shares[0]
    yield "category:margin", math.nan if unknown else shares[0] - shares[1]
    yield "category:service", math.nan if unknown else sum(p for m, p in top.items() if m.startswith("service."))
    yield "category:civic", math.nan if unknown else sum(p for m, p in top.items() if m.startswith("civic."))
    told = [e for e in utterance.previous if e.kind == "report" and e.category]
    own = next((e for e in reversed(told) if e.sender == utterance.sender), None)
    yield "category:own", math.nan if unknown or own is None else top.get(own.category or "", 0.0)
    yield "category:told", math.nan if unknown or not told else max(top.get(e.category or "", 0.0) for e in told)
    same = next((e for e in reversed(told) if ranked and e.category == ranked.best), None)
    yield "category:same_since", _since(utterance, same)
    quoted = utterance.quoted.category if utterance.quoted else None
    yield "category:quoted", math.nan if unknown or quoted is None else top.get(quoted, 0.0)


def _of_talk(utterance: Utterance) -> Iterator[tuple[str, float]]:
    previous, sender = utterance.previous, utterance.sender
    own = [e for e in previous if e.sender == sender]
    others = [e for e in previous if e.sender != sender]
    staff = [e for e in previous if e.role in STAFF_ROLES and e.sender != sender]
    yield "open", float(min(utterance.open_matters, 6))
    yield "own:since", _since(utterance, own[-1] if own else None)
    yield "own:kind", _kind(own[-1] if own else None)
    yield "own:media", float(bool(own and own[-1].media))
    yield "last:since", _since(utterance, previous[-1] if previous else None)
    yield "last:kind", _kind(previous[-1] if previous else None)
    yield "last:who", -1.0 if not previous else 0.0 if previous[-1].sender == sender else 1.0 + (previous[-1].role in STAFF_ROLES)
    yield "last:asks", float(bool(previous) and _asks(previous[-1].text))
    yield "last2:kind", _kind(previous[-2] if len(previous) > 1 else None)
    yield "other:kind", _kind(others[-1] if others else None)
    yield "other:since", _since(utterance, others[-1] if others else None)
    for name, some in (("own", own), ("other", others)):
        for kind in _TOLD:
            yield f"{name}:{kind}:since", _since(utterance, next((e for e in reversed(some) if e.kind == kind), None))
    yield "staff:since", _since(utterance, staff[-1] if staff else None)
    yield "staff:asks", float(bool(staff) and _asks(staff[-1].text))
    reply = next((e for e in reversed(staff) if e.kind == "reply"), None)
    yield "reply:since", _since(utterance, reply)
    yield "reply:settled", float(reply is not None and says_settled(reply.text))
    told = next((n for n, e in enumerate(reversed(own)) if e.kind == "report"), -1)
    yield "own:said_since_report", float(told)
    asked = next((e for e in reversed(own) if e.kind in _TOLD), None)
    yield "own:answered", float(asked is not None and reply is not None and reply.at >= asked.at)
    near = [e for e in previous if _seconds(utterance, e) <= 900]
    yield "near:reports", float(sum(e.kind == "report" for e in near))
    yield "near:told", float(sum(e.kind in _TOLD for e in near))
    yield "near:chat", float(sum(e.kind == "chat" for e in near))
    yield from _of_quote(utterance)


def _of_quote(utterance: Utterance) -> Iterator[tuple[str, float]]:
    quoted = utterance.quoted
    yield "quote", float(quoted is not None)
    yield "quote:assistant", float(utterance.quotes_assistant)
    yield "quote:kind", _kind(quoted)
    yield "quote:told", float(quoted is not None and (bool(quoted.matters) or quoted.kind in _TOLD))
    yield "quote:own", float(quoted is not None and quoted.sender == utterance.sender)
    yield "quote:staff", float(quoted is not None and quoted.role in STAFF_ROLES)
    yield "quote:since", _since(utterance, quoted)
    yield "quote:asks", float(quoted is not None and _asks(quoted.text))


def _of_likeness(utterance: Utterance, text: str) -> Iterator[tuple[str, float]]:
    """Share of the text's character pairs that an earlier message holds, and whether the house numbers agree."""
    pairs, marks = _pairs(text), _marks(text)
    own = next((e for e in reversed(utterance.previous) if e.kind == "report" and e.sender == utterance.sender), None)
    told = [e for e in utterance.previous if e.kind == "report" and e.sender != utterance.sender][-8:]
    yield "like:own", _like(pairs, own)
    alike = [(_like(pairs, e), e) for e in told]
    best = max(alike, key=lambda found: found[0], default=None)
    yield "like:told", best[0] if best else math.nan
    yield "like:told:since", _since(utterance, best[1] if best and best[0] > 0 else None)
    yield "like:quoted", _like(pairs, utterance.quoted)
    yield "house:own", _agree(marks, own)
    yield "house:told", max((_agree(marks, e) for e in told), default=0.0)
    repeated = any(e.sender == utterance.sender and len(text) > 3 and e.text == utterance.text for e in utterance.previous)
    yield "repeats", float(repeated)


def _like(pairs: frozenset[str], earlier: Earlier | None) -> float:
    return len(pairs & _pairs(earlier.text[:_READ])) / len(pairs) if earlier and pairs else math.nan


def _agree(marks: dict[str, str], earlier: Earlier | None) -> float:
    """1: the same house number, -1: another one, 0: one of the two names none."""
    theirs = _marks(earlier.text[:_READ]) if earlier else {}
    both = marks.keys() & theirs.keys()
    return 0.0 if not both else 1.0 if all(marks[f] == theirs[f] for f in both) else -1.0


@lru_cache(maxsize=2048)
def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 2] for i in range(len(text) - 1))


@lru_cache(maxsize=2048)
def _marks(text: str) -> dict[str, str]:
    return {bit.field: bit.value for bit in house_bits(text) if bit.strong}


def _asks(text: str) -> bool:
    return _shown()["ask"].search(text[:_READ]) is not None


def _kind(earlier: Earlier | None) -> float:
    return float(_KINDS.index(earlier.kind)) if earlier and earlier.kind else -1.0


def _seconds(utterance: Utterance, earlier: Earlier) -> float:
    return max((utterance.at - earlier.at).total_seconds(), 0.0) if utterance.at else math.inf


def _since(utterance: Utterance, earlier: Earlier | None) -> float:
    return _NEVER if earlier is None or utterance.at is None else math.log1p(_seconds(utterance, earlier))


@lru_cache(maxsize=1)
def _lexicon() -> dict[str, dict[str, re.Pattern[str]]]:
    raw = yaml.safe_load(LEXICON_PATH.read_text(encoding="utf8"))
    return {part: {name: re.compile(words) for name, words in rows.items()} for part, rows in raw.items()}


def _counted() -> dict[str, re.Pattern[str]]:
    return _lexicon()["counted"]


def _shown() -> dict[str, re.Pattern[str]]:
    return _lexicon()["shown"]
