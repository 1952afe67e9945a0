"""Teaches the encoder of documents which passage answers a question: composed questions beside the passages of their documents."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

from models.encoder_import import MAX_PIECES, PREFIXES
from models.policies import Material, hand_of, span_of
from models.tune import SHARPNESS, Choice, Contrast, Lessons, choose, contrast, eased, keep, vectors
from nlp.documents import passages_of_all
from nlp.retrieve import text_to_encode
from nlp.schema import Passage
from nlp.text import normalise

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

ASKED, TOLD = PREFIXES
MINUTES = 54
"""On two cores with AVX-512 BF16: some 500 batches of questions, about four readings of each."""
RATE, HEAD_RATE, WARM = 4e-5, 3e-4, 0.06
NEIGHBOURS, OTHERS = 3, 4
"""Documents by the same hand and by any in a batch, beside its first: the one's look alike, the other's do not."""
QUESTIONS = 6
REMEMBERED = 16
"""Batches whose passages stay among the strangers."""
QUESTION_PIECES, KEPT_PIECES = 56, 96
WINDOW, WINDOW_SHARE = 150, 0.5
KNOWN = {"kept": 24, "replies": 24, "titles": 32, "details": 24, "letters": 32}
"""What is learned on between two batches of questions, in turn, and of how many rows."""
SEED = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the passage of its document that answers (its place among them), and where in it."""

    text: str
    passage: int
    span: tuple[int, int]


class Shelf:
    """Passages and questions by document. Questions whose answer runs over two passages are left out."""

    def __init__(self, taught: Material) -> None:
        self.passages: dict[str, list[Passage]] = {}
        for passage in passages_of_all(taught.documents):
            self.passages.setdefault(passage.doc, []).append(passage)
        self.asked: dict[str, list[Asked]] = {}
        for question in (*taught.asked, *taught.daily):
            for at, passage in enumerate(self.passages[question.doc]):
                if span := span_of(passage.text, question.answer):
                    self.asked.setdefault(question.doc, []).append(Asked(question.text, at, span))
                    break

    def draw(self, some: random.Random) -> tuple[list[tuple[str, int, str]], list[tuple[str, str]]]:
        """One batch: (question, which passage of the batch answers, its document), and (document, passage), as the encoder reads them."""
        every = sorted(self.asked)
        first = some.choice(every)
        near = [doc for doc in every if hand_of(doc) == hand_of(first) and doc != first]
        chosen = {first, *some.sample(near, min(NEIGHBOURS, len(near))), *some.sample(every, OTHERS)}
        questions: list[tuple[str, int, str]] = []
        offered: list[tuple[str, str]] = []
        for doc in sorted(chosen):
            asked = some.sample(self.asked[doc], min(QUESTIONS, len(self.asked[doc])))
            rows = {one.passage for one in asked}
            beside = [at for at in range(len(self.passages[doc])) if at not in rows]
            place = {}
            for at in sorted(rows | set(some.sample(beside, min(1, len(beside))))):
                place[at] = len(offered)
                offered.append((doc, TOLD + _part(self.passages[doc][at], [one.span for one in asked if one.passage == at], some)))
            questions += [(ASKED + normalise(one.text).text, place[one.passage], doc) for one in asked]
        return questions, offered


def _part(passage: Passage, spans: Sequence[tuple[int, int]], some: random.Random) -> str:
    """The passage, or every other time a window of a long one that holds all that answers: read faster, and another text each time."""
    whole, size = text_to_encode(passage), len(passage.text)
    begin, end = min((a for a, _ in spans), default=some.randrange(max(size, 1))), max((b for _, b in spans), default=0)
    width = max(WINDOW, end - begin)
    if size <= width + 20 or some.random() >= WINDOW_SHARE:
        return whole
    first = some.randint(max(0, end - width), max(0, end - width, min(begin, size - width)))
    return whole[: len(whole) - size] + passage.text[first : first + width]


def teach(
    student: BertModel,
    heads: dict[str, Any],
    teacher: BertModel,
    tokenizer: Tokenizer,
    asked: Material,
    known: Lessons,
    say: Callable[[str], None] = print,
    minutes: float = MINUTES,
) -> BertModel:
    """Goes on with a tuned student and its heads as long as it is given. Of what is `known` the lessons named in KNOWN are learned on, so
    that they are not forgotten; the teacher's vectors of its plain sentences and letters are kept near."""
    import torch

    shelf, some = Shelf(asked), random.Random(SEED)
    lessons: dict[str, Choice | Contrast] = {choice.name: choice for choice in known.choices}
    lessons |= {pairs.name: pairs for pairs in known.contrasts}
    plain = [TOLD + text for text in known.kept] + [text for choice in known.choices for text, _, _ in choice.rows]
    student.embeddings.requires_grad_(requires_grad=False)
    student.train()
    body = [p for p in student.parameters() if p.requires_grad]
    own = [p for head in heads.values() for p in head.parameters()]
    optimiser = torch.optim.AdamW([{"params": body}, {"params": own}], lr=RATE, weight_decay=0.01)
    before: deque[tuple[list[str], Any]] = deque(maxlen=REMEMBERED)
    losses: dict[str, list[float]] = {}
    for step, (gone, name) in enumerate(_in_time(minutes), 1):
        for group, rate in zip(optimiser.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = rate * eased(gone, WARM)
        with torch.autocast("cpu", torch.bfloat16):
            if name == "asked":
                loss = told_from_others(student, tokenizer, *shelf.draw(some), before)
            elif name == "kept":
                loss = keep(student, teacher, tokenizer, some.sample(plain, KNOWN[name]), KEPT_PIECES)
            elif isinstance(lesson := lessons[name], Choice):
                loss = choose(student, tokenizer, heads, lesson, some.sample(lesson.rows, KNOWN[name]))
            else:
                loss = contrast(student, tokenizer, lesson, some.sample(lesson.rows, KNOWN[name]))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*body, *own], 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.setdefault(name, []).append(float(loss.detach()))
        if step % 50 == 0:
            shown = ", ".join(f"{name} {sum(found[-40:]) / len(found[-40:]):.3f}" for name, found in losses.items())
            say(f"passages: batch {step}, {gone:.0%} of {minutes:.0f} minutes: {shown}")
    student.train(False)
    return student


def _in_time(minutes: float) -> Iterator[tuple[float, str]]:
    """(part of the time that is over, lesson) until it is."""
    begun = time.monotonic()
    for lesson in cycle(name for known in KNOWN for name in ("asked", known)):
        gone = (time.monotonic() - begun) / (minutes * 60)
        if gone >= 1:
            return
        yield gone, lesson


def told_from_others(
    student: BertModel,
    tokenizer: Tokenizer,
    questions: Sequence[tuple[str, int, str]],
    offered: Sequence[tuple[str, str]],
    before: deque[tuple[list[str], Any]],
) -> torch.Tensor:
    """The passage that answers, told from the others of the batch and of those `before`, whose vectors are a few steps old; what was
    offered then of the same document may be the same passage, and does not count."""
    import torch
    from torch.nn import functional

    told = vectors(student, tokenizer, [text for _, text in offered], MAX_PIECES, groups=3)
    asked = vectors(student, tokenizer, [text for text, _, _ in questions], QUESTION_PIECES)
    of = [doc for docs, _ in before for doc in docs]
    logits = (SHARPNESS * asked @ torch.cat([told, *(kept for _, kept in before)]).T).float()
    same = torch.tensor([[False] * len(offered) + [doc == other for other in of] for _, _, doc in questions])
    before.append(([doc for doc, _ in offered], told.detach()))
    return functional.cross_entropy(logits.masked_fill(same, -1e4), torch.tensor([right for _, right, _ in questions]))
