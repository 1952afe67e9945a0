"""The shipped encoder promises: unit vectors, in the texts' order, in any company, and a clear word when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlp.encoder import EncoderError, JoinedEncoder, OnnxEncoder, load_encoder
from tests.shipped import shipped

FOLDER = shipped("encoder")


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(FOLDER)


def test_every_vector_has_length_one_and_the_named_width(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(["电梯坏了", "", "😂", "x" * 5000, "\x00\u200b"])
    assert vectors.shape == (5, encoder.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_no_texts_give_an_empty_table(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_a_text_keeps_its_vector_in_any_company_and_order(encoder: OnnxEncoder) -> None:
    texts = [f"{n}栋的水管漏水" + "，物业一直没有来人看" * (n % 7) for n in range(70)]
    together = encoder.encode(texts)
    for index in (0, 33, 69):
        assert np.array_equal(encoder.encode([texts[index]])[0], together[index])
    assert np.array_equal(OnnxEncoder(FOLDER, threads=2).encode(texts[::-1])[::-1], together)


def test_meaning_beats_shared_words(encoder: OnnxEncoder) -> None:
    asked, same, other = encoder.encode(["我家楼上往下漏水，天花板湿透了", "楼上渗水，吊顶全是水印", "我家楼上新搬来的邻居人很好"])
    assert float(asked @ same) > float(asked @ other)


def test_query_and_passage_differ(encoder: OnnxEncoder) -> None:
    assert not np.allclose(encoder.encode(["办居住证"], "query"), encoder.encode(["办居住证"], "passage"))


def test_encoders_side_by_side_answer_by_their_mean(encoder: OnnxEncoder) -> None:
    other = OnnxEncoder(shipped("documents"))
    both, text = JoinedEncoder([encoder, other]), "小区门口的路灯坏了半个月没人修"
    (vector,) = both.encode([text])
    assert vector.shape == (both.dimensions,) == (encoder.dimensions + other.dimensions,)
    head = both.heads["letters"]
    told = [dict(zip(e.heads["letters"].labels, e.judge("letters", text), strict=True)) for e in (encoder, other)]
    mean = [(told[0][label] + told[1][label]) / 2 for label in head.labels]
    assert np.allclose(head.logits(vector), mean, atol=1e-3)
    assert set(both.heads) == {"letters"}, "what only one of them answers is not asked of both"


def test_a_damaged_folder_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"not a model")
    with pytest.raises(EncoderError, match="minhu models ship"):
        load_encoder(tmp_path)
    with pytest.raises(EncoderError, match=r"encoder\.onnx"):
        load_encoder(tmp_path / "nowhere")
