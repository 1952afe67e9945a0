"""Fits a linear model on descriptions and folds an ensemble of linear learners into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from models.cards import write_json
from nlp.grams import Description, Field, flag_hashes, grams
from nlp.linear import FORMAT, LinearModel

Array = npt.NDArray[Any]
MOST_BYTES = 15_000_000
"""A million rows of the seven kinds, 166,666 of the 82 matters (of 214,833 in category_v6: the top matter of reports in transcripts/dev
0.891 → 0.888)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made. `share` is the part of each learner in their sum: logistic, svm, nb_svm, bayes."""

    fields: Mapping[str, Field]
    flag_weight: float = 0.5
    min_df: int = 2
    c_logistic: float = 30.0
    c_svm: float = 0.3
    c_nb_svm: float = 1.0
    share: Mapping[str, float] = field(default_factory=lambda: {"logistic": 1.0, "svm": 0.0, "bayes": 0.0})
    balanced: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model as it is written: config.json and model.safetensors."""

    config: dict[str, Any]
    tensors: dict[str, Array]

    def runtime(self) -> LinearModel:
        return LinearModel(self.config, self.tensors)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, folder / "model.safetensors")
        (folder / "model.safetensors").chmod(0o644)  # safetensors makes it the owner's alone
        write_json(folder / "config.json", self.config)


def fit(
    name: str, descriptions: Sequence[Description], labels: Sequence[str], recipe: Recipe, weights: Sequence[float] | None = None
) -> Fitted:
    """A model over the labels that occur. The temperature is 1 until models.calibrate finds a better one."""
    hashes, idf, matrix = vectorise(descriptions, recipe)
    order = sorted(set(labels))
    y = np.array([order.index(label) for label in labels])
    sample = np.ones(len(y)) if weights is None else np.array(weights, float)
    table, bias = np.zeros((matrix.shape[1], len(order))), np.zeros(len(order))
    for learner, share in recipe.share.items():
        if share:
            part, part_bias = _LEARNERS[learner](matrix, y, sample, recipe)
            table += share * part
            bias += share * part_bias
    scale = np.maximum(np.abs(table).max(axis=1) / 127, 1e-7)  # what float16 holds
    tensors = {
        "hashes": hashes,
        "idf": idf.astype(np.float16),
        "scale": scale.astype(np.float16),
        "weights": np.round(table / scale[:, None]).astype(np.int8),
        "bias": bias.astype(np.float32),
    }
    config = {
        "format": FORMAT,
        "name": name,
        "labels": order,
        "temperature": 1.0,
        "flag_weight": recipe.flag_weight,
        "fields": {n: {"chars": list(f.chars), "words": f.words, "weight": f.weight} for n, f in recipe.fields.items()},
    }
    return Fitted(config, tensors | _strongest(tensors))


def _strongest(tensors: dict[str, Array]) -> dict[str, Array]:
    """As many features as MOST_BYTES hold: those that move a label least are left out."""
    rows = {name: tensors[name] for name in ("hashes", "idf", "scale", "weights")}
    weight = rows["idf"].astype(np.float32) * rows["scale"].astype(np.float32)
    most = MOST_BYTES // sum(array[:1].nbytes for array in rows.values())
    if len(weight) <= most:
        return rows
    kept = np.sort(np.argpartition(-weight, most)[:most])
    return {name: array[kept] for name, array in rows.items()}


def vectorise(descriptions: Sequence[Description], recipe: Recipe) -> tuple[Array, Array, csr_matrix]:
    """Kept hashes [f] ascending, idf [f], values [n, f]; exactly what LinearModel computes at run time."""
    cells = [_cells(d, recipe) for d in descriptions]
    seen, df = np.unique(np.concatenate([c[0] for c in cells]), return_counts=True)
    keep = df >= recipe.min_df
    hashes, df = seen[keep], df[keep]
    idf = (np.log((1 + len(cells)) / (1 + df)) + 1).astype(np.float32)
    data, columns, starts = [], [], [0]
    for found, counts, part in cells:
        at = np.minimum(np.searchsorted(hashes, found), len(hashes) - 1)
        known = hashes[at] == found
        at, values, part = at[known], counts[known].copy(), part[known]
        for number, block in enumerate(recipe.fields.values()):
            mine = part == number
            weighted = values[mine] * idf[at[mine]]
            values[mine] = weighted * (block.weight / max(float(np.sqrt(weighted @ weighted)), 1e-9))
        data.append(values)
        columns.append(at)
        starts.append(starts[-1] + len(at))
    shape = (len(cells), len(hashes))
    return hashes, idf, csr_matrix((np.concatenate(data), np.concatenate(columns), starts), shape=shape)


def _cells(description: Description, recipe: Recipe) -> tuple[Array, Array, Array]:
    hashes, counts, parts = [], [], []
    for number, (name, block) in enumerate(recipe.fields.items()):
        found, count = grams(description.texts.get(name, ""), block, name)
        hashes.append(found)
        counts.append(count)
        parts.append(np.full(len(found), number))
    flags = flag_hashes(description.flags)
    hashes.append(flags)
    counts.append(np.full(len(flags), recipe.flag_weight, np.float32))
    parts.append(np.full(len(flags), -1))
    return np.concatenate(hashes), np.concatenate(counts), np.concatenate(parts)


def _logistic(x: csr_matrix, y: Array, sample: Array, recipe: Recipe) -> tuple[Array, Array]:
    learner = LogisticRegression(C=recipe.c_logistic, max_iter=200, class_weight="balanced" if recipe.balanced else None, tol=1e-3)
    learner.fit(x, y, sample_weight=sample)
    return _columns(learner)


def _svm(x: csr_matrix, y: Array, sample: Array, recipe: Recipe) -> tuple[Array, Array]:
    learner = LinearSVC(C=recipe.c_svm, class_weight="balanced" if recipe.balanced else None)
    learner.fit(x, y, sample_weight=sample)
    return _columns(learner)


def _nb_svm(x: csr_matrix, y: Array, sample: Array, recipe: Recipe) -> tuple[Array, Array]:
    """One SVM a label, over grams that weigh as much as naive Bayes finds them telling for or against it (Wang & Manning 2012)."""
    inside, outside = _counts(x, y, sample)
    odds = np.abs(np.log(inside / inside.sum(axis=0)) - np.log(outside / outside.sum(axis=0)))
    table, bias = np.zeros(odds.shape), np.zeros(odds.shape[1])
    for label, told in enumerate(odds.T):
        learner = LinearSVC(C=recipe.c_nb_svm, class_weight="balanced" if recipe.balanced else None)
        learner.fit(csr_matrix(x @ diags(told)), y == label, sample_weight=sample)
        table[:, label], bias[label] = learner.coef_[0] * told, learner.intercept_[0]
    return table, bias


def _columns(learner: Any) -> tuple[Array, Array]:
    """[features, labels] and [labels]; of two labels sklearn gives the second alone."""
    table, bias = learner.coef_.T, learner.intercept_
    return (table, bias) if table.shape[1] > 1 else (np.hstack([-table, table]), np.hstack([-bias, bias]))


def _bayes(x: csr_matrix, y: Array, sample: Array, recipe: Recipe) -> tuple[Array, Array]:
    """Complement naive Bayes: log odds of a gram outside the class; flags are non-negative too."""
    _, outside = _counts(x, y, sample)
    table = -np.log(outside / outside.sum(axis=0))
    table = table - table.mean(axis=1, keepdims=True)
    return table, np.zeros(y.max() + 1)


def _counts(x: csr_matrix, y: Array, sample: Array) -> tuple[Array, Array]:
    """How much of each gram stands inside and outside of each label [features, labels], smoothed."""
    inside = x.T @ (np.eye(y.max() + 1)[y] * sample[:, None])
    return inside + 0.1, inside.sum(axis=1, keepdims=True) - inside + 0.1


_LEARNERS = {"logistic": _logistic, "svm": _svm, "nb_svm": _nb_svm, "bayes": _bayes}
