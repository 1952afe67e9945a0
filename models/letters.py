"""Letters to the authority: seven first-level categories from title and detail, the public yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.answering import answer_letter, describe_letter, figures_of, letter_words
from models.calibrate import softmax, temperature
from models.corpora import Letter
from models.fit import Fitted, Recipe, fit
from models.talks import is_held_out
from nlp.encoder import Encoder, JoinedEncoder, OnnxEncoder
from nlp.grams import Description, Field
from nlp.linear import LinearModel

NAME = "letters_v10"
FOLDS = 5
RECIPE = Recipe(
    {"title": Field((1, 4), 2, 0.7), "whole": Field((1, 4), 2, 1.0)},
    share={"svm": 1.0, "bayes": 0.1, "nb_svm": 1.0},
    c_svm=0.3,
    balanced=True,
)
SHARES = tuple(round(0.1 * i, 1) for i in range(10))


def train_letters(letters: Sequence[Letter], dev: Sequence[Letter] = (), encoder: Encoder | None = None) -> Fitted:
    """Fits on `letters`; the temperature comes from `dev`, or from folds of `letters` where there is none. A tuned encoder's
    own head votes beside the words, by a share chosen on the letters that it has not read."""
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
    if not dev and isinstance(encoder, OnnxEncoder | JoinedEncoder) and "letters" in encoder.heads:
        _join(fitted, letters, (logits, right), encoder)
    return fitted


def _out_of_fold(letters: Sequence[Letter], described: Sequence[Description]) -> tuple[Any, Any]:
    logits, right = [], []
    order = [i for fold in range(FOLDS) for i in range(fold, len(letters), FOLDS)]
    for fold in range(FOLDS):
        taught = [i for i in range(len(letters)) if i % FOLDS != fold]
        model = fit(NAME, [described[i] for i in taught], [letters[i].label for i in taught], RECIPE).runtime()
        for i in range(fold, len(letters), FOLDS):
            logits.append(model.logits(described[i]))
            right.append([label == letters[i].label for label in model.labels])
    back = np.argsort(order)
    return np.array(logits)[back], np.array(right)[back]


def _join(fitted: Fitted, letters: Sequence[Letter], unseen: tuple[Any, Any], encoder: OnnxEncoder | JoinedEncoder) -> None:
    """Puts the encoder's head beside the words; share and temperature are those of the least logarithmic loss."""
    head, labels = encoder.heads["letters"], fitted.config["labels"]
    table = head.weights[:, [head.labels.index(label) for label in labels]]
    held = [i for i, x in enumerate(letters) if is_held_out(x.row)]
    vectors = encoder.encode([letter_words(letters[i].title, letters[i].detail) for i in held])
    answered = softmax(vectors @ table[:-1] + table[-1])
    words = softmax(unseen[0][held] / fitted.config["temperature"])
    found = []
    for share in SHARES:
        mixed = (1 - share) * np.log(words + 1e-9) + share * np.log(answered + 1e-9)
        divisor = temperature(mixed, unseen[1][held])
        loss = float(-np.mean(np.log((softmax(mixed / divisor) * unseen[1][held]).sum(axis=1) + 1e-9)))
        found.append((loss, share, divisor))
    loss, share, divisor = min(found)
    fitted.tensors["head"] = np.ascontiguousarray(table, np.float32)
    fitted.config["head"] = {"encoder": encoder.name, "share": share, "temperature": divisor, "loss": round(loss, 4), "n": len(held)}


def scores(letters: Sequence[Letter], model: LinearModel, with_detail: bool = True, encoder: Encoder | None = None) -> dict[str, float]:
    answers = [answer_letter(model, x.title, x.detail if with_detail else "", encoder)[0] for x in letters]
    return figures_of([x.label for x in letters], answers)
