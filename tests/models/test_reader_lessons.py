"""Lessons of the reader: what is read together, what stays unread, and weights that survive being shipped."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from models.encoder_export import export, taken_back
from models.policies import MEASURED, hand_of, material, span_of
from models.ship_reader import BATCH_PIECES, PIECES, WINDOW, Lesson, Shown, batches
from tests.shipped import shipped


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(shipped("reader") / "tokenizer.json"))
    found.no_truncation()
    return found


def lessons(count: int) -> list[Lesson]:
    text = "".join(f"第{n}条 事项{n}的办理时限是{n}天。" for n in range(30))
    span = span_of(text, "事项20的办理时限是20天")
    others = tuple(Shown("通知", f"无关的文字{n}。", False) for n in range(5))
    return [Lesson(f"事项20要几天{n}", (Shown("办法", text, True, span), *others)) for n in range(count)]


def test_an_answer_is_found_over_line_breaks() -> None:
    text = "一、时间\n每天\n九点。"
    span = span_of(text, "每天九点")
    assert span is not None
    assert text[slice(*span)] == "每天\n九点"
    assert span_of(text, "十点") is None


def test_a_window_keeps_the_words_that_answer(tokenizer: Tokenizer) -> None:
    pages = [p for batch in batches(lessons(40), tokenizer, 0.5, random.Random(1)) for group in batch for p in group.pages if p.inside]
    assert pages
    assert any(len(page.sheet.places) == WINDOW for page in pages)
    assert all(sum(page.inside or []) > 5 for page in pages)
    assert all(len(page.sheet.ids) == len(page.sheet.shared) <= PIECES for page in pages)


def test_a_batch_holds_whole_lessons_and_is_bounded(tokenizer: Tokenizer) -> None:
    planned = batches(lessons(40), tokenizer, 0.5, random.Random(1))
    assert sum(len(batch) for batch in planned) == 40
    for batch in planned:
        pages = [page for group in batch for page in group.pages]
        assert len(batch) == 1 or len(pages) * max(len(page.sheet.ids) for page in pages) <= BATCH_PIECES
        assert all(sum(page.answers for page in group.pages) == 1 for group in batch)


def test_what_measures_is_taught_to_nobody() -> None:
    every = material()
    taught, measured = every.part(measured=False), every.part(measured=True)
    assert {hand_of(d.id) for d in measured.documents} == set(MEASURED)
    assert not {d.id for d in taught.documents} & {d.id for d in measured.documents}
    assert not {q.text for q in (*taught.asked, *taught.daily)} & {q.text for q in (*measured.asked, *measured.daily)}
    assert len(taught.documents) + len(measured.documents) == len(every.documents)


def test_shipped_weights_are_taken_back_as_they_answer(tmp_path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=40,
        type_vocab_size=1, initializer_range=0.5,
    )  # fmt: skip
    torch.manual_seed(3)
    first, second = (BertModel(config, add_pooling_layer=False).eval() for _ in range(2))
    first.embeddings.token_type_embeddings.weight.data.zero_()
    export(first, tmp_path / "encoder.onnx")
    again = taken_back(tmp_path / "encoder.onnx", second)
    for (name, one), other in zip(first.state_dict().items(), again.state_dict().values(), strict=True):
        step = float(one.abs().max()) / 60  # seven bits
        assert np.abs(one.numpy() - other.numpy()).max() <= step, name
