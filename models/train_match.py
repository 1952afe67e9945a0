"""Fits the weights of `nlp/match.yaml` on transcripts of two authors and the composed ones, and prints them, in about two minutes;
`models.evaluate_match` measures them.

A conditional logit a kind of message, drawn towards PRIOR (transcripts are few). Categories are predicted by a model that has not read
the transcripts. Every fifth report meets a decoy, a matter of its own category out of another transcript: in real groups two troubles of
one kind are commoner than authors make them, and without decoys category alone would join them. With `--partings` (an answer of
`GET /v1/partings`) what workers merged and took apart teaches the same: the later words met the earlier matter, and were not of it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize

from intake_api.contracts import PartedMatter, PartingPage
from models.answering import shipped_encoder
from models.conversations import Conversation, Heard, Transcript, gold_matters
from models.corpora import data_folder
from models.hearing import SETS, Hearing, crossed_rankers, talks
from models.talks import is_held_out
from nlp.encoder import Encoder
from nlp.evidence import NOWHERE, weigh
from nlp.match import possible
from nlp.match_rules import EVIDENCE, MatchRules, load_rules
from nlp.remembered import RememberedVectors
from nlp.schema import STAFF_ROLES, Earlier, Kind, MatterSketch, Place, RankedCategory, Utterance
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise
from nlp.thread import may_hang, signal_of

PRIOR_PATH = Path(__file__).with_name("match_prior.yaml")
DECOYS = 0.2
MISHEARD: dict[Kind, float] = {"follow_up": 0.1, "supplement": 0.07, "reply": 1.0}
"""Shares of the reports (for replies: of staff) that the gate takes for another kind: they teach when to hang a message on nothing."""
PULL, PULL_OF_BIAS = 2.0, 0.05
NOT_FITTED = {"meaning", "crowd", "media"}
"""Meaning is weighed afterwards, on what the encoder has not read; how many have reported, and photos without words, are told by
authors as no group tells them."""
MEANING = tuple(float(w) for w in range(9))


@dataclass(frozen=True)
class Choice:
    """Evidence [matters, EVIDENCE] a message met, and which row it belongs to (None: none of them). `unread`: its conversation was
    held out of the encoder's training, and meaning is weighed."""

    x: NDArray[np.float64]
    chosen: int | None
    unread: bool = False


def collect(data: Path, names: Sequence[str], rules: MatchRules, encoder: Encoder | None, seed: int = 0) -> dict[str, list[Choice]]:
    """Choices by kind, from gold histories with categories of models that have not read the set."""
    found: dict[str, list[Choice]] = {kind: [] for kind in rules.weights}
    remembered = RememberedVectors(lambda text: encoder.encode([normalise(text).text])[0]) if encoder else None
    rankers, rng = crossed_rankers(data, names, encoder), random.Random(seed)
    for name in names:
        told = talks(data, name)
        decoys, hearing = _decoys(told), Hearing(rankers[name])
        for transcript in told:
            observer = _Observer(transcript, decoys, rng, rules, found, remembered if is_held_out(transcript["id"]) else None)
            Conversation(transcript, load_taxonomy(), rules, observer).run(hearing)
    return found


def _decoys(told: Sequence[Transcript]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Category → (transcript, words of the reports) of its matters."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for transcript in told:
        for matter in transcript["matters"]:
            reports = [m for m in transcript["messages"] if m["gold"]["kind"] == "report" and matter["id"] in gold_matters(m)[:1]]
            if reports:
                found.setdefault(matter["category"], []).append((transcript["id"], tuple(m["text"] for m in reports)))
    return found


class _Observer:
    """Turns what a conversation shows into choices."""

    def __init__(
        self, transcript: Transcript, decoys: Mapping[str, Any], rng: random.Random, rules: MatchRules,
        found: dict[str, list[Choice]], remembered: RememberedVectors | None,
    ) -> None:  # fmt: skip
        self.transcript, self.decoys, self.rng, self.rules = transcript, decoys, rng, rules
        self.found, self.remembered = found, remembered

    def __call__(self, u: Utterance, heard: Heard, sketches: Sequence[MatterSketch], gold: tuple[str, ...]) -> None:
        if heard.kind not in self.found:
            return
        told = (heard.category, *heard.also) if heard.kind == "report" else (heard.category,)
        for n, category in enumerate(told):
            met = [s for s in sketches if s.id not in gold[:n]]
            self._choice(u, heard, category, met, gold[n] if n < len(gold) else None)
        if heard.kind == "report":
            for kind, share in MISHEARD.items():
                if (u.role in STAFF_ROLES) == (kind == "reply") and self.rng.random() < share:
                    self._choice(u, replace(heard, kind=kind), heard.category, list(sketches), gold[0] if gold else None)

    def _choice(self, u: Utterance, heard: Heard, category: RankedCategory, met: list[MatterSketch], gold: str | None) -> None:
        at = u.at
        assert at is not None  # noqa: S101
        decoy = self._decoy(u, category, gold) if heard.kind == "report" and self.rng.random() < DECOYS else None
        if decoy:
            met = [*met, decoy]
            u = replace(u, previous=_with(decoy, u.previous, u))
        signal = signal_of(u, at, category, heard.place)
        rows = weigh(signal, met, self.rules, self.remembered.compare(signal.text, met) if self.remembered else None)
        allowed = [s.id for s in met if may_hang(heard.kind, signal, s, self.rules)]
        if allowed and not (gold in {s.id for s in met} and gold not in allowed):
            x = np.array([[rows[i].get(name, 0.0) for name in EVIDENCE] for i in allowed])
            self.found[heard.kind].append(Choice(x, allowed.index(gold) if gold in allowed else None, self.remembered is not None))

    def _decoy(self, u: Utterance, category: RankedCategory, gold: str | None) -> MatterSketch | None:
        assert u.at is not None  # noqa: S101
        truth = next((m["category"] for m in self.transcript["matters"] if m["id"] == gold), None)
        others = [words for where, words in self.decoys.get(truth or "", ()) if where != self.transcript["id"]]
        if not others:
            return None
        at = u.at - timedelta(minutes=3 * 960 ** self.rng.random())
        believed = category.best if self.rng.random() < 0.6 else truth
        return MatterSketch("decoy", believed, NOWHERE, self.rng.choice(others), at, at, frozenset({"somebody else"}))


def _with(decoy: MatterSketch, previous: tuple[Earlier, ...], u: Utterance) -> tuple[Earlier, ...]:
    """The talk with the decoy's last report in it, a message every three minutes ago."""
    assert u.at is not None  # noqa: S101
    ago = int((u.at - decoy.last_at).total_seconds() / 180)
    if ago >= 30:
        return previous
    place = max(0, len(previous) - ago)
    said = Earlier("decoy", "somebody else", "resident", decoy.last_at, decoy.texts[-1], "report", ("decoy",))
    return (*previous[:place], said, *previous[place:])


def parted(page: PartingPage, rules: MatchRules) -> list[Choice]:
    """Hard negatives of a production system: each pair is a report that met one matter and belongs to none."""
    found = []
    for pair in page.partings:
        earlier, later = sorted((pair.one, pair.other), key=lambda side: side.at)
        if not earlier.texts or not later.texts:
            continue
        at, place = later.at, _place(later)
        matter = MatterSketch("parted", earlier.category, _place(earlier), tuple(earlier.texts), earlier.at, earlier.at)
        said = Utterance(later.texts[0], at=at, sender="somebody")
        ranked = RankedCategory(((later.category, 1.0),), True) if later.category else RankedCategory()
        if possible(place, at, matter, rules):
            row = weigh(signal_of(said, at, ranked, place), [matter], rules)["parted"]
            found.append(Choice(np.array([[row.get(name, 0.0) for name in EVIDENCE]]), None))
    return found


def _place(side: PartedMatter) -> Place:
    p = side.place
    return Place(p.estate, p.building, p.unit, p.floor, p.room, p.road, p.spot)


def fit(choices: Sequence[Choice], prior: Mapping[str, float]) -> dict[str, float]:
    """Weights that make the choices likely, drawn towards the prior by PULL · (w - prior)²."""
    names = [n for n in EVIDENCE if n not in NOT_FITTED]
    columns = [EVIDENCE.index(n) for n in names]
    centre = np.array([prior.get(n, 0.0) for n in names])
    pull = np.array([PULL_OF_BIAS if n == "bias" else PULL for n in names])
    rows = [(c.x[:, columns], c.chosen) for c in choices]

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total, slope = float((pull * (w - centre) ** 2).sum()), 2 * pull * (w - centre)
        for x, chosen in rows:
            scores = x @ w
            top = max(0.0, float(scores.max()))
            parts = np.exp(scores - top)
            whole = parts.sum() + np.exp(-top)
            total += float(np.log(whole)) + top - (float(scores[chosen]) if chosen is not None else 0.0)
            slope = slope + (parts / whole) @ x - (x[chosen] if chosen is not None else 0.0)
        return total, slope

    found = minimize(loss, centre, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return {n: round(float(w), 2) for n, w in zip(names, found, strict=True) if abs(w) >= 0.05}


def weigh_meaning(choices: Sequence[Choice], weights: Mapping[str, float]) -> float:
    """The weight of meaning, of MEANING, that makes the choices likeliest beside the other weights."""
    table = np.array([weights.get(n, 0.0) for n in EVIDENCE])
    losses: dict[float, float] = {}
    for weight in MEANING:
        table[EVIDENCE.index("meaning")] = weight
        scores = [(c.x @ table, c.chosen) for c in choices]
        losses[weight] = sum(float(np.logaddexp.reduce([0.0, *s])) - (float(s[k]) if k is not None else 0.0) for s, k in scores)
    return min(losses, key=lambda w: losses[w])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--partings", type=Path, help="an answer of GET /v1/partings: what people took apart")
    options = parser.parse_args()
    prior = yaml.safe_load(PRIOR_PATH.read_text(encoding="utf8"))
    data = data_folder(options.data)
    choices = collect(data, SETS, load_rules(), shipped_encoder(threads=2))
    if options.partings:
        choices["report"] += parted(PartingPage.model_validate_json(options.partings.read_bytes()), load_rules())
    for kind, rows in choices.items():
        weights = fit(rows, prior[kind])
        weights["meaning"] = weigh_meaning([c for c in rows if c.unread], weights)
        print(f"  {kind}: {json.dumps(weights)}")


if __name__ == "__main__":
    main()
