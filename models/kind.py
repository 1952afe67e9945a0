"""The seven kinds: words, role and what was said before, learned from whole conversations with the mistakes the model itself makes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from sklearn.metrics import f1_score

from models import kind_reader, kind_trees
from models.composed.reading import conversations as composed
from models.composed.reading import matter_messages
from models.corpora import Labelled, is_training_talk, labelled_real, small_talk, transcripts
from models.fit import Fitted, Recipe, fit
from models.kind_trees import Ranker
from models.talks import AUTHORS, is_held_out, kind_weight, training_singles, training_talks
from models.utterances import spoken
from nlp.encoder import OnnxEncoder
from nlp.gate import choose_kind, describe, kind_scores, plain_to_see
from nlp.grams import Field
from nlp.linear import LinearModel
from nlp.schema import KINDS, Kind, Role, Utterance
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise

NAME = "kind_v8"
# What a kind must have more than the others to be chosen, weighed on both authors by models that had read only the other: F1 of
# reports 0.777 and 0.754 → 0.774 and 0.769, of follow-ups 0.526 and 0.496 → 0.554 and 0.511.
THRESHOLDS = {"report": 0.05, "follow_up": -0.1}
RECIPE = Recipe(
    {"text": Field((1, 4), 2), "quoted": Field((1, 2), 1, 0.3), "own": Field((1, 3), 1, 0.3)},
    flag_weight=0.25,
    c_logistic=10.0,
)
# Single messages have no conversation of their own; they are lent one and count less than a message that has.
COMPOSED_WEIGHT, REAL_WEIGHT, TALK_WEIGHT = 0.5, 0.25, 0.4
TALK_ROWS, TALK_APART = 9000, 2000
LENT_SHARE = 0.7
PATROL: Sequence[Role] = ("micro_worker", "micro_worker", "grid_worker")
PATROL_SHARE = 0.1
_KIND_OF: Mapping[str, Kind] = {**{kind: kind for kind in KINDS}, "suggestion_or_praise": "report"}

Transcript = Mapping[str, Any]
Figures = dict[str, Any]
Believed = Mapping[str, Mapping[str, Kind]]


@dataclass(frozen=True, slots=True)
class Example:
    """`category`: of the matter or question, where it is known; `alarm`: whether it tells of an emergency, None where nobody said."""

    utterance: Utterance
    kind: Kind
    weight: float
    category: str = ""
    alarm: bool | None = None


def conversation_examples(conversations: Sequence[Transcript], believed: Believed | None = None) -> list[Example]:
    """`believed` (transcript → message → kind): what a model took the earlier messages for."""
    found = []
    for transcript in conversations:
        kinds = believed.get(transcript["id"]) if believed else None
        found += [Example(s.utterance, s.kind, 1.0, s.category, s.alarm) for s in spoken(transcript, kinds)]
    return found


def weighed_examples(conversations: Sequence[Transcript], believed: Believed | None = None) -> list[Example]:
    """`conversation_examples` with what each conversation weighs."""
    return [replace(e, weight=e.weight * kind_weight(t)) for t in conversations for e in conversation_examples([t], believed)]


def single_examples(data: Path, conversations: Sequence[Transcript], *, apart: bool = False) -> list[Example]:
    """Composed and real single messages, and half of the text messages as small talk; the other half and all short dialogues
    stay unseen. Most are put into a moment of some conversation, else the lack of one would give their kind away; the rest
    stand alone, as a line of a CSV does. Some reports are lent to staff on their rounds, which authors hardly write. `apart`: less
    what is held out of the encoder."""
    lender = random.Random(7)
    singles = [told(m) for m in training_singles(data) if not (apart and is_held_out(m.group))]
    singles += [replace(told(m, REAL_WEIGHT), alarm=None) for m in labelled_real(data) if not (apart and is_held_out(m.group))]
    matters = load_taxonomy().matters
    singles += [Example(Utterance(w), "report", COMPOSED_WEIGHT, m.id, m.emergency) for m in matters for w in m.says]
    singles += [Example(Utterance(t), "chat", TALK_WEIGHT, alarm=False) for t in _talk(data, lender)[0]]
    return lent(singles, conversations, lender)


def unread_singles(data: Path) -> list[Example]:
    """Single messages that stand alone, which neither the encoder nor a model of what is `apart` has read."""
    held = [told(m) for m in training_singles(data) if is_held_out(m.group)]
    held += [replace(told(m, REAL_WEIGHT), alarm=None) for m in labelled_real(data) if is_held_out(m.group)]
    return [*held, *(Example(Utterance(t), "chat", TALK_WEIGHT, alarm=False) for t in _talk(data, random.Random(7))[1])]


def _talk(data: Path, lender: random.Random) -> tuple[list[str], list[str]]:
    """Text messages of the half that may be learned from: those that teach, and as many of the others as stand apart."""
    talk = [text for source, text in small_talk(data) if source == "sms" and is_training_talk(text)]
    taught = lender.sample(talk, min(TALK_ROWS, len(talk)))
    rest = sorted(set(talk) - set(taught))
    return taught, random.Random(8).sample(rest, min(TALK_APART, len(rest)))


def told(message: Labelled, weight: float = COMPOSED_WEIGHT) -> Example:
    """A single message as an example that stands alone."""
    return Example(Utterance(message.text), _KIND_OF[message.kind], weight, message.category, message.emergency)


def lent_matters(conversations: Sequence[Transcript]) -> list[Example]:
    """Single messages that teach matters and alarms alone (matter_messages), each put into a moment of a conversation."""
    return lent([told(m) for m in matter_messages()], conversations, random.Random(8))


def lent(singles: Sequence[Example], conversations: Sequence[Transcript], lender: random.Random) -> list[Example]:
    moments = [s.utterance for t in conversations for s in spoken(t) if s.utterance.role == "resident" and s.utterance.text]
    found = []
    for single in singles:
        moment = lender.choice(moments) if lender.random() < LENT_SHARE else Utterance("")
        if single.kind == "report" and lender.random() < PATROL_SHARE:
            moment = replace(moment, role=lender.choice(PATROL))
        found.append(replace(single, utterance=replace(moment, text=single.utterance.text, quoted=None, media=None, sender="lent")))
    return found


def fit_kind(examples: Sequence[Example], name: str = NAME) -> Fitted:
    """Messages that are plain to see stay out: the model never meets them."""
    taught = [(e, normalise(e.utterance.text).text) for e in examples]
    taught = [(e, text) for e, text in taught if plain_to_see(e.utterance, text) is None]
    descriptions = [describe(e.utterance, text) for e, text in taught]
    return fit(name, descriptions, [e.kind for e, _ in taught], RECIPE, [e.weight for e, _ in taught])


def train_kind(
    data: Path, conversations: Sequence[Transcript] = (), progress: Callable[[str], None] = print, *, apart: bool = False
) -> Fitted:
    """Words learned on one half of talks and singles judge the other half; what they answer there teaches the trees, and is the
    context in which the final words learn. `apart`: without the single messages that are held out of the encoder."""
    conversations = conversations or training_talks(data)
    singles = single_examples(data, conversations, apart=apart)
    random.Random(5).shuffle(singles)
    halves, ranker = ((conversations[0::2], singles[0::2]), (conversations[1::2], singles[1::2])), kind_trees.blind_ranker(data)
    words = [fit_kind([*weighed_examples(talk), *alone]).runtime() for talk, alone in halves]
    progress("kind: words of each half")
    believed: dict[str, dict[str, Kind]] = {}
    rows = []
    for (talk, alone), model in zip(halves, reversed(words), strict=True):
        rows += list(kind_trees.rows_of_talk(talk, model, ranker, believed))
        strange = kind_trees.blind_ranker(data, {normalise(e.utterance.text).text for e in alone})
        rows += list(kind_trees.rows_of_singles([(e.utterance, e.kind, e.weight) for e in alone], model, strange))
    progress("kind: each half judged by the other's words")
    both = [*weighed_examples(conversations), *weighed_examples(conversations, believed)]
    fitted = fit_kind([*(replace(e, weight=e.weight / 2) for e in both), *(replace(e, weight=e.weight / 2) for e in singles)])
    kind_trees.plant(fitted, rows)
    fitted.config["thresholds"] = dict(THRESHOLDS)
    return fitted


def read_in_doubt(fitted: Fitted, data: Path, encoder: OnnxEncoder, progress: Callable[[str], None] = print) -> None:
    """Teaches a kind model what to make of the encoder's reading, by answers of one that has not read what was held out of the encoder."""
    talks, alone = training_talks(data), unread_singles(data)
    apart = train_kind(data, [t for t in talks if not is_held_out(t["id"])], progress, apart=True)
    apart.config["trees"]["temperature"] = fitted.config["trees"]["temperature"]
    progress("kind: the encoder reads what was held out")
    held = [t for t in talks if is_held_out(t["id"])]
    ranker = kind_trees.blind_ranker(data, {normalise(e.utterance.text).text for e in alone})
    rows = [
        *kind_reader.doubts(held, apart.runtime(), ranker, encoder),
        *kind_reader.doubts_alone([(e.utterance, e.kind, e.weight) for e in alone], apart.runtime(), ranker, encoder),
    ]
    kind_reader.plant(fitted, rows, encoder.name)


@dataclass(frozen=True, slots=True)
class Across:
    """Models that have read one author, and what was composed here, asked about the other. `temperature`: under which those
    answers are believed best."""

    figures: Figures
    temperature: float


def across_authors(data: Path, progress: Callable[[str], None] = print) -> Across:
    figures, temperatures, (one, other) = Figures(), [], AUTHORS
    for read, asked in ((one, other), (other, one)):
        model = train_kind(data, [*transcripts(data, read), *composed()], progress).runtime()
        found = kind_trees.unread(transcripts(data, asked), model, kind_trees.blind_ranker(data))
        figures[f"{read}_to_{asked}"] = scores(list(zip(found.kinds, found.answers, strict=True)))
        temperatures.append(found.temperature())
    return Across(figures, float(np.mean(temperatures)))


def taken_for_reports(texts: Sequence[str], model: LinearModel, ranker: Ranker) -> float:
    """Share of single texts, without any conversation around them, that pass for a report."""
    read = [normalise(text).text for text in texts]
    answers = [choose_kind(kind_scores(Utterance(t), model, t, ranker(t)), model.config["thresholds"]) for t in read]
    return answers.count("report") / len(texts)


def unseen_talk(data: Path, source: str, most: int = 3000) -> list[str]:
    texts = [t for s, t in small_talk(data) if s == source and not (s == "sms" and is_training_talk(t))]
    return random.Random(1).sample(texts, min(most, len(texts)))


def predict(conversations: Sequence[Transcript], model: LinearModel, ranker: Ranker) -> list[tuple[Kind, Kind]]:
    """(true, answered) for every message, the model's own answers being the context."""
    return [(kind, answer) for t in conversations for _, _, _, kind, answer in kind_trees.heard(t, model, ranker)]


def scores(pairs: Sequence[tuple[Kind, Kind]]) -> dict[str, float]:
    true, answered = zip(*pairs, strict=True)
    each = cast("list[float]", f1_score(true, answered, labels=list(KINDS), average=None, zero_division=0).tolist())
    right = sum(t == a for t, a in pairs) / len(pairs)
    return {"n": len(pairs), "macro_f1": sum(each) / len(each), "accuracy": right} | dict(zip(KINDS, each, strict=True))
