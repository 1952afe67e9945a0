"""Letters to the authority: seven first-level categories from title and detail, the public yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.answering import answer_letter, describe_letter, figures_of
from models.calibrate import temperature
from models.corpora import Letter
from models.fit import Fitted, Recipe, fit
from nlp.grams import Description, Field
from nlp.linear import LinearModel

NAME = "letters_v1"
FOLDS = 5
RECIPE = Recipe({"title": Field((1, 4), 2, 0.7), "whole": Field((1, 4), 2, 1.0)}, share={"svm": 1.0, "bayes": 0.1}, c_svm=1.0)


def train_letters(letters: Sequence[Letter], dev: Sequence[Letter] = ()) -> Fitted:
    """Fits on `letters`; the temperature comes from `dev`, or from folds of `letters` where there is none."""
    described = [describe_letter(x.title, x.detail) for x in letters]
    fitted = fit(NAME, described, [x.label for x in letters], RECIPE)
    if dev:
        model = fitted.runtime()
        logits = np.array([model.logits(describe_letter(x.title, x.detail)) for x in dev])
        right = np.array([[label == x.label for label in model.labels] for x in dev])
    else:
        logits, right = _out_of_fold(letters, described)
    fitted.config["task"] = "letters"
    fitted.config["temperature"] = temperature(logits, right)
    return fitted


def _out_of_fold(letters: Sequence[Letter], described: Sequence[Description]) -> tuple[Any, Any]:
    logits, right = [], []
    for fold in range(FOLDS):
        taught = [i for i in range(len(letters)) if i % FOLDS != fold]
        model = fit(NAME, [described[i] for i in taught], [letters[i].label for i in taught], RECIPE).runtime()
        for i in range(fold, len(letters), FOLDS):
            logits.append(model.logits(described[i]))
            right.append([label == letters[i].label for label in model.labels])
    return np.array(logits), np.array(right)


def scores(letters: Sequence[Letter], model: LinearModel, with_detail: bool = True) -> dict[str, float]:
    answers = [answer_letter(model, x.title, x.detail if with_detail else "")[0] for x in letters]
    return figures_of([x.label for x in letters], answers)
