"""Which words answer: whole clauses, lists and things that answer by themselves, always the passage's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlp import spans
from nlp.span_signs import sign_names
from nlp.spans import Read, best_stretch, described, sentences_around, stretches
from nlp.terms import fold, pairs

RULES = (
    "为方便居民停车，制定本办法。地面车位停车费每月120元，由物业服务企业收取。"
    "办理月卡需携带以下材料：（一）身份证；（二）行驶证；（三）房屋租赁合同。"
    "登记自2024年3月5日起受理，咨询电话0755-12345678。详见《小区停车管理办法》。"
)


def ask(question: str, *texts: str) -> str:
    reads = [Read(text, "小区停车管理办法", n, 1.0) for n, text in enumerate(texts)]
    chosen = best_stretch(question, reads, dict.fromkeys(pairs(fold(question)), 1.0))
    return texts[chosen.at][chosen.start : chosen.end] if chosen else ""


def candidates(text: str) -> set[str]:
    found = stretches(text)
    return {text[a:b] for a, b in zip(found.starts.tolist(), found.ends.tolist(), strict=True)}


@pytest.mark.parametrize(
    "whole",
    [
        "120元",
        "2024年3月5日起",
        "0755-12345678",
        "《小区停车管理办法》",
        "身份证；（二）行驶证；（三）房屋租赁合同",
        "地面车位停车费每月120元，由物业服务企业收取",
    ],
)
def test_what_may_answer_is_among_the_stretches(whole: str) -> None:
    assert whole in candidates(RULES)


@pytest.mark.parametrize(
    ("question", "held"),
    [
        ("地面车位停车费每月多少元？", "120元"),
        ("停车登记自何时起受理？", "3月5日"),
        ("停车咨询电话是多少？", "0755-12345678"),
        ("办理月卡需要携带哪些材料？", "行驶证"),
    ],
)
def test_the_stretch_that_answers_is_short(question: str, held: str) -> None:
    given = ask(question, RULES)
    assert held in given
    assert len(given) < len(RULES) / 2


def test_the_right_passage_is_read() -> None:
    assert "120元" in ask("地面车位停车费每月多少元？", "访客车辆两小时内免费停放。", RULES)


@pytest.mark.parametrize("text", ["", "   ", "。。。", "？\n！"])
def test_a_text_without_words_answers_nothing(text: str) -> None:
    assert candidates(text) == set()
    assert best_stretch("多少钱", [Read(text, "", 0, 1.0)], {"多少": 1.0, "少钱": 1.0}) is None
    assert best_stretch("多少钱", [], {}) is None


@pytest.mark.parametrize("question", ["", "？", "a", "多少", "吗", "几" * 300])
def test_odd_questions_are_described(question: str) -> None:
    places, signs = described(question, [Read(RULES, "", 0, 1.0), Read("A", "", 1, 0.0)], dict.fromkeys(pairs(fold(question)), 1.0))
    assert len(places) == len(signs) > 0
    assert signs.shape[1] == len(sign_names())
    assert np.isfinite(signs).all()


def test_an_answer_is_shown_with_its_whole_sentences() -> None:
    text = "车位有限。 停车费每月120元，先到先得。\n其余另行通知"
    for words, sentence in (("120元", "停车费每月120元，先到先得。"), ("另行", "其余另行通知"), ("车位有限", "车位有限。")):
        start = text.index(words)
        a, b = sentences_around(text, start, start + len(words))
        assert text[a:b] == sentence


def test_trees_fitted_for_other_signs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "answering.npz"
    np.savez(other, allow_pickle=False, names=np.array(["length"]))
    monkeypatch.setattr(spans, "_WEIGHTS", other)
    spans.trees.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"models\.quoting"):
            spans.trees()
    finally:
        spans.trees.cache_clear()
