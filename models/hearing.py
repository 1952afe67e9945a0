"""Gold kinds with places by rule and categories either true or predicted: what matching is tuned and measured with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.cards import SHIPPED
from models.category import COMPOSED, Set, fit_category, training_set
from models.composed.reading import conversations
from models.conversations import Heard, Message, Transcript
from models.corpora import transcripts
from models.talks import AUTHORS
from nlp.classify import rank
from nlp.encoder import Encoder
from nlp.evidence import NOWHERE, UNRANKED
from nlp.home import home_from_name
from nlp.linear import LinearModel
from nlp.pipeline import newest
from nlp.place import find_places
from nlp.schema import Estate, Gazetteer, RankedCategory
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise

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


def crossed_rankers(data: Path, names: Sequence[str], encoder: Encoder | None) -> dict[str, TextRanker]:
    """For each set of transcripts the product's category model, learned again without that set; temperatures and thresholds are the
    shipped ones. Half a minute a set, and a minute for the encoder."""
    train = training_set(data, load_taxonomy(), encoder)
    return {name: _ranker(train, name, encoder) for name in names}


def _ranker(train: Set, without: str, encoder: Encoder | None) -> TextRanker:
    source = COMPOSED if without == "composed" else without
    fitted = fit_category(train, np.array([row.source != source for row in train.rows]), encoder)
    folder = newest(SHIPPED, "category")
    assert folder is not None  # noqa: S101  # the package brings one
    shipped = LinearModel.load(folder).config
    fitted.config.update({key: shipped[key] for key in ("temperature", "head", "accept_alone", "accept_joined") if key in shipped})
    model = fitted.runtime()

    def rank_text(text: str) -> RankedCategory:
        read = normalise(text).text
        vector = encoder.encode([read])[0] if encoder and read.strip() else None
        return rank(read, model, load_taxonomy(), vector)

    return rank_text


def talks(data: Path, name: str) -> list[dict[str, Any]]:
    """The transcripts of an author; "composed" are those of this project."""
    return conversations() if name == "composed" else transcripts(data, name)
