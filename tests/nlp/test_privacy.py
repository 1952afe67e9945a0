"""What is masked, what stays readable, and that masking twice is masking once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.privacy import has_valid_checksum, has_valid_luhn, mask

PIECES = [
    *("13812345678", "138 1234 5678", "0571-88886666", "11010519491231002X", "6222021234567890123", "京A12345"),
    *("我叫王建国", "张丽", "微信abc_123", "a@b.com", "3栋2单元501", "〔手机号〕", "电话", "订单号", "，", " ", "的"),
    *("12345", "2024年", "卡号", "户主", "幺三八零零一三八零零零"),
]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("打我手机13812345678", "打我手机〔手机号〕"),
        ("打155 0089 3312找我", "打〔手机号〕找我"),
        ("＋86 138-1234-5678", "〔手机号〕"),
        ("一三八零零一三八零零零打我", "〔手机号〕打我"),
        ("座机0571-88886666", "座机〔手机号〕"),
        ("电话：(0571)88886666", "电话：〔手机号〕"),
        ("身份证11010519491231002X", "身份证〔身份证号〕"),
        ("卡号6222 0212 3456 7890 123", "卡号〔银行卡号〕"),
        ("京A·12345和沪AD12345堵门", "〔车牌〕和〔车牌〕堵门"),
        ("加微信abc_1234", "加微信〔微信号〕"),
        ("发我邮箱wang@example.com", "发我邮箱〔邮箱〕"),
        ("我叫王建国，住3栋2单元501", "我叫〔姓名〕，住〔住址〕"),
        ("李桂芬 13812345678", "〔姓名〕 〔手机号〕"),
    ],
)
def test_masks(text: str, masked: str) -> None:
    assert mask(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        *("报警打110，火警119，急救120", "12345热线", "电梯困人打96333，停电95598", "客服400-123-4567"),
        *("订单号202406011234567890", "快递单号75312345678901", "SF1234567890", "价格13800元", "2024年6月1日", "尾号7788"),
        *("3栋2单元501漏水", "1号楼到12号楼", "网格员王建国来了", "张阿姨您好", "高兴得很", "我叫了师傅来修"),
    ],
)
def test_leaves_alone_what_everybody_may_read(text: str) -> None:
    assert mask(text).text == text


def test_numbers_of_the_community_stay() -> None:
    assert mask("社区电话028-85551234", official=["02885551234"]).found == ()
    assert mask("社区电话028-85551234").text == "社区电话〔手机号〕"


def test_points_at_the_original() -> None:
    text = "打\u200b１３８１２３４５６７８，户主王建国"
    found = mask(text).found
    assert [(d.kind, text[d.span.start : d.span.end]) for d in found] == [("phone", "１３８１２３４５６７８"), ("name", "王建国")]


@pytest.mark.parametrize(
    "text",
    [
        "京A12345" * 30,
        "13812345678" + "京A12345" * 30,
        "13812345678" + "，今天天气不错我们大家一起去公园里面玩一下吧，张丽" * 30,
        "13812345678" + "张丽 住3栋2单元501 " * 30,
    ],
)
def test_a_chain_is_masked_to_its_end(text: str) -> None:
    once = mask(text).text
    assert not any(personal in once for personal in ("A12345", "张丽", "501", "1381234"))
    assert mask(once).found == ()


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text
    assert mask(once.text).found == ()


@given(st.text(max_size=120))
def test_spans_rebuild_the_masked_text(text: str) -> None:
    masked, rebuilt, last = mask(text), "", 0
    for datum in masked.found:
        rebuilt += text[last : datum.span.start] + datum.placeholder
        last = datum.span.end
    assert rebuilt + text[last:] == masked.text


def test_check_digits() -> None:
    assert has_valid_checksum("11010519491231002X")
    assert not has_valid_checksum("110105194912310021")
    assert has_valid_luhn("6222021234567890128") != has_valid_luhn("6222021234567890129")


def test_a_huge_text_is_masked() -> None:
    assert mask("3栋2单元501王建国 13812345678 " * 1000).text.count("〔手机号〕") == 1000
