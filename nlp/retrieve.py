"""The policy base: passages found by words and by meaning, within their validity and area, and the answer quoted from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nlp.bm25 import Bm25
from nlp.schema import Answer, Citation, Hit, Passage
from nlp.split import sentences
from nlp.terms import synonyms_in, terms

_SETTINGS = Path(__file__).with_name("retrieval.yaml")


class Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    k1: float
    b: float


class Tuning(BaseModel):
    """Tuned numbers of retrieval; retrieval.yaml says where each came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bm25: Words
    passage_chars: int
    whole_document: float
    synonym_weight: float
    candidates: int
    refuse_below: float


@lru_cache(maxsize=1)
def tuning() -> Tuning:
    return Tuning.model_validate(yaml.safe_load(_SETTINGS.read_text(encoding="utf8")))


@dataclass(frozen=True, slots=True)
class Base:
    """Passages and what finds them. `documents` are ids in order of first passage; `doc_of[i]` is passage i's row among them."""

    passages: tuple[Passage, ...]
    documents: tuple[str, ...]
    doc_of: NDArray[np.int32]
    by_passage: Bm25
    by_document: Bm25
    tuned: Tuning = field(default_factory=tuning)

    @classmethod
    def build(cls, passages: Iterable[Passage]) -> Base:
        """Index passages; those of one document must carry the same `doc`."""
        kept = tuple(passages)
        rows: dict[str, int] = {}
        doc_of = np.array([rows.setdefault(p.doc, len(rows)) for p in kept], np.int32)
        tuned = tuning()
        cuts = [terms(words_of(p)) for p in kept]
        whole: list[list[str]] = [[] for _ in rows]
        for row, cut in zip(doc_of, cuts, strict=True):
            whole[row].extend(cut)
        by_passage = Bm25.build(cuts, tuned.bm25.k1, tuned.bm25.b)
        return cls(kept, tuple(rows), doc_of, by_passage, Bm25.build(whole, tuned.bm25.k1, tuned.bm25.b), tuned)

    def scores(self, question: str) -> NDArray[np.float32]:
        """float32 [passages]: how well the words of each passage, and of its document, meet the question."""
        asked, other = terms(question), [t for s in synonyms_in(question) for t in terms(s)]
        passage = self.by_passage.scores(asked) + self.tuned.synonym_weight * self.by_passage.scores(other)
        document = self.by_document.scores(asked) + self.tuned.synonym_weight * self.by_document.scores(other)
        return np.asarray(passage + self.tuned.whole_document * document[self.doc_of] * (passage > 0), np.float32)

    def citable(self, today: str, area: str) -> NDArray[np.bool_]:
        """Which passages may be shown on a day (YYYY-MM-DD; "" = any) to somebody of an area (市/区/街道/社区; "" = any)."""
        return np.array([may_cite(p, today, area) for p in self.passages], bool)

    def search(self, question: str, top: int = 10, *, today: str = "", area: str = "") -> list[Hit]:
        """The best passage of each of the `top` best documents, best first."""
        found: dict[int, Hit] = {}
        for row, score in self._ranked(question, today, area):
            found.setdefault(int(self.doc_of[row]), Hit(self.passages[row], round(score, 4)))
            if len(found) == top:
                break
        return list(found.values())

    def answer(self, question: str, *, today: str = "", area: str = "") -> Answer | None:
        """The sentence that answers, quoted from its passage; None when nothing in the base is good enough."""
        ranked = self._ranked(question, today, area)
        if not ranked:
            return None
        passage = self.passages[ranked[0][0]]
        covered = self._covered(question, passage)
        if covered < self.tuned.refuse_below:
            return None
        if passage.curated_answer:
            return Answer(passage.curated_answer, cite(passage, passage.curated_answer), covered)
        quote = max(sentences(passage.text), key=lambda s: self._weight(set(terms(s)) & set(terms(question)))).strip()
        return Answer(quote, cite(passage, quote), covered)

    def _ranked(self, question: str, today: str, area: str) -> list[tuple[int, float]]:
        if not self.passages:
            return []
        scores = np.where(self.citable(today, area), self.scores(question), 0)
        best = np.argsort(-scores, kind="stable")[: self.tuned.candidates]
        return [(int(i), float(scores[i])) for i in best if scores[i] > 0]

    def _weight(self, found: Iterable[str]) -> float:
        return sum(self.by_passage.idf_of(t) for t in found)

    def _covered(self, question: str, passage: Passage) -> float:
        asked = set(terms(question))
        return self._weight(asked & set(terms(words_of(passage)))) / max(self._weight(asked), 1e-9)


def words_of(passage: Passage) -> str:
    """What a passage is found by: its document's title, its headings, its words."""
    return f"{passage.title}\n{passage.clause}\n{passage.text}"


def may_cite(passage: Passage, today: str, area: str) -> bool:
    """Within validity, not superseded, and of the asker's own area or one around it."""
    if passage.superseded_by:
        return False
    if today and ((passage.valid_from and today < passage.valid_from) or (passage.valid_until and today > passage.valid_until)):
        return False
    return not passage.area or not area or f"{area.strip('/')}/".startswith(f"{passage.area.strip('/')}/")


def cite(passage: Passage, quote: str) -> Citation:
    return Citation(passage.doc, passage.title, passage.number, passage.clause, passage.date, passage.link, quote)


def unique(passages: Sequence[Passage]) -> bool:
    return len({p.id for p in passages}) == len(passages)
