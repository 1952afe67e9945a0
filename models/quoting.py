"""`python -m models.quoting`: fits which words of a passage answer, and how far a base can be trusted, with grouped cross-validation."""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.cards import SHIPPED
from models.corpora import data_folder
from models.grow import Grown, grow_numbers
from models.policies import Exam, Question, exams
from nlp import spans, trust
from nlp.encoder import Encoder, load_encoder
from nlp.kept_vectors import KeptVectors
from nlp.pipeline import newest
from nlp.reader import load_reader
from nlp.retrieve import Base, tuning
from nlp.span_signs import sign_names
from nlp.trees import Trees

FOLDS = 5
# of a question's stretches, the best and some of the others are learned from
BEST, OTHERS = 20, 200
ROUNDS = 200
Floats = NDArray[np.float32]
Rows = tuple[NDArray[np.float64], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One question's candidate stretches: their signs [n, k], the character F1 each would score, and what the reader expects of it."""

    signs: Floats
    worth: Floats
    read: Floats


def choices(base: Base, asked: list[Question]) -> list[Choice]:
    found = []
    for question in asked:
        look = base.look(question.text)
        reads = [read for _, _, read in base.reads(look.found)]
        places, signs = spans.described(question.text, reads, base.rarity(question.text))
        worth = np.zeros(len(places), np.float32)
        for at, read in enumerate(reads):
            here = places[:, 0] == at
            worth[here] = _worth(read.text, question.answer, places[here, 1], places[here, 2])
        found.append(Choice(signs, worth, spans.read_worths(reads, places)))
    return found


def _worth(text: str, gold: str, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Floats:
    """Character F1 of every stretch at once, from running counts."""
    wanted = {c: gold.count(c) for c in set(gold) if c.isalnum()}
    counts = np.array([[c == w for c in text] for w in wanted]).reshape(len(wanted), len(text)).cumsum(1)
    counts = np.concatenate([np.zeros((len(wanted), 1), int), counts], 1)
    length = np.concatenate(([0], np.cumsum([c.isalnum() for c in text])))
    inside = counts[:, ends] - counts[:, starts]
    common = np.minimum(inside, np.array(list(wanted.values())).reshape(-1, 1)).sum(0)
    total = length[ends] - length[starts] + sum(wanted.values())
    return np.asarray(2 * common / np.maximum(total, 1), np.float32)


def fit_stretches(found: list[Choice]) -> Grown:
    """Trees that tell the character F1 of a stretch, grown on the best of each question and on some of the others."""
    some = np.random.default_rng(0)
    kept = []
    for choice in found:
        best = np.argsort(-choice.worth, kind="stable")[:BEST]
        kept.append(np.union1d(best, some.choice(len(choice.worth), min(OTHERS, len(choice.worth)), replace=False)))
    signs = np.concatenate([c.signs[k] for c, k in zip(found, kept, strict=True)])
    worth = np.concatenate([c.worth[k] for c, k in zip(found, kept, strict=True)])
    return grow_numbers(signs, worth, rounds=ROUNDS, leaves=24, rate=0.06, least=40)


def scored(found: list[Choice], grown: Grown) -> list[float]:
    """Character F1 of what trees and reader would answer."""
    trees, weight = Trees(grown.tensors, grown.depth), tuning().stretch_weight
    worths = [(1 - weight) * trees.sums(c.signs) + weight * c.read for c in found]
    return [float(c.worth[w.argmax()]) if len(c.worth) else 0.0 for c, w in zip(found, worths, strict=True)]


def keep(grown: Grown) -> None:
    target = Path(spans.__file__).with_name("answering.npz")
    np.savez_compressed(target, allow_pickle=False, **grown.tensors, depth=np.int64(grown.depth), names=np.array(sign_names()))


def by_document(asked: list[Question]) -> NDArray[np.int64]:
    """A fold for each question; questions of one document share it."""
    documents = sorted({q.doc for q in asked})
    folds = dict(zip(documents, np.random.default_rng(1).permutation(len(documents)) % FOLDS, strict=True))
    return np.array([folds[q.doc] for q in asked])


def trust_rows(base: Base, exam: Exam, names: Sequence[str]) -> Rows:
    """Signs [n, k] by their names of texts in and out of scope, and which are in scope."""
    texts = [(q.text, True) for q in exam.asked] + [(t, False) for some in exam.refuse.values() for t in some]
    rows, inside = [], []
    for text, scope in texts:
        look = base.look(text)
        if look.found:
            seen = base.signs(look)
            rows.append([seen[name] for name in names])
            inside.append(scope)
    return np.array(rows), np.array(inside)


def smaller(exam: Exam) -> dict[str, Exam]:
    """The same exam over parts of its documents: what a probability says must not depend on how large a base is."""
    some = random.Random(5)
    found = {}
    for size in (15, 40, 100):
        for n in range(3):
            documents = some.sample(exam.documents, size)
            ids = {d.id for d in documents}
            refuse = {source: texts[:60] for source, texts in exam.refuse.items()}
            asked = [q for q in exam.asked if q.doc in ids]
            found[f"{exam.name} {size}.{n}"] = Exam(f"{exam.name} {size}.{n}", documents, asked, refuse)
    return found


def report(rows: NDArray[np.float64], inside: NDArray[np.bool_], weights: dict[str, float]) -> str:
    names = [name for name in weights if name != "constant"]
    sure = np.array([trust.probability(dict(zip(names, r, strict=True)), weights) for r in rows])
    return f"answered {np.mean(sure[inside] >= 0.5):.3f}, refused {np.mean(sure[~inside] < 0.5):.3f}"


def fit_trust(sets: list[Rows], names: Sequence[str]) -> dict[str, float]:
    """Logistic regression in which every base, and what is in and out of scope within it, weighs the same."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rows = np.concatenate([r for r, _ in sets])
    inside = np.concatenate([i for _, i in sets])
    weight = np.concatenate([np.where(i, 1 / i.sum(), 1 / (~i).sum()) for _, i in sets])
    scale = StandardScaler().fit(rows)
    model = LogisticRegression().fit(scale.transform(rows), inside, sample_weight=weight * 300)
    slopes = model.coef_[0] / scale.scale_
    constant = float(model.intercept_[0] - (slopes * scale.mean_).sum())
    return {"constant": round(constant, 3), **{name: round(float(s), 3) for name, s in zip(names, slopes, strict=True)}}


def show_trust(sets: dict[str, Rows], names: Sequence[str]) -> None:
    """Print how well each base is judged by weights fitted without it, and the weights fitted on all of them."""
    # replies often answer in words that have nothing to do with the title; composed and daily questions measure; what is weighed came
    # later, for what the reader says
    apart = {"replies", "composed", "daily", *(() if trust.READING in names else ("weighed",))}
    used = {name: rows for name, rows in sets.items() if name not in apart}
    for name in ("policies", "idcard", "sample"):
        weights = fit_trust([rows for other, rows in used.items() if not other.startswith(name)], names)
        print(f"{name} left out: {report(*sets[name], weights)}", flush=True)
    weights = fit_trust(list(used.values()), names)
    for name in sets:
        print(f"{name}: {report(*sets[name], weights)}", flush=True)
    print(f"fitted for {', '.join(names)}: {weights}", flush=True)


def fit_all_trust(every: dict[str, Exam]) -> None:
    parts = {**every, **smaller(every["policies"])}
    show_trust({name: trust_rows(e.base(), e, trust.SIGNS) for name, e in parts.items()}, trust.SIGNS)
    with tempfile.TemporaryDirectory() as folder:
        encoder: Encoder = load_encoder(newest(SHIPPED, "documents") or SHIPPED / "documents")
        kept = KeptVectors(Path(folder) / "vectors", encoder, writable=False)
        names = (*trust.SIGNS, trust.MEANING)
        show_trust({name: trust_rows(e.base(encoder, kept), e, names) for name, e in parts.items() if name != "replies"}, names)
        also, reader = (*names, trust.READING), load_reader(SHIPPED)
        show_trust({name: trust_rows(e.base(encoder, kept, reader), e, also) for name, e in parts.items() if name != "replies"}, also)


def _mean(scores: list[float]) -> str:
    return f"{np.mean(scores):.3f} ± {1.96 * np.std(scores) / len(scores) ** 0.5:.3f} (n={len(scores)})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m models.quoting", description=__doc__)
    parser.add_argument("--data", help="the data folder (default: MINHU_DATA, else ../shared/data)")
    parser.add_argument("--answers-only", action="store_true", help="leave the weights of trust as they are")
    options = parser.parse_args()
    every = exams(Path(data_folder(options.data)))
    if not options.answers_only:
        fit_all_trust(every)
    exam = every["policies"]
    encoder = load_encoder(newest(SHIPPED, "documents") or SHIPPED / "documents", threads=2)
    found, folds = choices(exam.base(encoder, reader=load_reader(SHIPPED)), exam.asked), by_document(exam.asked)
    scores: list[float] = []
    for held in range(FOLDS):
        grown = fit_stretches([c for c, f in zip(found, folds, strict=True) if f != held])
        scores += scored([c for c, f in zip(found, folds, strict=True) if f == held], grown)
        print(f"answers, {held + 1} of {FOLDS} folds by document: character F1 {_mean(scores)}", flush=True)
    keep(fit_stretches(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
