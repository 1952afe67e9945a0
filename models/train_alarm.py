"""Fits the weights of `nlp.alarm` and prints them with what they reach, by folds of conversations; about four minutes.

Asked are the conversations that were held out of the encoder's training, by a category model that has not read them either. An alarm is
right where its matter is an emergency; a matter is found when any of its messages alarms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from models.answering import shipped_encoder
from models.cards import SHIPPED
from models.category import COMPOSED, fit_category, training_set
from models.composed.reading import FOLDER, conversations
from models.corpora import data_folder
from models.talks import is_held_out, training_talks
from models.utterances import spoken
from nlp.alarm import SIGNS
from nlp.linear import LinearModel
from nlp.pipeline import Shipped, Understander, newest
from nlp.taxonomy import load_taxonomy

FOLDS = 10
THRESHOLDS = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8)
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A message's signs, whether it tells of an emergency, and which matter (conversation, id) it is about."""

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


def reached(rows: Sequence[Asked], found: Array, limit: float) -> tuple[int, int, int]:
    """(emergencies found, emergencies, false alarms) at a threshold."""
    every = {row.matter for row in rows if row.matter and row.alarm}
    heard = {row.matter for row, p in zip(rows, found, strict=True) if row.matter and p >= limit}
    return len(every & heard), len(every), sum(p >= limit and not row.matter for row, p in zip(rows, found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    data = data_folder(parser.parse_args().data)
    talks = [t for t in (*training_talks(data), *conversations(FOLDER / "terse")) if is_held_out(t["id"])]
    rows = list(ask(talks, understander(data)))
    x, y = np.array([row.signs for row in rows]), np.array([row.alarm for row in rows])
    learner = LogisticRegression(C=1.0, max_iter=1000)
    folds = GroupKFold(FOLDS)
    found = cross_val_predict(learner, x, y, groups=[row.talk for row in rows], cv=folds, method="predict_proba")[:, 1]
    for limit in THRESHOLDS:
        right, every, false = reached(rows, found, limit)
        share = 1000 * false / len(rows)
        print(f"from {limit}: {right} of {every} emergencies, {false} false alarms in {len(rows)} messages ({share:.1f} a 1,000)")
    learner.fit(x, y)
    weights = dict(zip(SIGNS, learner.coef_[0].round(2).tolist(), strict=True)) | {"constant": round(float(learner.intercept_[0]), 2)}
    print(json.dumps(weights))


if __name__ == "__main__":
    main()
