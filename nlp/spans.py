"""Which words of a passage answer a question: every stretch that could, described by numbers and weighed by boosted trees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from pathlib import Path

import numpy as np

from nlp.reader import Reading, worths
from nlp.span_signs import Asked, Floats, Heading, Ints, Stretches, describe, patterns, sign_names
from nlp.trees import Trees

BEHIND = 2.0
"""A passage behind the best by so much (logits) is worth e times less to the reader: character F1 0.556, where it is not 0.552."""
MAX_CLAUSES = 24
MAX_CHARS = 330
# clauses that a stretch without its first word, or without its number, may run over
_LED, _MARKED = 5, 12
# trees that look at every stretch, and how many of the best the others look at
_GLANCE, _WEIGHED = 40, 200

_WEIGHTS = Path(__file__).with_name("answering.npz")
_CUT = re.compile(r"[，。；：！？、,;:!?\s]+[”’」』）)]*\s*|(?<=[。；\s])(?=[（(])|[（(](?=[^（()）]{4,})|[）)]")
_END = re.compile(r"[。；！？!?;\n]+[”’」』）)]*\s*")


@dataclass(frozen=True, slots=True)
class Read:
    """A passage in which an answer is looked for: its place among those found, from 0, its share of the best score, and what a reader made
    of it."""

    text: str
    heading: str
    rank: int
    share: float
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """`reads[at].text[start:end]` answers; `worth` is the character F1 that trees and reader expect of it."""

    at: int
    start: int
    end: int
    worth: float


@lru_cache(maxsize=1)
def trees() -> Trees:
    """Fitted by models/quoting.py."""
    with np.load(_WEIGHTS, allow_pickle=False) as stored:
        if tuple(stored["names"].tolist()) != sign_names():
            raise ValueError(f"{_WEIGHTS} was fitted for other signs; run: python -m models.quoting")
        return Trees({name: stored[name] for name in stored.files}, int(stored["depth"]))


def best_stretch(question: str, reads: list[Read], rarity: dict[str, float], weight: float = 0.0) -> Chosen | None:
    """The stretch of the passages that answers best, None where they hold no words.

    `rarity`: the weight of each pair of characters of the question (see terms.pairs); `weight`: of the reader beside the trees.
    """
    found, signs = described(question, reads, rarity)
    if not len(signs):
        return None
    read = read_worths(reads, found)
    weight = weight if read.any() else 0.0
    few = trees().sums(signs, 0, _GLANCE)
    best = np.argsort(-((1 - weight) * few + weight * read), kind="stable")[:_WEIGHED]
    worth = (1 - weight) * (few[best] + trees().sums(signs[best], _GLANCE)) + weight * read[best]
    first = int(worth.argmax())
    at, start, end = found[best[first]].tolist()
    return Chosen(at, start, end, float(worth[first]))


def read_worths(reads: list[Read], found: Ints) -> Floats:
    """The character F1 that the reader expects of each stretch; less in passages that it thinks less of than of the best."""
    worth = np.zeros(len(found), np.float32)
    best = max((read.reading.answers for read in reads if read.reading), default=0.0)
    for at, read in enumerate(reads):
        if read.reading:
            here = found[:, 0] == at
            worth[here] = worths(read.reading.inside, found[here, 1], found[here, 2]) * exp((read.reading.answers - best) / BEHIND)
    return worth


def described(question: str, reads: list[Read], rarity: dict[str, float]) -> tuple[Ints, Floats]:
    """Every stretch of every passage: int [n, 3] (row of its passage, start, end), and its signs, float32 [n, signs]."""
    asked = Asked.of(question, rarity)
    places, signs = [np.zeros((0, 3), np.int64)], [np.zeros((0, len(sign_names())), np.float32)]
    for at, read in enumerate(reads):
        some = stretches(read.text)
        if len(some.starts):
            places.append(np.stack([np.full(len(some.starts), at), some.starts, some.ends], 1))
            signs.append(describe(asked, read.text, Heading(read.heading, read.rank, read.share), some, sentence_bounds(read.text)))
    every = np.concatenate(signs)
    return np.concatenate(places), _against_the_best(every)


def _against_the_best(signs: Floats) -> Floats:
    """How far each stretch is behind the best of all passages, written where `describe` left room."""
    names = sign_names()
    for name in names:
        if name.endswith("_of_all") and len(signs):
            seen = signs[:, names.index(name.removesuffix("_of_all"))]
            signs[:, names.index(name)] = seen / max(float(seen.max()), 1e-6)
    return signs


def sentence_bounds(text: str) -> Ints:
    """Where sentences begin, and the end of the text."""
    return np.array(sorted({0, *(m.end() for m in _END.finditer(text)), len(text)}), np.int64)


def sentences_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The whole sentences in which `text[start:end]` stands, without white space around them."""
    bounds = sentence_bounds(text)
    opens = int(bounds[np.searchsorted(bounds, start, "right") - 1])
    closes = int(bounds[np.searchsorted(bounds, end, "left")])
    whole = text[opens:closes]
    return opens + len(whole) - len(whole.lstrip()), closes - len(whole) + len(whole.rstrip())


def stretches(text: str) -> Stretches:
    """From any clause to any later one, with and without a leading word or number; and things that answer by themselves."""
    clauses = list(_clauses(text))
    if not clauses:
        return Stretches(*(np.zeros(0, np.int64) for _ in range(3)))
    starts, ends = (np.array(side, np.int64) for side in zip(*clauses, strict=True))
    first, last = np.triu_indices(len(clauses))
    fits = (last - first < MAX_CLAUSES) & ((ends[last] - starts[first] <= MAX_CHARS) | (first == last))
    kind_of: dict[tuple[int, int], int] = dict.fromkeys(zip(starts[first[fits]].tolist(), ends[last[fits]].tolist(), strict=True), 0)
    for start, end, kind in (*_trimmed(text, clauses), *_things(text)):
        if start < end:
            kind_of.setdefault((start, end), kind)
    places = np.array(list(kind_of), np.int64)
    return Stretches(places[:, 0], places[:, 1], np.array(list(kind_of.values()), np.int64))


def _clauses(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between two signs and holds a letter or a figure."""
    start = 0
    for cut in (*_CUT.finditer(text), None):
        end = cut.start() if cut else len(text)
        if any(c.isalnum() for c in text[start:end]):
            yield start, end
        start = cut.end() if cut else end


def _trimmed(text: str, clauses: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    p = patterns()
    for n, (start, end) in enumerate(clauses):
        begins: list[tuple[int, int, int]] = []
        at = start
        if (mark := p.mark.match(text, start, end)) and mark.end() < end:
            at = mark.end()
            begins.append((at, 1, _MARKED))
        for _ in range(2):
            lead = p.leading.match(text, at, end)
            if not lead or lead.end() >= end:
                break
            at = lead.end()
            begins.append((at, 2, _LED))
        for begin, kind, reach in begins:
            yield from ((begin, to, kind) for _, to in clauses[n : n + reach] if to - begin <= MAX_CHARS)


def _things(text: str) -> Iterator[tuple[int, int, int]]:
    for kind, (_, thing) in enumerate(patterns().things, 3):
        for m in thing.finditer(text):
            yield m.start(), m.end(), kind
            if m.groupdict().get("lead"):
                yield m.end("lead"), m.end(), kind
