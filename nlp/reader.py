"""Reading: whether a passage answers a question and which of its words do, by an encoder that sees both at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nlp.encoder import EncoderError, Floats, session
from nlp.pipeline import newest
from nlp.schema import Passage

QUESTION_PIECES, HEADING_PIECES = 56, 40
WINDOW = 168
"""Pieces of a passage that are read, as in most of the reader's lessons: where it shares most with the question. Right document first and
character F1 of what was answered, of 240 questions of weighed and 197 of the policies: all pieces 0.754, 0.546 and 0.914, 0.647; 192 of
them 0.754, 0.552 and 0.909, 0.635; 160 0.758, 0.542 and 0.898, 0.643; 128 0.750, 0.537 and 0.914, 0.626. It took 113, 79, 57, 50 ms."""
_BEGIN, _END = 0, 2


@dataclass(frozen=True, slots=True)
class Reading:
    """`answers`: the logit that the passage answers; `inside`: float32 [characters], how likely each is to be of the answer."""

    answers: float
    inside: Floats

    def part(self, begin: int, end: int) -> Reading:
        """The same of some of the characters."""
        return Reading(self.answers, self.inside[begin:end])

    @property
    def probability(self) -> float:
        """Of `answers`, as the reader learned it: not calibrated for a base."""
        return float(1 / (1 + np.exp(-self.answers)))


class PassageReader:
    """A reader from a folder with reader.onnx, tokenizer.json and config.json; safe to share between threads."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Raises EncoderError when the folder is not whole. `threads`: passages read at once, each on a core."""
        from tokenizers import Tokenizer

        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf8"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.no_truncation()
            self._session = session(folder / "reader.onnx")
            self.name = str(config["name"])
        except Exception as error:  # tokenizers and onnxruntime raise bare Exceptions for a damaged file
            raise EncoderError(f"{folder} holds no usable reader ({error}); run: minhu models ship --task reader") from error
        self._pool = ThreadPoolExecutor(threads, "reader") if threads > 1 else None

    def read_all(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Each passage beside the question, in order."""
        told = ((question, heading_of(p), f"{p.text}\n{p.curated_answer}" if p.curated_answer else p.text) for p in passages)
        return list(self._pool.map(lambda one: self.read(*one), told)) if self._pool else [self.read(*one) for one in told]

    def read(self, question: str, heading: str, text: str) -> Reading:
        """`heading`: what stands above the passage. What lies outside the window that is read counts as no answer."""
        sheet = most_shared(sheet_of(self._tokenizer, question, heading, text), WINDOW)
        given = {"input_ids": np.array([sheet.ids], np.int64), "shared": np.array([sheet.shared], np.int64)}
        given["attention_mask"] = np.ones_like(given["input_ids"])
        answers, inside = self._session.run(["answers", "inside"], given)
        likely = 1 / (1 + np.exp(-inside[0, sheet.start : sheet.start + len(sheet.places)]))
        characters = np.zeros(len(text), np.float32)
        for (begin, end), share in zip(sheet.places, likely, strict=True):
            characters[begin:end] = share
        return Reading(float(answers[0]), characters)


def load_reader(models: Path) -> PassageReader:
    """The newest reader of a folder of models, on two cores. Raises EncoderError where there is none that can be used."""
    return PassageReader(newest(models, "reader") or models / "reader", threads=2)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a reader sees: `<s> question </s> heading </s> text </s>` in pieces, and how much of each the other side has too (`shared`: 0,
    1 a character, 2 a pair of characters); those of the text begin at `start` and stand at `places` (begin, end in characters) of it."""

    ids: list[int]
    shared: list[int]
    start: int
    places: list[tuple[int, int]]

    def window(self, begin: int, end: int) -> Sheet:
        """The same with some pieces of the text."""
        at = self.start
        shared = [*self.shared[:at], *self.shared[at + begin : at + end], self.shared[-1]]
        return Sheet([*self.ids[:at], *self.ids[at + begin : at + end], self.ids[-1]], shared, at, self.places[begin:end])


def most_shared(sheet: Sheet, size: int) -> Sheet:
    """At most `size` pieces of the text in a row, where they share most with the question; of equal places the one in the middle."""
    if len(sheet.places) <= size:
        return sheet
    sums = np.cumsum([0, *(level**2 for level in sheet.shared[sheet.start : -1])])
    most = sums[size:] - sums[:-size]
    best = np.flatnonzero(most == most.max())
    begin = int(best[len(best) // 2])
    return sheet.window(begin, begin + size)


def sheet_of(tokenizer: Any, question: str, heading: str, text: str) -> Sheet:
    """Of the whole text, however long."""
    # half a character (a lone surrogate) is none to the tokenizer: a sign of the same length stands for it
    whole = (part.encode("utf8", "replace").decode("utf8") for part in (question, heading, text))
    asked, above, told = (tokenizer.encode(part, add_special_tokens=False) for part in whole)
    before = [_BEGIN, *asked.ids[:QUESTION_PIECES], _END, *above.ids[:HEADING_PIECES], _END]
    said, held = _Said.of(question), _Said.of(f"{heading} {text}")
    shared = [0, *held.levels(question, asked.offsets[:QUESTION_PIECES]), 0, *said.levels(heading, above.offsets[:HEADING_PIECES]), 0]
    shared += [*said.levels(text, told.offsets), 0]
    return Sheet([*before, *told.ids, _END], shared, len(before), told.offsets)


@dataclass(frozen=True, slots=True)
class _Said:
    """The letters, figures and signs of writing that one side holds, and its pairs of them."""

    characters: set[str]
    pairs: set[str]

    @classmethod
    def of(cls, text: str) -> _Said:
        return cls({c for c in text if c.isalnum()}, {pair for a, b in pairwise(text) if (pair := a + b).isalnum()})

    def levels(self, text: str, places: Sequence[tuple[int, int]]) -> list[int]:
        """For each piece of the other side the most that a character of it shares."""
        level = [int(c in self.characters) for c in text]
        for at, (a, b) in enumerate(pairwise(text)):
            if a + b in self.pairs:
                level[at] = level[at + 1] = 2
        return [max(level[begin:end], default=0) for begin, end in places]


def heading_of(passage: Passage) -> str:
    """What stands above a passage."""
    return f"{passage.title} {passage.clause}".strip()


def worths(inside: Floats, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
    """float32 [n]: the character F1 to be expected of each stretch [start, end) of a text whose characters answer with the chances
    `inside`."""
    sums = np.concatenate(([0.0], np.cumsum(inside)))
    return np.asarray(2 * (sums[ends] - sums[starts]) / np.maximum(ends - starts + sums[-1], 1e-6), np.float32)
