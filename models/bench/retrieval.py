"""Figures of policy answers: documents found, words that answer, questions refused, speed at a hundred thousand passages."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from models.bench.sections import Bench, NotRunError, Row, section
from models.policies import Exam, character_f1, exams, ranks, sample_exam
from nlp.documents import passages_of
from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.meaning import unit
from nlp.retrieve import Base

MANY = 100_000


@lru_cache(maxsize=1)
def encoder(shipped: Path) -> Encoder:
    try:
        return load_encoder(shipped / "encoder_v1", threads=2)
    except EncoderError as error:
        raise NotRunError(str(error)) from error


@lru_cache(maxsize=8)
def base(data: Path, shipped: Path, name: str, by_meaning: bool) -> Base:
    return exams(data)[name].base(encoder(shipped) if by_meaning else None)


@section("policy documents")
def documents(bench: Bench) -> Iterator[Row]:
    data = bench.need_data()
    for by_meaning in (False, True):
        how = "words and meaning" if by_meaning else "words alone"
        for name in ("policies", "replies"):
            exam = exams(data)[name]
            found = ranks(base(data, bench.shipped, name, by_meaning), exam.asked)
            yield Row.share(f"{name}, {how}: hit@1", int((found == 0).sum()), len(found), name)
            yield Row.share(f"{name}, {how}: hit@5", int((found < 5).sum()), len(found), name)
            yield Row(f"{name}, {how}: MRR@10", float(np.where(found < 10, 1 / (found + 1), 0).mean()), len(found), data=name)


@section("policy answers")
def answers(bench: Bench) -> Iterator[Row]:
    """The weights were fitted on these sets; figures of held-out folds are printed by `python -m models.quoting`."""
    data = bench.need_data()
    for exam in (exams(data)["policies"], exams(data)["idcard"], sample_exam()):
        asked = exam.base(encoder(bench.shipped)) if exam.name == "sample" else base(data, bench.shipped, exam.name, True)
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


@section("policy speed")
def speed(bench: Bench) -> Iterator[Row]:
    """The passages of the policies again and again with one word changed; vectors are drawn, the encoder runs for each question."""
    exam = exams(bench.need_data())["policies"]
    once = [p for d in exam.documents for p in passages_of(d)]
    many = [replace(p, id=f"{p.id}/{n}", doc=f"{p.doc}/{n}", text=f"{p.text}第{n}号") for n in range(MANY // len(once) + 1) for p in once]
    many = many[:MANY]
    reader = encoder(bench.shipped)
    drawn = unit(np.random.default_rng(0).standard_normal((len(many), reader.dimensions), np.float32))
    begun = time.perf_counter()
    large = Base.build(many, reader, drawn)
    yield Row("passages indexed a second, without encoding", len(many) / (time.perf_counter() - begun), len(many))
    took = _times(large, exam)
    yield Row("question → answer p50, ms", float(np.percentile(took, 50)), len(took))
    yield Row("question → answer p95, ms", float(np.percentile(took, 95)), len(took))
    yield Row("peak memory of this process, GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)
    begun = time.perf_counter()
    reader.encode([p.text for p in once[:256]], "passage")
    yield Row("passages encoded a second", 256 / (time.perf_counter() - begun), 256)


def _times(large: Base, exam: Exam) -> list[float]:
    took = []
    for question in exam.asked[:200]:
        begun = time.perf_counter()
        large.answer(question.text)
        took.append((time.perf_counter() - begun) * 1000)
    return took
