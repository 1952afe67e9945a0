"""A phrased sentence may say nothing but what its passage says."""

from __future__ import annotations

import pytest

from nlp.grounded import is_grounded

PASSAGE = (
    "第四条 居住证由居住地公安派出所受理，自受理之日起15日内制发。首次申领免收证件工本费，补领收取二十元。"
    "咨询电话0571-12345678。未满十六周岁的，不得单独申领。"
)


@pytest.mark.parametrize("sentence", ["居住证由公安派出所受理，自受理之日起15日内制发。", "首次申领免收证件工本费。", "补领收取二十元。"])
def test_what_the_passage_says_holds(sentence: str) -> None:
    assert is_grounded(sentence, PASSAGE)


@pytest.mark.parametrize(
    "sentence",
    [
        "居住证自受理之日起5日内制发。",
        "补领收取三十元。",
        "咨询电话0571-12345679。",
        "首次申领收证件工本费。",
        "未满十六周岁的，可以单独申领。",
        "居住证由公安派出所王建国受理。",
        "根据《另一办法》，居住证由公安派出所受理。",
        "居住证办理请访问 evil.example。",
        "今天天气很好，适合出门散步。",
        "……",
        "",
    ],
)
def test_what_it_does_not_say_falls(sentence: str) -> None:
    assert not is_grounded(sentence, PASSAGE)
