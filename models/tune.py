"""Fine-tunes the encoder on all tasks at once: matters, letters, kinds in context, alarms, duplicates and replies by contrast."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.answering import letter_words
from models.composed.reading import FOLDER, conversations, matter_messages
from models.corpora import Labelled, Letter, hotline_items, labelled_real, letters, question_pairs
from models.distil import batches, padded, pooled, unlabelled
from models.kind import Example, conversation_examples, lent_matters, single_examples, weighed_examples
from models.talks import is_held_out, training_singles, training_talks
from nlp.context import in_words
from nlp.encoder import SITUATION
from nlp.gate import plain_to_see
from nlp.schema import KINDS
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel

RATE, HEAD_RATE = 6e-5, 1e-3
EPOCHS = 3
SHARPNESS = 20.0
"""Cosines times this are the logits of the contrast (temperature 0.05)."""
SPREAD = 20.0
"""Heads read vectors of this length: of length 1 their weights would have to grow for many epochs."""
SEED = 11
CALM_OR_ALARM = ("calm", "alarm")
TERSE = FOLDER / "terse"
ALARM_WEIGHT = 2.0
"""Of an emergency beside anything else: one report in eight, and the one that must be heard."""
KEPT = 12_000
KEEP_WEIGHT = 20.0


@dataclass(frozen=True)
class Choice:
    """Tasks with labels over the same texts: `heads` (name → labels) and rows of (text, {head: label}, weight), `share` of which are
    read in an epoch. `first`: they read the state of `<s>`, the others the mean."""

    name: str
    heads: dict[str, tuple[str, ...]]
    rows: list[tuple[str, dict[str, str], float]]
    pieces: int = 64
    size: int = 32
    first: bool = False
    share: float = 1.0


@dataclass(frozen=True)
class Contrast:
    """Rows of (text, its match, a look-alike that is none or ""), `share` of which are read in an epoch; the other matches of
    a batch are no matches either."""

    name: str
    rows: list[tuple[str, str, str]]
    pieces: int = 64
    size: int = 24
    share: float = 1.0


@dataclass
class Lessons:
    choices: list[Choice] = field(default_factory=list)
    contrasts: list[Contrast] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def lessons(data: Path, *, held_out: bool = False) -> Lessons:
    """Everything the training sets teach, less what is held out; or the choices of what was. Of the development sets it holds
    LCQMC's dev pairs alone."""
    talks = [t for t in (*training_talks(data), *conversations(TERSE)) if is_held_out(t["id"]) == held_out]
    singles = [m for m in (*training_singles(data), *matter_messages()) if is_held_out(m.group) == held_out]
    letter_rows = [letter for letter in letters(data, "train") if is_held_out(letter.row) == held_out]
    if held_out:
        return Lessons(
            [_matters(talks, singles), _letters(letter_rows), _situations(conversation_examples(talks)), _alarms(talks, singles)]
        )
    unread = {_read(m.text) for m in training_singles(data) if is_held_out(m.group)} | {_read(m.text) for m in labelled_real(data)}
    alone = [e for e in single_examples(data, talks) if _read(e.utterance.text) not in unread]
    told = {_read(m.text) for m in singles}
    return Lessons(
        [
            _matters(talks, [*singles, *_catalogue()]),
            _letters(letter_rows),
            _situations([*weighed_examples(talks), *alone], [e for e in lent_matters(talks) if _read(e.utterance.text) in told]),
            _alarms(talks, singles, letter_rows[::4]),
        ],
        [
            Contrast("matters", list(_same_matter(talks))),
            Contrast("questions", question_pairs(data), share=0.5),
            _replies(data, letter_rows),
        ],
        random.Random(SEED).sample(unlabelled(data), KEPT),
    )


def _catalogue() -> list[Labelled]:
    matters = load_taxonomy().matters
    return [Labelled(words, m.id, "", "report", m.emergency, "catalogue", "catalogue") for m in matters for words in (*m.says, m.name)]


def _read(text: str) -> str:
    return normalise(text).text


def _matters(talks: Sequence[Any], singles: Sequence[Labelled]) -> Choice:
    rows = [(_read(m.text), {"matter": m.category}, 1.0) for m in singles if m.category]
    for talk in talks:
        for message in talk["messages"]:
            gold = message["gold"]
            if gold["kind"] in ("report", "question") and gold.get("category") and len(message["text"]) > 1:
                rows.append((_read(message["text"]), {"matter": gold["category"]}, 1.0))
    labels = load_taxonomy().ids()
    return Choice("matter", {"matter": labels}, [row for row in rows if row[1]["matter"] in labels])


def _letters(read: Sequence[Letter]) -> Choice:
    rows = []
    for letter in read:
        rows.append((_read(letter.title), {"letters": letter.label}, 1.0))
        if letter.detail:
            rows.append((letter_words(letter.title, letter.detail), {"letters": letter.label}, 1.0))
    return Choice("letters", {"letters": tuple(sorted({given["letters"] for _, given, _ in rows}))}, rows, pieces=72)


def _situations(examples: Sequence[Example], without_kind: Sequence[Example] = ()) -> Choice:
    """What a message is in its situation: its kind, the matter it tells of (`told`), whether it alarms (`danger`)."""
    heads = {"kind": KINDS, "told": load_taxonomy().ids(), "danger": CALM_OR_ALARM}
    rows = [row for example in examples if (row := _situation(example, heads))]
    for example in without_kind:
        if row := _situation(example, heads):
            text, given, weight = row
            rows.append((text, {head: label for head, label in given.items() if head != "kind"}, weight))
    return Choice("situation", heads, rows, pieces=SITUATION, first=True, share=0.55)


def _situation(example: Example, heads: dict[str, tuple[str, ...]]) -> tuple[str, dict[str, str], float] | None:
    text = _read(example.utterance.text)
    if plain_to_see(example.utterance, text) is not None:
        return None
    given: dict[str, str] = {"kind": example.kind}
    if example.category in heads["told"]:
        given["told"] = example.category
    if example.alarm is not None:
        given["danger"] = CALM_OR_ALARM[example.alarm]
    return in_words(example.utterance, text), given, example.weight * (ALARM_WEIGHT if example.alarm else 1.0)


def _alarms(talks: Sequence[Any], singles: Sequence[Labelled], calm: Sequence[Letter] = ()) -> Choice:
    rows = [_alarm(m.text, alarm=m.emergency) for m in singles]
    for talk in talks:
        burning = {m["id"] for m in talk["matters"] if m["emergency"]}
        for message in talk["messages"]:
            if len(message["text"]) > 1:
                alarm = message["gold"]["kind"] == "report" and message["gold"].get("matter") in burning
                rows.append(_alarm(message["text"], alarm=alarm))
    rows += [(_read(letter.title), {"alarm": "calm"}, 0.3) for letter in calm]
    return Choice("alarm", {"alarm": CALM_OR_ALARM}, rows, share=0.5)


def _alarm(text: str, *, alarm: bool) -> tuple[str, dict[str, str], float]:
    return _read(text), {"alarm": CALM_OR_ALARM[alarm]}, ALARM_WEIGHT if alarm else 1.0


def _same_matter(talks: Sequence[Any]) -> Iterator[tuple[str, str, str]]:
    """Two residents' messages of one matter; the look-alike is of another matter of the same talk, of its category if there is one."""
    rng = random.Random(SEED)
    for talk in talks:
        told: dict[str, list[str]] = {}
        for message in talk["messages"]:
            gold = message["gold"]
            if gold["kind"] in ("report", "supplement") and gold.get("matter") and len(message["text"]) > 5:
                told.setdefault(gold["matter"], []).append(_read(message["text"]))
        category = {m["id"]: m["category"] for m in talk["matters"]}
        for matter, texts in told.items():
            others = sorted((m for m in told if m != matter), key=lambda m: category.get(m) != category.get(matter))
            for one, two in pairwise(texts):
                yield one, two, rng.choice(told[others[0]]) if others else ""


def _replies(data: Path, read: Sequence[Letter]) -> Contrast:
    rows = [(_read(title), "passage: " + _read(reply)[:160], "") for title, _, reply in hotline_items(data) if len(reply) > 20]
    rows += [(_read(x.title), "passage: " + _read(x.detail)[:140], "") for x in read if len(x.detail) > 30]
    return Contrast("replies", rows, pieces=96, size=20, share=0.35)


def tune(
    student: BertModel, teacher: BertModel, tokenizer: Tokenizer, taught: Lessons, say: Callable[[str], None] = print, epochs: int = EPOCHS
) -> tuple[BertModel, dict[str, Any]]:
    """→ the tuned student and its heads (name → torch.nn.Linear). The teacher's vectors of plain sentences are kept near, so
    that meaning does not shrink to the labels. Word pieces stay as they are."""
    import torch
    from torch import nn

    torch.manual_seed(SEED)
    hidden = int(student.config.hidden_size)
    heads = {name: nn.Linear(hidden, len(labels)) for choice in taught.choices for name, labels in choice.heads.items()}
    student.embeddings.requires_grad_(requires_grad=False)
    student.train()
    body = [p for p in student.parameters() if p.requires_grad]
    groups = [{"params": body, "lr": RATE}, {"params": [p for h in heads.values() for p in h.parameters()], "lr": HEAD_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    plan = [step for epoch in range(epochs) for step in _plan(taught, epoch)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [RATE, HEAD_RATE], total_steps=len(plan) + 1, pct_start=0.08)
    losses: dict[str, list[float]] = {}
    begun = time.monotonic()
    for number, (lesson, rows) in enumerate(plan, 1):
        with torch.autocast("cpu", torch.bfloat16):
            if isinstance(lesson, Choice):
                loss = choose(student, tokenizer, heads, lesson, rows)
            elif isinstance(lesson, Contrast):
                loss = contrast(student, tokenizer, lesson, rows)
            else:
                loss = keep(student, teacher, tokenizer, ["passage: " + text for text in rows], 64)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(body, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        losses.setdefault(getattr(lesson, "name", "keep"), []).append(float(loss.detach()))
        if number % 200 == 0:
            shown = ", ".join(f"{name} {sum(found[-40:]) / len(found[-40:]):.3f}" for name, found in losses.items())
            say(f"tune {number}/{len(plan)} ({time.monotonic() - begun:.0f} s): {shown}")
    student.train(False)
    return student, heads


def eased(gone: float, warm: float) -> float:
    """The part of a rate that is in force when the part `gone` of the time is over: it rises up to `warm`, then falls to a hundredth."""
    return max(gone / warm if gone < warm else (1 - gone) / (1 - warm), 0.01)


def _plan(taught: Lessons, epoch: int) -> list[tuple[Any, Sequence[Any]]]:
    rng = random.Random(SEED + epoch)
    steps: list[tuple[Any, Sequence[Any]]] = []
    given: list[Choice | Contrast] = [*taught.choices, *taught.contrasts]
    for lesson in given:
        drawn: list[Any] = rng.sample(lesson.rows, round(lesson.share * len(lesson.rows)))
        rows = sorted(drawn, key=lambda row: len(row[0]) + 8 * rng.random())
        found = [rows[i : i + lesson.size] for i in range(0, len(rows), lesson.size)]
        steps += [(lesson, rows) for rows in found if len(rows) > 4]
    steps += [("keep", rows) for rows in batches(taught.kept[epoch % 3 :: 3], 32, epoch)]
    rng.shuffle(steps)
    return steps


def choose(student: BertModel, tokenizer: Tokenizer, heads: Any, lesson: Choice, rows: Sequence[tuple[str, dict[str, str], float]]) -> Any:
    """The loss of the labels that the rows have."""
    import torch
    from torch.nn import functional

    ids, mask = padded(tokenizer, [text for text, _, _ in rows], lesson.pieces)
    states = student(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    read = states[:, 0] if lesson.first else SPREAD * functional.normalize(pooled(states, mask), dim=-1)
    read = functional.dropout(read, 0.1)
    total = read.new_zeros(())
    for name, labels in lesson.heads.items():
        asked = [i for i, (_, given, _) in enumerate(rows) if name in given]
        if asked:
            logits = heads[name](read[asked])
            right = torch.tensor([labels.index(rows[i][1][name]) for i in asked])
            weights = torch.tensor([rows[i][2] for i in asked])
            each = functional.cross_entropy(logits.float(), right, reduction="none", label_smoothing=0.05)
            total = total + (each * weights).sum() / weights.sum()
    return total


def vectors(student: BertModel, tokenizer: Tokenizer, texts: Sequence[str], pieces: int, groups: int = 1) -> Any:
    """[texts, hidden] of length 1. `groups`: the texts are read in so many, like lengths together, which pays where lengths differ much."""
    import torch
    from torch.nn import functional

    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    size, found = -(-len(texts) // groups), []
    for begin in range(0, len(texts), size):
        ids, mask = padded(tokenizer, [texts[i] for i in order[begin : begin + size]], pieces)
        found.append(functional.normalize(pooled(student(input_ids=ids, attention_mask=mask).last_hidden_state.float(), mask), dim=-1))
    return torch.cat(found)[torch.argsort(torch.tensor(order))]


def contrast(student: BertModel, tokenizer: Tokenizer, lesson: Contrast, rows: Sequence[tuple[str, str, str]]) -> Any:
    """The loss of telling each row's match from those of the others and from the look-alikes."""
    import torch
    from torch.nn import functional

    asked = vectors(student, tokenizer, [a for a, _, _ in rows], lesson.pieces)
    against = [b for _, b, _ in rows] + [c for _, _, c in rows if c]
    offered = vectors(student, tokenizer, against, lesson.pieces)
    logits = SHARPNESS * asked @ offered.T
    same = torch.tensor([[i != j and rows[i][1] == text for j, text in enumerate(against)] for i in range(len(rows))])
    return functional.cross_entropy(logits.float().masked_fill(same, -1e4), torch.arange(len(rows))) * 0.5


def keep(student: BertModel, teacher: BertModel, tokenizer: Tokenizer, texts: Sequence[str], pieces: int) -> Any:
    """How far the student's vectors are from the teacher's."""
    import torch
    from torch.nn import functional

    with torch.no_grad():
        wanted = vectors(teacher, tokenizer, texts, pieces)
    return (1 - functional.cosine_similarity(vectors(student, tokenizer, texts, pieces), wanted)).mean() * KEEP_WEIGHT
