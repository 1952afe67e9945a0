"""Gold kinds with places by rule and categories either true or predicted: what matching is tuned and measured with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from models.composed.reading import conversations
from models.conversations import Heard, Message, Transcript
from models.corpora import labelled_messages, labelled_real, reports_of, transcripts
from models.talks import AUTHORS
from nlp.evidence import NOWHERE, UNRANKED
from nlp.home import home_from_name
from nlp.place import find_places
from nlp.schema import Estate, Gazetteer, RankedCategory

SETS = (*AUTHORS, "composed")
TextRanker = Callable[[str], RankedCategory]


@dataclass
class Hearing:
    """An understanding with gold kinds. Without a ranker reports carry their true category and other messages none."""

    ranker: TextRanker | None
    known: dict[str, RankedCategory] = field(default_factory=dict)

    def __call__(self, transcript: Transcript, message: Message) -> Heard:
        gold, grid = message["gold"], transcript["grid"]
        member = next(m for m in transcript["members"] if m["id"] == message["from"])
        gazetteer = Gazetteer(grid["code"], grid["name"], tuple(Estate(e) for e in grid["estates"]), tuple(grid["places"]))
        home = home_from_name(member["name"], gazetteer) if member["role"] == "resident" else None
        places = find_places(message["text"], gazetteer, home)
        also = tuple(_sure(a["category"]) for a in gold.get("also", [])) if gold["kind"] == "report" else ()
        return Heard(gold["kind"], self._category(message), places[0] if places else NOWHERE, also, home)

    def _category(self, message: Message) -> RankedCategory:
        text, gold = message["text"], message["gold"]
        if self.ranker is None:
            return _sure(gold["category"]) if gold["kind"] == "report" and gold.get("category") else UNRANKED
        if text not in self.known:
            self.known[text] = self.ranker(text) if text else UNRANKED
        return self.known[text]


def _sure(category: str) -> RankedCategory:
    return RankedCategory(((category, 1.0),), True)


def crossed_rankers(data: Path, names: Sequence[str]) -> dict[str, TextRanker]:
    """For each set of transcripts a ranker that learned from single messages and from the other training sets only."""
    return {name: ranker(data, [n for n in SETS if n != name]) for name in names}


def talks(data: Path, name: str) -> list[dict[str, Any]]:
    """The transcripts of an author; "composed" are those of this project."""
    return conversations() if name == "composed" else transcripts(data, name)


def ranker(data: Path, names: Sequence[str]) -> TextRanker:
    rows = [r for r in (*labelled_messages(data), *labelled_real(data)) if r.category]
    rows += [r for n in names for r in reports_of(talks(data, n), n) if r.kind == "report"]
    words = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2, max_features=60_000)
    model = LogisticRegression(C=20, max_iter=200).fit(words.fit_transform([r.text for r in rows]), [r.category for r in rows])

    def rank(text: str) -> RankedCategory:
        shares = model.predict_proba(words.transform([text]))[0]
        best = np.argsort(-shares)[:5]
        return RankedCategory(tuple((str(model.classes_[k]), float(shares[k])) for k in best), bool(shares[best[0]] > 0.6))

    return rank
