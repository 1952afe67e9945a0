"""The policy base: passages found by words and by meaning, within their validity and area, and the answer quoted from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nlp import spans, trust
from nlp.bm25 import Bm25
from nlp.encoder import Encoder
from nlp.meaning import Floats, Meaning, encode_passages
from nlp.pipeline import injected
from nlp.reader import PassageReader, Reading
from nlp.readings import fits, hangs, joined, leans, names_nothing, plain
from nlp.schema import Answer, Citation, Hit, Passage
from nlp.split import clause_at
from nlp.terms import fold, pairs, synonyms_in, terms, topic
from nlp.text import normalise

NEAR = 0.5
"""Costs the answers to ../shared/data/policies nothing (character F1 the same), and keeps small bases from quoting strangers."""
_SETTINGS = Path(__file__).with_name("retrieval.yaml")
_FULL = re.compile(r"[^。！？\n]*[。！？\n]+|[^。！？\n]+")
# questions of a thread that are looked back at
THREAD = 4
# passages an answer may be phrased from
PHRASED_FROM = 3


class Tuning(BaseModel):
    """Tuned numbers of retrieval; retrieval.yaml says where each came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k1: float
    b: float
    whole_document: float
    synonym_weight: float
    coverage: float
    meaning_weight: float
    nearest: int
    candidates: int
    read: int
    refuse_below: float
    fits_from: float
    trust: dict[str, float]
    trust_with_meaning: dict[str, float]
    fitted_for: str
    read_closely: int
    reading_weight: float
    reader_fitted_for: str
    stretch_weight: float
    trust_with_reading: dict[str, float]


@lru_cache(maxsize=1)
def tuning() -> Tuning:
    return Tuning.model_validate(yaml.safe_load(_SETTINGS.read_text(encoding="utf8")))


def is_fitted(encoder: Encoder) -> bool:
    """Whether the numbers of trust and of reading were set beside this encoder."""
    return encoder.name == tuning().fitted_for


LeftOut = Literal["", "superseded", "not_yet", "over", "elsewhere", "staff_only"]


class TermsOfUse(NamedTuple):
    """What decides whether a passage may be cited; most passages of a base share theirs with many."""

    valid_from: str
    valid_until: str
    superseded_by: str
    area: str
    staff_only: bool

    def left_out(self, *, today: str, area: str, for_staff: bool) -> LeftOut:
        """Why it may not be cited, "" where it may: superseded (on a known day: already), out of its days, of another area than
        the asker's own or one around it, for staff only."""
        if self.superseded_by and not (today and self.valid_until and today <= self.valid_until):
            return "superseded"
        if today and self.valid_from and today < self.valid_from:
            return "not_yet"
        if today and self.valid_until and today > self.valid_until:
            return "over"
        if not within(area, self.area):
            return "elsewhere"
        return "staff_only" if self.staff_only and not for_staff else ""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with what found it: its score by words (nearly 1 where they are all met), its cosine (None without an encoder), all
    together, and what a reader made of it (None where it was not read)."""

    row: int
    words: float
    meaning: float | None
    score: float
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was found for a question, best first, with the scores of all passages by words (float32 [passages]).

    `vouched`: how far the base was trusted with the earlier question that this one leans on, where the same document answers both.
    """

    question: str
    words: NDArray[np.float32]
    found: list[Found]
    vouched: float = 0.0


@dataclass(frozen=True)
class Base:
    """Passages and what finds them. `documents` are ids in order of first passage; `doc_of[i]` is passage i's row among them.

    Safe to share between threads: nothing in it changes after it is built.
    """

    passages: tuple[Passage, ...]
    documents: tuple[str, ...]
    doc_of: NDArray[np.int32]
    by_passage: Bm25
    by_document: Bm25
    meaning: Meaning | None
    terms_of_use: tuple[TermsOfUse, ...]
    use_of: NDArray[np.int32]
    tuned: Tuning = field(default_factory=tuning)
    reader: PassageReader | None = None

    @classmethod
    def build(
        cls,
        passages: Iterable[Passage],
        encoder: Encoder | None = None,
        vectors: Floats | None = None,
        done: Callable[[int], None] = lambda n: None,
        reader: PassageReader | None = None,
    ) -> Base:
        """Index passages; without an encoder words alone find them. `vectors` saves encoding what was encoded before (in order). The best
        found are read by the `reader`."""
        given = list(passages)
        rows: dict[str, int] = {p.doc: 0 for p in given}
        rows = {doc: row for row, doc in enumerate(rows)}
        order = sorted(range(len(given)), key=lambda i: rows[given[i].doc])  # a document's passages lie together
        kept = tuple(given[i] for i in order)
        doc_of = np.array([rows[p.doc] for p in kept], np.int32)
        tuned = tuning()
        by_passage = Bm25.build((terms(words_of(p)) for p in kept), tuned.k1, tuned.b)
        by_document = by_passage.gathered(doc_of, len(rows), tuned.k1, tuned.b)
        uses: dict[TermsOfUse, int] = {}
        use_of = np.array([uses.setdefault(terms_of_use(p), len(uses)) for p in kept], np.int32)
        words = cls(kept, tuple(rows), doc_of, by_passage, by_document, None, tuple(uses), use_of, tuned)
        if encoder is None or not kept:
            return words
        return words.with_meaning(encoder, encode_passages(encoder, words.texts(), done) if vectors is None else vectors[order], reader)

    def texts(self) -> list[str]:
        """What is encoded of each passage, in order."""
        return [text_to_encode(p) for p in self.passages]

    def with_meaning(self, encoder: Encoder, vectors: Floats, reader: PassageReader | None = None) -> Base:
        """The same base with passages found by meaning, too. `vectors` float32 [passages, d] are those of `texts`, in order. A `reader` is
        heard where encoder and reader are those whose weights retrieval.yaml has."""
        if not self.passages:
            return self
        weighed = reader if reader and is_fitted(encoder) and reader.name == self.tuned.reader_fitted_for else None
        return replace(self, meaning=Meaning.build(encoder, self.texts(), vectors), reader=weighed)

    def search(self, question: str, top: int = 10, *, today: str = "", area: str = "", for_staff: bool = True) -> list[Hit]:
        """The best passage of each of the `top` best documents, best first. Scores compare within one question only."""
        return self.hits(self.look(question, today=today, area=area, for_staff=for_staff), top)

    def answer(
        self, question: str, *, earlier: Sequence[str] = (), today: str = "", area: str = "", for_staff: bool = True
    ) -> Answer | None:
        """The words that answer, quoted from their passage; None when nothing in the base is good enough.

        `confidence` is the calibrated probability that the base holds the answer; a curated answer is given word for word.
        """
        return self.answer_from(self.look(question, earlier=earlier, today=today, area=area, for_staff=for_staff))

    def hits(self, look: Look, top: int) -> list[Hit]:
        """As `search`, from what was found already."""
        found: dict[int, Hit] = {}
        for one in look.found:
            found.setdefault(int(self.doc_of[one.row]), Hit(self.passages[one.row], round(one.score, 4)))
            if len(found) == top:
                break
        return list(found.values())

    def look(self, question: str, *, earlier: Sequence[str] = (), today: str = "", area: str = "", for_staff: bool = True) -> Look:
        """Passages that may be shown on a day (YYYY-MM-DD; "" = any) to somebody of an area (市/区/街道/社区; "" = any), best first.

        `for_staff` False leaves out what is for staff only. `earlier` are the questions before this one in its thread, oldest
        first: where this one leans on them and finds nothing alone, it is looked for together with what they were about, in
        passages that say what this one says.
        """
        alone = self._read(self._look(question, today, area, for_staff))
        if not earlier or not leans(question) or (alone.found and self._names_its_own(alone)):
            return alone
        before = self._read(self._root(earlier, today, area, for_staff))
        both = self._look(joined(before.question, question), today, area, for_staff)
        sure = self.probability(before) if before.found else 0.0
        known = int(self.doc_of[before.found[0].row]) if sure >= self.tuned.refuse_below else -1
        shares = {one.row: fits(question, words_of(self.passages[one.row])) for one in both.found}
        fitting = [one for one in both.found if shares[one.row] >= self.tuned.fits_from]
        fitting.sort(key=lambda one: (self.doc_of[one.row] != known, -one.score - shares[one.row]))
        return replace(both, found=fitting, vouched=sure if fitting and self.doc_of[fitting[0].row] == known else 0.0)

    def found(self, question: str) -> list[Found]:
        """What search alone finds, before anything is left out or read."""
        return self._look(question, "", "", for_staff=True).found

    def _read(self, look: Look) -> Look:
        """The best passages found are read beside the question, and what the reader says of them orders them anew. A pair that somebody
        wrote for such a question needs no reader, and a question that was joined with an earlier one is none that it knows."""
        if self.reader is None or not look.found:
            return look
        if self.passages[look.found[0].row].curated_answer and self.probability(look) >= self.tuned.refuse_below:
            return look
        near, rest = look.found[: self.tuned.read_closely], look.found[self.tuned.read_closely :]
        readings = self.reader.read_all(normalise(look.question).text, [self.passages[one.row] for one in near])
        weight = self.tuned.reading_weight
        read = [replace(one, reading=r, score=one.score + weight * r.probability) for one, r in zip(near, readings, strict=True)]
        return replace(look, found=[*sorted(read, key=lambda one: -one.score), *rest])

    def _root(self, earlier: Sequence[str], today: str, area: str, for_staff: bool) -> Look:
        """The question of a thread that the later ones lean on: the last that names what it is about, else the one that says most."""
        looks = []
        for one in reversed(earlier[-THREAD:]):
            looks.append(self._look(one, today, area, for_staff))
            if looks[-1].found and self._names_its_own(looks[-1]):
                return looks[-1]
        return max(looks, key=lambda look: len(topic(look.question)))

    def _names_its_own(self, look: Look) -> bool:
        """A question that is answered alone, from a document it names."""
        return self.probability(look) >= self.tuned.refuse_below and self.signs(look)["title"] > 0

    def _look(self, question: str, today: str, area: str, for_staff: bool) -> Look:
        if not self.passages or not question.strip():
            return Look(question, np.zeros(len(self.passages), np.float32), [])
        question = plain(question)
        words = self.word_scores(question)
        share = words / max(self._full_score(question, words), 1e-6)
        cosines = self.meaning.cosines(question, self.tuned.nearest) if self.meaning else None
        total = share if cosines is None else share + self.tuned.meaning_weight * cosines
        total = np.where(self._citable(today, area, for_staff), total, -np.inf)
        count = min(self.tuned.candidates, len(total))
        best = np.argpartition(-total, count - 1)[:count]
        best = best[np.argsort(-total[best], kind="stable")]
        found = [
            Found(int(i), float(share[i]), None if cosines is None else float(cosines[i]), float(total[i]))
            for i in best
            if np.isfinite(total[i]) and (share[i] > 0 or cosines is not None)
        ]
        return Look(question, words, found)

    def _full_score(self, question: str, words: Floats) -> float:
        """What a passage scores that is told of in full: the best score found, and by the part `coverage` what a passage with all words
        of the question would have. Where the best holds few of them, the words of all passages weigh less beside meaning."""
        rarity = sum(self.by_passage.idf_of(term) for term in set(terms(question)))
        ideal = (self.tuned.k1 + 1) * (1 + self.tuned.whole_document) * rarity
        return (1 - self.tuned.coverage) * float(words.max()) + self.tuned.coverage * ideal

    def answer_from(self, look: Look) -> Answer | None:
        """As `answer`, from what was found already."""
        if not look.found:
            return None
        sure = self.probability(look)
        if sure < self.tuned.refuse_below:
            return None
        if not look.vouched and (names_nothing(look.question) or (hangs(look.question) and not self.signs(look)["title"])):
            return None
        first = self.passages[look.found[0].row]
        if first.curated_answer:
            return Answer(first.curated_answer, cite(first, first.curated_answer, first.clause), sure)
        return self._quoted(look.question, look.found, sure)

    def probability(self, look: Look) -> float:
        """That the base holds the answer, judged by the best passage found."""
        weights = self.tuned.trust
        if look.found[0].reading is not None:
            weights = self.tuned.trust_with_reading
        elif self.meaning is not None and is_fitted(self.meaning.encoder):
            weights = self.tuned.trust_with_meaning
        return max(look.vouched, trust.probability(self.signs(look), weights))

    def signs(self, look: Look) -> dict[str, float]:
        """What speaks for the best passage found (see nlp.trust): its cosine, and the reader's logit, are 0 where there is none."""
        best = look.found[0]
        passage = self.passages[best.row]
        seen = trust.signs(look.question, f"{passage.title}\n{passage.clause}", words_of(passage), self.by_passage, look.words)
        return seen | {trust.MEANING: best.meaning or 0.0, trust.READING: best.reading.answers if best.reading else 0.0}

    def word_scores(self, question: str) -> NDArray[np.float32]:
        """float32 [passages]: how well the words of each passage, and of its whole document, meet the question."""
        asked, other = terms(question), [t for s in synonyms_in(question) for t in terms(s)]
        passage, document = (
            index.scores(asked) + self.tuned.synonym_weight * index.scores(other) for index in (self.by_passage, self.by_document)
        )
        return np.asarray(passage + self.tuned.whole_document * document[self.doc_of] * (passage > 0), np.float32)

    def _quoted(self, question: str, found: Sequence[Found], sure: float) -> Answer | None:
        """The words that answer, as few as will do; cited with the whole sentences in which they stand."""
        reads = self.reads(found)
        chosen = spans.best_stretch(question, [read for _, _, read in reads], self.rarity(question), self.tuned.stretch_weight)
        if chosen is None:
            return None
        passage, begin, read = reads[chosen.at]
        start, end = spans.sentences_around(read.text, chosen.start, chosen.end)
        quote, clause = read.text[start:end], clause_at(passage.text, passage.clause, begin + chosen.start)
        others = [p for one in found if (p := self.passages[one.row]) is not passage and not p.curated_answer]
        return Answer(read.text[chosen.start : chosen.end], cite(passage, quote, clause), sure, (passage, *others[: PHRASED_FROM - 1]))

    def reads(self, found: Sequence[Found]) -> list[tuple[Passage, int, spans.Read]]:
        """The first passages found (where a reader looked at some, those), with where the words that may be quoted begin in them, and
        those words; a passage not half as good as the best is left out."""
        best = max((self._searched(one) for one in found), default=0.0)
        first = [one for one in found if one.reading] or found[: self.tuned.read]
        near = [one for one in first if self._searched(one) >= NEAR * best]
        every = []
        for rank, one in enumerate(near):
            p = self.passages[one.row]
            if not p.curated_answer:
                share = self._searched(one) / max(best, 1e-6)
                for begin, part in without_orders(p.text):
                    reading = one.reading.part(begin, begin + len(part)) if one.reading else None
                    every.append((p, begin, spans.Read(part, f"{p.title}\n{p.clause}", rank, share, reading)))
        return every

    def _searched(self, one: Found) -> float:
        """What search alone says of a passage."""
        return one.score - (self.tuned.reading_weight * one.reading.probability if one.reading else 0.0)

    def rarity(self, question: str) -> dict[str, float]:
        """How rare each pair of characters of a question is in this base."""
        return {pair: self.by_passage.idf_of(pair) for pair in dict.fromkeys(pairs(fold(question)))}

    def _citable(self, today: str, area: str, for_staff: bool) -> NDArray[np.bool_]:
        fine = [not use.left_out(today=today, area=area, for_staff=for_staff) for use in self.terms_of_use]
        return np.array(fine, bool)[self.use_of]


def without_orders(text: str) -> list[tuple[int, str]]:
    """(offset, part) of a text around sentences that give orders to a machine (FQ11): those are quoted to nobody."""
    if not injected(normalise(text).text):
        return [(0, text)]
    parts, begin, at = [], 0, 0
    for sentence in _FULL.findall(text):  # an order takes what stands behind it up to a full stop along
        if injected(normalise(sentence).text):
            parts.append((begin, text[begin:at]))
            begin = at + len(sentence)
        at += len(sentence)
    return [(offset, part) for offset, part in [*parts, (begin, text[begin:])] if part.strip()]


def words_of(passage: Passage) -> str:
    """What a passage is found by: its document's title, its headings, its words."""
    return f"{passage.title}\n{passage.clause}\n{passage.text}"


def text_to_encode(passage: Passage) -> str:
    return f"{passage.title} {passage.text}"


def terms_of_use(passage: Passage) -> TermsOfUse:
    p = passage
    return TermsOfUse(p.valid_from, p.valid_until, p.superseded_by, p.area, p.staff_only)


def within(area: str, scope: str) -> bool:
    """Whether the scope (区, 区/街道, 市/区 …) is the area or lies around it; "" is anywhere. It may leave out the city."""
    return not scope or not area or f"/{scope.strip('/')}/" in f"/{area.strip('/')}/"


def cite(passage: Passage, quote: str, clause: str) -> Citation:
    return Citation(passage.doc, passage.title, passage.number, clause, passage.date, passage.link, quote)
