"""Batches that teach which passage answers: every question's own is among those offered, and holds what answers."""

from __future__ import annotations

import random
from collections import deque

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from models.passages import ASKED, NEIGHBOURS, OTHERS, QUESTIONS, TOLD, WINDOW, Shelf, told_from_others
from models.policies import MEASURED, Material, Question, hand_of, material
from models.tune import vectors
from nlp.documents import Document
from nlp.retrieve import text_to_encode
from nlp.text import normalise
from tests.shipped import shipped


def long_document() -> Material:
    text = "".join(f"事项{n}由经办窗口受理，办理时限是{n}个工作日，材料不齐的一次告知，逾期没有补正的视为撤回。" for n in range(1, 40))
    asked = [Question(f"事项{n}要几天", "办法1", f"办理时限是{n}个工作日") for n in range(1, 40)]
    return Material([Document("办法1", text, title="办法"), Document("短文1", "周日休息。", title="通知")], asked, [], [])


def test_each_question_is_offered_the_passage_that_answers_it_among_others() -> None:
    taught, some = material().part(measured=False), random.Random(1)
    shelf = Shelf(taught)
    answers = {(q.doc, ASKED + normalise(q.text).text): q.answer for q in (*taught.asked, *taught.daily)}
    for _ in range(20):
        questions, offered = shelf.draw(some)
        documents = {doc for doc, _ in offered}
        assert OTHERS <= len(documents) <= 1 + NEIGHBOURS + OTHERS
        assert not {hand_of(doc) for doc in documents} & set(MEASURED)
        assert len(documents) <= len(questions) <= QUESTIONS * len(documents)
        for text, right, doc in questions:
            assert offered[right][0] == doc
            assert offered[right][1].startswith(TOLD)
            assert answers[doc, text] in offered[right][1].replace("\n", "")


def test_a_window_of_a_long_passage_holds_all_that_answers() -> None:
    shelf, some, cut = Shelf(long_document()), random.Random(2), 0
    assert "短文1" not in shelf.asked, "a document that nobody asks about answers nothing"
    whole = {len(TOLD + text_to_encode(passage)) for passage in shelf.passages["办法1"]}
    assert max(whole) > WINDOW + 40, "no passage is long"
    for n in range(OTHERS):
        shelf.asked[f"其他{n}"], shelf.passages[f"其他{n}"] = shelf.asked["办法1"], shelf.passages["办法1"]
    for _ in range(10):
        questions, offered = shelf.draw(some)
        for text, right, doc in questions:
            number = "".join(c for c in text if c.isdigit())
            assert f"办理时限是{number}个工作日" in offered[right][1].replace("\n", ""), (doc, text)
        cut += sum(len(told) not in whole for _, told in offered)
    assert cut, "no passage was read through a window"


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(shipped("documents") / "tokenizer.json"))


@pytest.fixture
def bert(tokenizer: Tokenizer) -> BertModel:
    torch.manual_seed(1)
    shape = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=64,
    )  # fmt: skip
    found = BertModel(shape, add_pooling_layer=False)
    found.train(False)
    return found


def test_texts_read_in_groups_get_the_vectors_that_they_get_together(bert: BertModel, tokenizer: Tokenizer) -> None:
    texts = ["办居住证要带什么材料", "几点", "电梯坏了，三天没人修，老人下不了楼", "停水", "楼道里的灯不亮"]
    with torch.no_grad():
        together, apart = (vectors(bert, tokenizer, texts, 32, groups=n) for n in (1, 3))
    assert torch.allclose(together, apart, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


def test_what_an_earlier_batch_offered_counts_unless_it_is_of_the_same_document(bert: BertModel, tokenizer: Tokenizer) -> None:
    questions, offered = [("几点开门", 0, "办法1")], [("办法1", "每天九点开门。"), ("通知1", "周日休息。")]
    with torch.no_grad():
        earlier = vectors(bert, tokenizer, ["每天九点开门。"], 32)
        losses = [
            float(told_from_others(bert, tokenizer, questions, offered, deque(before, maxlen=4)))
            for before in ([], [(["办法1"], earlier)], [(["他处1"], earlier)])
        ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert losses[2] > losses[0] + 0.1


def test_a_batch_stays_among_the_strangers_of_the_next(bert: BertModel, tokenizer: Tokenizer) -> None:
    before: deque[tuple[list[str], torch.Tensor]] = deque(maxlen=4)
    with torch.no_grad():
        told_from_others(bert, tokenizer, [("几点开门", 0, "办法1")], [("办法1", "每天九点开门。")], before)
    assert [(docs, kept.shape) for docs, kept in before] == [(["办法1"], (1, 8))]
