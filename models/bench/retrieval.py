"""Figures of policy answers: documents found, words that answer, questions refused, speed at a hundred thousand passages."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from models.bench.sections import Bench, NotRunError, Row, section
from models.policies import Exam, character_f1, exams, ranks, sample_exam
from nlp.base_folder import read_documents, write_documents
from nlp.documents import passages_of, passages_of_all
from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.meaning import unit
from nlp.pipeline import newest
from nlp.reader import PassageReader, load_reader
from nlp.retrieve import Base
from nlp.schema import Answer

MANY = 100_000
_CHAT_QUESTIONS = Path(__file__).parents[1] / "chat_questions.yaml"


@lru_cache(maxsize=1)
def senses(shipped: Path) -> tuple[Encoder, PassageReader]:
    try:
        return load_encoder(newest(shipped, "documents") or shipped / "documents", threads=2), load_reader(shipped)
    except EncoderError as error:
        raise NotRunError(str(error)) from error


@lru_cache(maxsize=8)
def base(data: Path, shipped: Path, name: str, by_meaning: bool) -> Base:
    return _with_all(exams(data)[name], shipped) if by_meaning else exams(data)[name].base()


def _with_all(exam: Exam, shipped: Path) -> Base:
    encoder, reader = senses(shipped)
    return exam.base(encoder, reader=reader)


@section("policy documents")
def documents(bench: Bench) -> Iterator[Row]:
    data = bench.need_data()
    for by_meaning in (False, True):
        how = "words, meaning and reading" if by_meaning else "words alone"
        for name in ("policies", "replies", "composed", "daily"):
            exam = exams(data)[name]
            found = ranks(base(data, bench.shipped, name, by_meaning), exam.asked)
            yield Row.share(f"{name}, {how}: hit@1", int((found == 0).sum()), len(found), name)
            yield Row.share(f"{name}, {how}: hit@5", int((found < 5).sum()), len(found), name)
            yield Row(f"{name}, {how}: MRR@10", float(np.where(found < 10, 1 / (found + 1), 0).mean()), len(found), data=name)


@section("policy answers")
def answers(bench: Bench) -> Iterator[Row]:
    """Weights were fitted on these but for `composed` and `daily`; figures of held-out folds are printed by `python -m models.quoting`."""
    data = bench.need_data()
    for exam in (exams(data)["policies"], exams(data)["idcard"], sample_exam(), exams(data)["composed"], exams(data)["daily"]):
        asked = _with_all(exam, bench.shipped) if exam.name == "sample" else base(data, bench.shipped, exam.name, True)
        given = [(q, asked.answer(q.text)) for q in exam.asked]
        answered = [(q, a) for q, a in given if a]
        yield Row.share(f"{exam.name}: in scope and answered", len(answered), len(given), exam.name)
        for source, texts in exam.refuse.items():
            yield Row.share(f"{exam.name}: refused, {source}", sum(asked.answer(t) is None for t in texts), len(texts), exam.name)
        texts_of = {p.doc: "" for p in asked.passages}
        for p in asked.passages:
            texts_of[p.doc] += f"{p.text}\n{p.curated_answer}\n"
        resolved = sum(a.citation.quote in texts_of[a.citation.doc] for _, a in answered)
        yield Row.share(f"{exam.name}: citations that resolve", resolved, len(answered), exam.name)
        if golden := [(q, a) for q, a in answered if q.answer]:
            yield Row(
                f"{exam.name}: character F1 of the answers given",
                float(np.mean([character_f1(a.text, q.answer) for q, a in golden])), len(golden), data=exam.name,
            )  # fmt: skip


@section("policy questions in a chat")
def in_a_chat(bench: Bench) -> Iterator[Row]:
    """Short, chatty and leaning questions over the sample base; nothing is fitted on them, the daily words were written beside them."""
    asked = _with_all(sample_exam(), bench.shipped)
    written = yaml.safe_load(_CHAT_QUESTIONS.read_text(encoding="utf8"))
    cases = [(q, doc, holds) for doc, rows in written["answered_by"].items() for q, holds in rows]
    given = [(asked.answer(q), doc, holds) for q, doc, holds in cases]
    yield Row.share("answered", sum(a is not None for a, _, _ in given), len(given), "sample")
    yield Row.share("answered from the right passage", sum(_stands(asked, a, holds, doc) for a, doc, holds in given), len(given), "sample")
    yield Row.share("refused", sum(asked.answer(q) is None for q in written["refuse"]), len(written["refuse"]), "sample")
    talks = [(asked.answer(d["then"], earlier=[d["first"]]), d) for d in written["dialogues"]]
    fitting = [(a, d) for a, d in talks if "holds" in d]
    right = sum(_stands(asked, a, d["holds"], d.get("doc", "")) for a, d in fitting)
    yield Row.share("follow-ups answered from the right passage", right, len(fitting), "sample")
    others = [a for a, d in talks if "holds" not in d]
    yield Row.share("follow-ups without an answer refused", sum(a is None for a in others), len(others), "sample")


def _stands(base: Base, answer: Answer | None, holds: str, doc: str) -> bool:
    if answer is None or doc not in ("", answer.citation.doc):
        return False
    passage = next(p for p in base.passages if p.doc == answer.citation.doc and answer.citation.quote in p.text + p.curated_answer)
    return holds in f"{passage.title}{passage.clause}{passage.text}{passage.curated_answer}"


@section("policy speed")
def speed(bench: Bench) -> Iterator[Row]:
    """The passages of the policies again and again with one word changed; vectors are drawn, and come when words are indexed, as in an
    assistant that starts; encoder and reader run for each question."""
    exam = exams(bench.need_data())["policies"]
    once = [p for d in exam.documents for p in passages_of(d)]
    many = [replace(p, id=f"{p.id}/{n}", doc=f"{p.doc}/{n}", text=f"{p.text}第{n}号") for n in range(MANY // len(once) + 1) for p in once]
    many = many[:MANY]
    begun = time.perf_counter()
    words = Base.build(many)
    yield Row("passages indexed a second, without encoding", len(many) / (time.perf_counter() - begun), len(many))
    meant, reader = senses(bench.shipped)
    drawn = unit(np.random.default_rng(0).standard_normal((len(many), meant.dimensions), np.float32))
    large = words.with_meaning(meant, drawn, reader)
    del words, drawn
    took = _times(large, exam)
    yield Row("question → answer p50, ms", float(np.percentile(took, 50)), len(took))
    yield Row("question → answer p95, ms", float(np.percentile(took, 95)), len(took))
    yield Row("peak memory of this process, GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)
    yield _imported(exam)
    begun = time.perf_counter()
    meant.encode([p.text for p in once[:256]], "passage")
    yield Row("passages encoded a second", 256 / (time.perf_counter() - begun), 256)


def _imported(exam: Exam) -> Row:
    """From documents to a base on disk that words find, as `minhu kb import` and the first search make it; vectors come later."""
    documents = {f"{d.id}/{n}": replace(d, id=f"{d.id}/{n}") for n in range(10) for d in exam.documents}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        write_documents(Path(folder), documents)
        stored = Base.build(passages_of_all(read_documents(Path(folder)).values()))
        took = time.perf_counter() - begun
    return Row("passages imported and searchable by words a second", len(stored.passages) / took, len(stored.passages))


def _times(large: Base, exam: Exam) -> list[float]:
    took = []
    for question in exam.asked[:200]:
        begun = time.perf_counter()
        large.answer(question.text)
        took.append((time.perf_counter() - begun) * 1000)
    return took
