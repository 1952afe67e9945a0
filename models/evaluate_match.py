"""Measures matching and threading apart from the gate: gold kinds, categories true or predicted by a model that read other authors.

Prints B³ of reports, the share of joined pairs that are wrong, and how many supplements and follow-ups hang on the right matter.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.answering import shipped_encoder
from models.conversations import Conversation, Transcript, gold_matters
from models.corpora import data_folder
from models.hearing import SETS, Hearing, crossed_rankers, talks
from nlp.match_rules import load_rules
from nlp.taxonomy import load_taxonomy


def measure(told: Sequence[Transcript], heard: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The figures of one set; `heard` are lines of `minhu replay`."""
    precision = recall = reports = joined = wrong = hung = right = 0.0
    for transcript, line in zip(told, heard, strict=True):
        found = {m["id"]: m["matters"] for m in line["messages"]}
        gold = {m["id"]: gold_matters(m) for m in transcript["messages"]}
        kinds = {m["id"]: m["gold"]["kind"] for m in transcript["messages"]}
        mine = {i: (found[i] or [f"none {i}"])[0] for i in kinds if kinds[i] == "report"}
        for i in mine:
            same = {k for k in mine if mine[k] == mine[i]}
            true = {k for k in mine if gold[k][:1] == gold[i][:1]}
            precision, recall, reports = precision + len(same & true) / len(same), recall + len(same & true) / len(true), reports + 1
        for a, b in itertools.combinations(mine, 2):
            if mine[a] == mine[b]:
                joined, wrong = joined + 1, wrong + (gold[a][:1] != gold[b][:1])
        meant = _meant(found, gold)
        for i, kind in kinds.items():
            if kind in ("supplement", "follow_up") and gold[i]:
                hung, right = hung + 1, right + any(meant.get(m) == gold[i][0] for m in found[i])
    precision, recall = precision / reports, recall / reports
    return {"b3": 2 * precision * recall / (precision + recall), "precision": precision, "recall": recall,
            "wrong_joins": wrong / max(joined, 1), "attached": right / max(hung, 1)}  # fmt: skip


def _meant(found: dict[str, list[str]], gold: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Found matter → the true matter most of its messages belong to."""
    shares: dict[str, Counter[str]] = defaultdict(Counter)
    for i, matters in found.items():
        for matter in matters:
            shares[matter].update(gold[i])
    return {matter: count.most_common(1)[0][0] for matter, count in shares.items() if count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", choices=("dev", *SETS), default="dev")
    options = parser.parse_args()
    data, rules = data_folder(options.data), load_rules()
    told = talks(data, options.set)
    for name, ranker in (
        ("true categories", None),
        ("predicted categories", crossed_rankers(data, [options.set], shipped_encoder())[options.set]),
    ):
        hearing = Hearing(ranker)
        heard = [Conversation(t, load_taxonomy(), rules).run(hearing) for t in told]
        print(f"{options.set}, {name}:", {k: round(v, 4) for k, v in measure(told, heard).items()})


if __name__ == "__main__":
    main()
