"""The 82 matters: words and the encoder's vector, calibrated on folds whose authors the model has not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.calibrate import calibration_error, coverage, softmax, temperature, thresholds
from models.composed.reading import conversations, matter_messages
from models.corpora import Labelled, labelled_real, reports_of, transcript_reports
from models.fit import Fitted, Recipe, fit
from models.talks import AUTHORS, training_singles
from nlp.classify import rank
from nlp.encoder import Encoder
from nlp.grams import Description, Field
from nlp.linear import LinearModel
from nlp.taxonomy import Taxonomy
from nlp.text import normalise

NAME = "category_v7"
FOLDS = 5
RECIPE = Recipe({"text": Field((1, 4), 2)}, share={"svm": 1.0}, c_svm=0.3)
HEAD_SHARE = 0.5
HEAD_C = 10.0
COMPOSED = "talk"
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Set:
    """Training rows with their vectors [n, d] (None: no encoder) and the fold each belongs to (-1: always in training)."""

    rows: list[Labelled]
    texts: list[str]
    vectors: Array | None
    folds: Array


def training_set(data: Path, taxonomy: Taxonomy, encoder: Encoder | None) -> Set:
    said = [Labelled(w, m.id, "", "report", False, "catalogue", "catalogue") for m in taxonomy.matters for w in (*m.says, m.name)]
    told = [m for m in (*training_singles(data), *matter_messages()) if m.category]
    talks = [r for name in AUTHORS for r in transcript_reports(data, name)]
    rows = [*said, *told, *labelled_real(data), *talks, *reports_of(conversations(), COMPOSED)]
    rows = [r for r in rows if taxonomy.matter(r.category)]
    texts = [normalise(r.text).text for r in rows]
    vectors = encoder.encode(texts) if encoder else None
    return Set(rows, texts, vectors, np.array([_fold(r) for r in rows]))


def _fold(row: Labelled) -> int:
    """Transcripts part by author (those composed here by region: the first letters of their id), real messages by letter,
    single composed ones by row."""
    if row.source in AUTHORS:
        return AUTHORS.index(row.source)
    if row.source == COMPOSED:
        return crc32(row.group[: len(COMPOSED) + 3].encode()) % FOLDS
    return -1 if row.source == "catalogue" else crc32(row.group.encode()) % FOLDS


def fit_category(train: Set, keep: Array, encoder: Encoder | None, name: str = NAME) -> Fitted:
    """`keep` [n] bool: the rows to learn from."""
    chosen = np.flatnonzero(keep)
    labels = [train.rows[i].category for i in chosen]
    fitted = fit(name, [Description({"text": train.texts[i]}) for i in chosen], labels, RECIPE)
    if train.vectors is not None and encoder is not None:
        fitted.tensors["head"] = _head(train.vectors[chosen], labels)
        fitted.config["head"] = {"encoder": encoder.name, "share": HEAD_SHARE, "temperature": 1.0}
    return fitted


def _head(vectors: Array, labels: Sequence[str]) -> Array:
    """Logistic regression on standardised vectors, folded back so that it reads plain ones: [d + 1, labels]."""
    mean, spread = vectors.mean(axis=0), vectors.std(axis=0) * 20
    learner = LogisticRegression(C=HEAD_C, max_iter=300)
    learner.fit((vectors - mean) / spread, labels)
    table = learner.coef_.T / spread[:, None]
    return np.vstack([table, learner.intercept_ - mean @ table]).astype(np.float32)


@dataclass(frozen=True)
class Unseen:
    """Out-of-fold answers: logits of the words and of the head [n, labels], over rows `index` of the set."""

    labels: tuple[str, ...]
    index: Array
    words: Array
    head: Array | None


def out_of_fold(train: Set, encoder: Encoder | None, progress: Any = None) -> Unseen:
    labels = tuple(sorted({r.category for r in train.rows}))
    index, words, heads = [], [], []
    for fold in range(FOLDS):
        model = fit_category(train, train.folds != fold, encoder).runtime()
        columns = [labels.index(label) for label in model.labels]
        for i in np.flatnonzero(train.folds == fold):
            row = np.full(len(labels), -5.0)
            row[columns] = model.logits(Description({"text": train.texts[i]}))
            words.append(row)
            index.append(i)
            if train.vectors is not None:
                head = np.full(len(labels), -20.0)
                head[columns] = model.head_logits(train.vectors[i])
                heads.append(head)
        if progress:
            progress(f"category: fold {fold + 1} of {FOLDS}")
    return Unseen(labels, np.array(index), np.array(words), np.array(heads) if heads else None)


def right_answers(rows: Sequence[Labelled], labels: Sequence[str]) -> Array:
    return np.array([[label in (r.category, r.second) for label in labels] for r in rows])


def calibrate(fitted: Fitted, unseen: Unseen, rows: Sequence[Labelled]) -> dict[str, Any]:
    """Sets temperatures and thresholds of `fitted`; returns the figures of the unseen answers, alone and joined."""
    # What was composed here was written to be hard: residents' own messages and the training authors' reports set what a probability means
    natural = np.array([_is_natural(rows[i]) for i in unseen.index])
    head = None if unseen.head is None else unseen.head[natural]
    unseen = Unseen(unseen.labels, unseen.index[natural], unseen.words[natural], head)
    right = right_answers([rows[i] for i in unseen.index], unseen.labels)
    divisor = temperature(unseen.words, right)
    fitted.config["temperature"] = divisor
    alone = softmax(unseen.words / divisor)
    figures: dict[str, Any] = {"alone": _decide(fitted.config, "alone", alone, right, unseen.labels)}
    if unseen.head is not None:
        mixed = _mixed(alone, unseen.head)
        fitted.config["head"]["temperature"] = temperature(mixed, right)
        joined = softmax(mixed / fitted.config["head"]["temperature"])
        figures["joined"] = _decide(fitted.config, "joined", joined, right, unseen.labels)
    return figures


def _mixed(words: Array, head: Array) -> Array:
    """Probabilities of the words and logits of the head [n, labels] → their joint logarithms, before the joint temperature."""
    joint: Array = (1 - HEAD_SHARE) * np.log(words + 1e-9) + HEAD_SHARE * np.log(softmax(head) + 1e-9)
    return joint


def _is_natural(row: Labelled) -> bool:
    return row.kind == "report" if row.source in AUTHORS else row.source not in ("messages", "composed", COMPOSED)


def _decide(config: dict[str, Any], mode: str, p: Array, right: Array, labels: Sequence[str]) -> dict[str, float]:
    best, confidence = p.argmax(axis=1), p.max(axis=1)
    hit = right[np.arange(len(p)), best]
    pooled, own = thresholds(labels, best, confidence, hit)
    config[f"accept_{mode}"] = {"pooled": pooled, "own": own}
    limit = np.array([max(pooled, own.get(label, 0.0)) for label in labels])[best]
    passed = confidence >= limit
    top3 = np.argsort(-p, axis=1)[:, :3]
    return {
        "n": len(p),
        "top1": round(float(hit.mean()), 4),
        "top3": round(float(np.take_along_axis(right, top3, axis=1).any(axis=1).mean()), 4),
        "ece": round(calibration_error(confidence, hit), 4),
        "coverage_at_95": round(coverage(confidence, hit), 4),
        "accepted": round(float(passed.mean()), 4),
        "accepted_right": round(float(hit[passed].mean()), 4) if passed.any() else 1.0,
    }


def unseen_answers(train: Set, unseen: Unseen, rows: set[int]) -> list[tuple[str, Array, Array]]:
    """(mode, probabilities, right answers) of the out-of-fold answers to some rows, calibrated as `calibrate` does on the other folds."""
    right = right_answers([train.rows[i] for i in unseen.index], unseen.labels)
    natural = np.array([_is_natural(train.rows[i]) for i in unseen.index])
    folds, mine = train.folds[unseen.index], np.isin(unseen.index, list(rows))
    words, joined = np.zeros(unseen.words.shape), np.zeros(unseen.words.shape)
    for fold in range(FOLDS):
        asked, taught = folds == fold, natural & (folds != fold)
        alone = softmax(unseen.words / temperature(unseen.words[taught], right[taught]))
        words[asked] = alone[asked]
        if unseen.head is not None:
            mixed = _mixed(alone, unseen.head)
            joined[asked] = softmax(mixed[asked] / temperature(mixed[taught], right[taught]))
    found = [("words", words[mine], right[mine])]
    return found if unseen.head is None else [*found, ("words and encoder", joined[mine], right[mine])]


def scores(rows: Sequence[Labelled], model: LinearModel, taxonomy: Taxonomy, encoder: Encoder | None) -> dict[str, float]:
    """Figures of a model over labelled rows through the product's own `rank`; `second` counts as right."""
    texts = [normalise(r.text).text for r in rows]
    vectors = encoder.encode(texts) if encoder else [None] * len(rows)
    n = strict = top1 = top3 = domain = accepted = accepted_right = 0
    sure, hits = [], []
    for row, text, vector in zip(rows, texts, vectors, strict=True):
        found = rank(text, model, taxonomy, vector)
        good = {row.category, row.second} - {""}
        hit = found.best in good
        n += 1
        strict += found.best == row.category
        top1 += hit
        top3 += bool(good & {m for m, _ in found.top[:3]})
        domain += found.domain in {g.split(".")[0] for g in good}
        accepted += found.accepted
        accepted_right += found.accepted and hit
        sure.append(found.confidence)
        hits.append(hit)
    return {
        "n": n, "top1_strict": strict / n, "top1": top1 / n, "top3": top3 / n, "domain": domain / n,
        "ece": calibration_error(np.array(sure), np.array(hits)), "coverage_at_95": coverage(np.array(sure), np.array(hits)),
        "accepted": accepted / n, "accepted_right": accepted_right / max(accepted, 1),
    }  # fmt: skip
