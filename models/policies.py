"""Policy questions to learn and measure from: bases, questions they answer, and texts they must refuse, by where they come from."""

from __future__ import annotations

import csv
import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from nlp.documents import Document, passages_of_all
from nlp.encoder import Encoder
from nlp.kept_vectors import KeptVectors
from nlp.reader import PassageReader
from nlp.readers import read_file
from nlp.retrieve import Base, text_to_encode

COMPOSED = Path(__file__).parent / "composed" / "policies"
_OWN_QUESTIONS = Path(__file__).with_name("idcard_questions.txt")
_SAMPLE = Path(__file__).parents[1] / "intake_api" / "knowledge" / "sample"
_SAMPLE_QUESTIONS = Path(__file__).with_name("sample_questions.yaml")
_PLAIN = re.compile(r"\W")
_MARKS = ("? ", "= ", "! ")
MEASURED = ("xinwen", "yibao")
"""Composed files that measure: no model reads them. The other files teach (models/passages.py, models/ship_reader.py)."""


@dataclass(frozen=True, slots=True)
class Question:
    """`doc`: the document that answers (empty where only in scope or not is known), `answer`: the words that do."""

    text: str
    doc: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Exam:
    """A base with what it must answer and what it must refuse (by source)."""

    name: str
    documents: list[Document]
    asked: list[Question]
    refuse: dict[str, list[str]]

    def base(self, encoder: Encoder | None = None, kept: KeptVectors | None = None, reader: PassageReader | None = None) -> Base:
        return on_shelf(self.documents, encoder, kept, reader)


def on_shelf(
    documents: list[Document], encoder: Encoder | None = None, kept: KeptVectors | None = None, reader: PassageReader | None = None
) -> Base:
    """A base of documents; `kept` saves encoding what was encoded before."""
    passages = passages_of_all(documents)
    return Base.build(passages, encoder, kept.vectors([text_to_encode(p) for p in passages]) if kept else None, reader=reader)


def exams(data: Path) -> dict[str, Exam]:
    """policies: questions with their document and answer; composed, daily: documents, questions and answers written for this project, of
    which only those that no model has read are asked; weighed: more of them, on which weights are set;
    idcard: regulations with questions written for this project; replies: titles of letters with the authority's reply as the document.
    """
    shuffle = random.Random(3)
    policies = read_file("docs.jsonl", (data / "policies/docs.jsonl").read_bytes())[0]
    rows = [json.loads(line) for line in (data / "policies/questions.jsonl").read_text(encoding="utf8").splitlines() if line.strip()]
    asked = [Question(r["question"], r["doc"], r["answer"]) for r in rows]
    cards = [d for f in sorted((data / "policies/idcard").glob("*.txt")) for d in read_file(f.name, f.read_bytes())[0]]
    own = [Question(line) for line in _OWN_QUESTIONS.read_text(encoding="utf8").splitlines() if line.strip()]
    replies = [r for r in _table(data / "answers/dev.csv") if r["answer"].strip()]
    titles = [Question(r["title"], f"{r['id']}-{i}") for i, r in enumerate(replies)]
    letters = _table(data / "letters/dev.csv")
    messages = _table(data / "labels/messages.csv")
    chatter = [line.strip() for line in (data / "chat/sms.txt").read_text(encoding="utf8").splitlines() if len(line.strip()) > 3]
    sources = {
        "letters": [r["title"] for r in letters],
        "details": [r["detail"][:120] for r in letters if r["detail"]],
        "sms": chatter,
        "group reports": [r["text"] for r in messages if r["kind"] == "report"],
        "group chat": [r["text"] for r in messages if r["kind"] == "chat"],
    }
    for texts in sources.values():
        shuffle.shuffle(texts)
    refuse = {name: texts[:200] for name, texts in sources.items()}
    other = [q.text for q in asked]
    shuffle.shuffle(other)
    written = material()
    measured, weights = written.part(measured=True), weighed()
    of_reply = [Document(q.doc, r["answer"], title="") for q, r in zip(titles, replies, strict=True)]
    return {
        "policies": Exam("policies", policies, asked, {"other base": [q.text for q in own], **refuse}),
        "composed": Exam("composed", written.documents, measured.asked, {"other base": other[:200], **refuse}),
        "daily": Exam("daily", written.documents, measured.daily, {"close": [q.text for q in measured.close]}),
        "weighed": Exam("weighed", weights.documents, weights.asked, {"close": [q.text for q in weights.close], **refuse}),
        "sample": sample_exam(),
        "idcard": Exam("idcard", cards, own, {"other base": other[:200], **refuse}),
        "replies": Exam("replies", of_reply, titles, {"other base": other[200:400], "sms": chatter[200:400]}),
    }


def sample_exam() -> Exam:
    """The shipped sample base with questions as residents put them; needs no data folder."""
    documents = [d for f in sorted(_SAMPLE.iterdir()) for d in read_file(f.name, f.read_bytes())[0]]
    written = yaml.safe_load(_SAMPLE_QUESTIONS.read_text(encoding="utf8"))
    asked = [Question(question, doc) for doc, questions in written["answered_by"].items() for question in questions]
    return Exam("sample", documents, asked, {"other matters": list(written["refuse"])})


@dataclass(frozen=True, slots=True)
class Material:
    """Documents written for this project; questions that they answer, written beside them (`asked`) and later by other hands in daily words
    (`daily`); and questions that sound like their document and that none answers (`close`)."""

    documents: list[Document]
    asked: list[Question]
    daily: list[Question]
    close: list[Question]

    def add(self, path: Path) -> None:
        """The documents of a file, with what is asked of each behind it."""
        for number, (title, lines) in enumerate(_parts(path), 1):
            text = "\n".join(line for line in lines if not line.startswith(_MARKS)).strip()
            self.documents.append(Document(f"{path.stem}{number}", text, title=title))
            self.asked.extend(_asked(self.documents[-1], lines, path))
            self.close.extend(_close(self.documents[-1], lines))

    def part(self, *, measured: bool) -> Material:
        """Of the documents that measure, which no model has read, or of the others."""
        documents = [document for document in self.documents if is_measured(document.id) == measured]
        asked, daily, close = ([q for q in some if is_measured(q.doc) == measured] for some in (self.asked, self.daily, self.close))
        return Material(documents, asked, daily, close)


def hand_of(document: str) -> str:
    """Whose a composed document is: the file that it stands in, by its id or the file's own name."""
    return document.rstrip("0123456789")


def is_measured(document: str) -> bool:
    return hand_of(document) in MEASURED


def material() -> Material:
    """What was composed about policies. Each file holds documents, each followed by questions ("? "), the words of it that answer ("= ",
    line breaks left out) and questions that it does not answer ("! "). Raises ValueError where an answer does not stand in its document."""
    found = Material([], [], [], [])
    for path in (*sorted(COMPOSED.glob("*.txt")), *sorted((COMPOSED / "taught").glob("*.txt"))):
        found.add(path)
    of_title = {(hand_of(document.id), document.title): document for document in found.documents}
    for path in sorted((COMPOSED / "daily").glob("*.txt")):
        for title, lines in _parts(path):
            document = of_title.get((hand_of(path.stem), title))
            if document is None:
                raise ValueError(f"{path.name}: there is no document {title!r}")
            found.daily.extend(_asked(document, lines, path))
            found.close.extend(_close(document, lines))
    return found


def weighed() -> Material:
    """Documents and questions by three hands more, which no model has read: what the reader says is weighed on them."""
    found = Material([], [], [], [])
    for path in sorted((COMPOSED / "weighed").glob("*.txt")):
        found.add(path)
    return found


def _close(document: Document, lines: list[str]) -> list[Question]:
    return [Question(line[2:].strip(), document.id) for line in lines if line.startswith("! ")]


def _parts(path: Path) -> list[tuple[str, list[str]]]:
    """(title, lines) of each document of a file."""
    found = []
    for part in re.split(r"^# ", path.read_text(encoding="utf8"), flags=re.M)[1:]:
        title, *lines = part.strip().splitlines()
        found.append((title.strip(), lines))
    return found


def _asked(document: Document, lines: list[str], path: Path) -> list[Question]:
    told = [line for line in lines if line.startswith(("? ", "= "))]
    found = []
    for question, answer in zip(told[::2], told[1::2], strict=True):
        if question[0] != "?" or answer[0] != "=" or answer[2:].strip() not in document.text.replace("\n", ""):
            raise ValueError(f"{path.name}, {document.title}: {answer[2:22]!r} does not answer {question[2:22]!r} in the document's words")
        found.append(Question(question[2:].strip(), document.id, answer[2:].strip()))
    return found


def span_of(text: str, answer: str) -> tuple[int, int] | None:
    """Where an answer stands in a text, line breaks left out of both; None where it does not."""
    kept = [at for at, c in enumerate(text) if c != "\n"]
    wanted = answer.replace("\n", "")
    at = "".join(text[i] for i in kept).find(wanted)
    return (kept[at], kept[at + len(wanted) - 1] + 1) if at >= 0 and wanted else None


def ranks(base: Base, asked: Iterable[Question]) -> NDArray[np.int64]:
    """Place of the right document among those found for each question, from 0; 10 when it is not among the first ten."""
    found = []
    for question in asked:
        docs = [hit.passage.doc for hit in base.search(question.text, 10)]
        found.append(docs.index(question.doc) if question.doc in docs else 10)
    return np.array(found)


def character_f1(given: str, gold: str) -> float:
    """Share of characters two texts have in common, signs and space aside."""
    a, b = Counter(_PLAIN.sub("", given)), Counter(_PLAIN.sub("", gold))
    common = sum((a & b).values())
    return 2 * common / (sum(a.values()) + sum(b.values())) if common else 0.0


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
