"""Fits the weights of `nlp/topics.yaml`: which letters are one matter, cross-validated over matters."""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from models.answering import shipped_encoder
from models.corpora import data_folder
from nlp.classify import rank
from nlp.letters import Array, Letter, Shelf
from nlp.pipeline import load_understander
from nlp.schema import RankedCategory
from nlp.text import normalise
from nlp.topic_rules import TopicRules, load_topic_rules
from nlp.topics import gather, sameness

FOLDS, SEEDS = 5, 3
HARD_WEIGHT, C = 8.0, 0.3
"""Look-alikes that are not one matter weigh as much as eight others: joining them is the mistake that hurts."""


@dataclass(frozen=True)
class Judged:
    """Hand-judged letters: matter of each, pairs that look alike and are not, pairs that count for nothing."""

    matters: dict[str, str]
    hard: frozenset[frozenset[str]]
    open: frozenset[frozenset[str]]


def read_letters(path: Path) -> list[Letter]:
    rows = _rows(path)
    return [
        Letter(r["id"], r["user"], r["title"].strip(), _time(r["time"]), r["detail"].strip(), int(r["likes"]), int(r["against"]))
        for r in rows
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _time(text: str) -> datetime:
    return datetime.fromisoformat("-".join(p.zfill(2) for p in text.split()[0].replace("/", "-").split("-")))


def read_judged(folder: Path) -> Judged:
    with (folder / "matters_dev.jsonl").open(encoding="utf8") as lines:
        matters = {str(letter): m["matter"] for m in map(json.loads, lines) for letter in m["letters"]}
    pairs = [frozenset(frozenset((r["a"], r["b"])) for r in _rows(folder / f"{n}_dev.csv")) for n in ("hard_negatives", "ambiguous_pairs")]
    return Judged(matters, pairs[0] - pairs[1], pairs[1])


@dataclass(frozen=True)
class Table:
    """Candidate pairs of a shelf with evidence [pairs, names] and labels (1, 0, -1 unjudged)."""

    ids: list[str]
    i: Array
    j: Array
    names: list[str]
    x: Array
    y: Array
    weight: Array

    def group(self, row: int, judged: Judged, seed: int) -> int:
        """Fold of a letter: letters of one matter stay together."""
        return crc32(f"{seed}:{judged.matters.get(self.ids[row], self.ids[row])}".encode()) % FOLDS


def build(letters: Sequence[Letter], judged: Judged, rules: TopicRules, models: Path | None) -> Table:
    ordered = sorted(letters, key=lambda x: x.id)
    shelf = Shelf(ordered, rules, _ranker(models), shipped_encoder(2, "documents", models)) if models else Shelf(ordered, rules)
    i, j = shelf.candidates()
    evidence = shelf.evidence(i, j)
    ids = [x.id for x in ordered]
    size = Counter(judged.matters.values())
    y, weight = np.full(len(i), -1), np.ones(len(i))
    for n, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
        pair = frozenset((ids[a], ids[b]))
        one, two = judged.matters.get(ids[a]), judged.matters.get(ids[b])
        if pair in judged.open:
            continue
        if pair in judged.hard:
            y[n], weight[n] = 0, HARD_WEIGHT
        elif one and two:
            y[n] = int(one == two)
            weight[n] = 2 / (size[one] - 1) if one == two else 1.0
    return Table(ids, i, j, list(evidence), np.stack(list(evidence.values()), axis=1), y, weight)


def _ranker(models: Path) -> Any:
    understander = load_understander(models)

    def ranked(text: str) -> RankedCategory:
        return rank(normalise(text).text, understander.models.category, understander.taxonomy)

    return ranked


def fit(table: Table, keep: Array) -> dict[str, float]:
    """Weights of plain evidence: the scaling of the training is folded in."""
    scaler = StandardScaler().fit(table.x[keep])
    learner = LogisticRegression(C=C, max_iter=3000).fit(scaler.transform(table.x[keep]), table.y[keep], sample_weight=table.weight[keep])
    scaled = learner.coef_[0] / scaler.scale_
    bias = float(learner.intercept_[0] - scaled @ scaler.mean_)
    return {"bias": round(bias, 4), **{n: round(float(w), 4) for n, w in zip(table.names, scaled, strict=True)}}


def held_out(table: Table, judged: Judged) -> Array:
    """Probability of every pair by models that saw neither of its letters' matters, averaged over SEEDS splits."""
    columns = {name: table.x[:, n] for n, name in enumerate(table.names)}
    runs = []
    for seed in range(SEEDS):
        one = np.array([table.group(a, judged, seed) for a in table.i])
        two = np.array([table.group(b, judged, seed) for b in table.j])
        total, times = np.zeros(len(one)), np.zeros(len(one))
        for fold in range(FOLDS):
            weights = fit(table, (table.y >= 0) & (one != fold) & (two != fold))
            test = (one == fold) | (two == fold)
            total[test] += sameness(columns, weights)[test]
            times[test] += 1
        runs.append(total / np.maximum(times, 1))
    return np.asarray(np.mean(runs, axis=0))


def figures(groups: Sequence[Sequence[str]], judged: Judged) -> dict[str, float]:
    """B³, recall averaged over matters, share of look-alikes joined."""
    home = {letter: n for n, group in enumerate(groups) for letter in group}
    by_matter: dict[str, set[str]] = defaultdict(set)
    for letter, matter in judged.matters.items():
        by_matter[matter].add(letter)
    precision = recall = 0.0
    for letter, matter in judged.matters.items():
        mine = {x for x in judged.matters if letter in home and home.get(x) == home[letter]} | {letter}
        both = len(mine & by_matter[matter])
        precision, recall = precision + both / len(mine), recall + both / len(by_matter[matter])
    precision, recall = precision / len(judged.matters), recall / len(judged.matters)
    shares = []
    for group in by_matter.values():
        pairs = [p for p in itertools.combinations(sorted(group), 2) if frozenset(p) not in judged.open]
        if pairs:
            shares.append(sum(a in home and home.get(b) == home[a] for a, b in pairs) / len(pairs))
    joined = sum(len({home.get(x, x) for x in pair}) == 1 for pair in judged.hard)
    return {
        "b3": 2 * precision * recall / (precision + recall),
        "macro_recall": float(np.mean(shares)),
        "look_alikes_joined": joined / len(judged.hard),
    }


def main() -> None:
    """Prints cross-validated figures by threshold, then the weights as they go into nlp/topics.yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--models", type=Path, default=Path(__file__).parent / "shipped")
    options = parser.parse_args()
    folder = data_folder(options.data) / "hot_topics"
    letters, judged, rules = read_letters(folder / "letters.csv"), read_judged(folder), load_topic_rules()
    for name, models in (("weights", options.models), ("weights_by_words", None)):
        table = build(letters, judged, rules, models)
        p = held_out(table, judged)
        for bound in np.arange(0.4, 0.62, 0.01):
            limits = rules.limits.model_copy(update={"one_matter": float(bound)})
            groups = gather(len(table.ids), table.i, table.j, p, rules.model_copy(update={"limits": limits}))
            row = figures([[table.ids[k] for k in g] for g in groups], judged)
            print(name, f"one_matter={bound:.2f}", {k: round(v, 4) for k, v in row.items()})
        print(f"{name}:", json.dumps(fit(table, table.y >= 0), ensure_ascii=False))


if __name__ == "__main__":
    main()
