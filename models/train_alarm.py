"""Fits the weights of `nlp.alarm` and prints them with what they reach, by folds of conversations; about four minutes.

Asked are the conversations and single messages that were held out of the encoder's training, by a category model that has not read them
either. An alarm is right where its matter is an emergency; a matter is found when any of its messages alarms. Single messages stand alone
or in a moment of a conversation: what one person calls out and nobody takes up must be heard, too.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from models.answering import shipped_encoder
from models.cards import SHIPPED
from models.category import COMPOSED, fit_category, training_set
from models.composed.reading import FOLDER, conversations, matter_lines
from models.corpora import Labelled, data_folder
from models.kind import lent, told
from models.talks import is_held_out, training_singles, training_talks
from models.utterances import spoken
from nlp.alarm import SIGNS
from nlp.linear import LinearModel
from nlp.pipeline import Shipped, Understander, newest
from nlp.taxonomy import load_taxonomy

FOLDS = 10
SINGLE_FOLDS = 100
LENT = 9
SINGLE_WEIGHT = 6.0
"""Of a single message beside one of a conversation, which is mostly calm. At 1, 3, 6, 12 the same recall of 200 emergencies called out once
(0.87 alone) cost about 30, 27, 25, 27 false alarms in 4,945 messages of conversations; neither was read by any model."""
THRESHOLDS = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8)
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A message's signs, whether it tells of an emergency, and which (conversation, id) it is about. `talk` is empty for a single one."""

    signs: tuple[float, ...]
    alarm: bool
    talk: str
    matter: tuple[str, str] | None


def understander(data: Path) -> Understander:
    """The shipped one with a category model that has not read what was held out; temperatures are the shipped ones."""
    taxonomy, encoder = load_taxonomy(), shipped_encoder(threads=2)
    train = training_set(data, taxonomy, encoder)
    keep = np.array([not is_held_out(row.group.removeprefix(f"{COMPOSED}:")) for row in train.rows])
    fitted = fit_category(train, keep, encoder)
    shipped = {task: LinearModel.load(folder) for task in ("category", "kind") if (folder := newest(SHIPPED, task))}
    fitted.config.update({key: shipped["category"].config[key] for key in ("temperature", "head")})
    return Understander(taxonomy, Shipped(fitted.runtime(), shipped["kind"], encoder))


def ask(talks: Sequence[dict[str, Any]], mind: Understander) -> Iterator[Asked]:
    for talk in talks:
        gold = {m["id"]: m["gold"] for m in talk["messages"]}
        burning = {m["id"] for m in talk["matters"] if m["emergency"]}
        for said in spoken(talk):
            signs = mind.alarm_signs(said.utterance)
            if signs:
                matter = str(gold[said.message].get("matter"))
                about = (talk["id"], matter) if matter in burning else None
                yield Asked(astuple(signs), said.alarm, talk["id"], about)


def ask_alone(singles: Sequence[Labelled], talks: Sequence[dict[str, Any]], mind: Understander) -> Iterator[Asked]:
    for number, example in enumerate(lent([told(m) for m in singles], talks, random.Random(LENT))):
        signs = mind.alarm_signs(example.utterance)
        if signs:
            alarm = bool(example.alarm)
            yield Asked(astuple(signs), alarm, "", ("", str(number)) if alarm else None)


def reached(rows: Sequence[Asked], found: Array, limit: float, *, single: bool) -> str:
    """Emergencies found and false alarms at a threshold, in conversations or among single messages."""
    mine = [(row, p >= limit) for row, p in zip(rows, found, strict=True) if (not row.talk) == single]
    every = {row.matter for row, _ in mine if row.matter and row.alarm}
    heard = {row.matter for row, alarmed in mine if alarmed}
    false = sum(alarmed and not row.matter for row, alarmed in mine)
    share = 1000 * false / len(mine)
    return f"{len(every & heard)} of {len(every)} emergencies, {false} false alarms in {len(mine)} messages ({share:.1f} a 1,000)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    data = data_folder(parser.parse_args().data)
    talks = [t for t in (*training_talks(data), *conversations(FOLDER / "terse")) if is_held_out(t["id"])]
    singles = [m for m in (*training_singles(data), *matter_lines()) if is_held_out(m.group)]
    mind = understander(data)
    rows = [*ask(talks, mind), *ask_alone(singles, talks, mind)]
    x, y = np.array([row.signs for row in rows]), np.array([row.alarm for row in rows])
    weight = np.array([1.0 if row.talk else SINGLE_WEIGHT for row in rows])
    learner = LogisticRegression(C=1.0, max_iter=1000)
    groups = [row.talk or str(number % SINGLE_FOLDS) for number, row in enumerate(rows)]
    found = np.zeros(len(rows))
    for taught, asked in GroupKFold(FOLDS).split(x, y, groups):
        found[asked] = learner.fit(x[taught], y[taught], sample_weight=weight[taught]).predict_proba(x[asked])[:, 1]
    for limit in THRESHOLDS:
        print(
            f"from {limit}: conversations: {reached(rows, found, limit, single=False)}; single: {reached(rows, found, limit, single=True)}"
        )
    learner.fit(x, y, sample_weight=weight)
    weights = dict(zip(SIGNS, learner.coef_[0].round(2).tolist(), strict=True)) | {"constant": round(float(learner.intercept_[0]), 2)}
    print(json.dumps(weights))


if __name__ == "__main__":
    main()
