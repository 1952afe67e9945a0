"""Questions as a chat puts them: framing taken off, follow-ups joined with what they lean on, nothing read into chatter."""

from __future__ import annotations

import pytest

from models.policies import sample_exam
from nlp.readings import is_elliptic, leans, may_ask, plain, readings
from nlp.retrieve import Base


@pytest.fixture(scope="module")
def sample() -> Base:
    return sample_exam().base()


def test_greetings_and_thanks_are_no_part_of_a_question() -> None:
    assert plain("大家好，打扰一下，居住证去哪里办呀？谢谢啦") == "居住证去哪里办呀？"
    assert plain("群众如何线上咨询政务？") == "群众如何线上咨询政务？"
    assert plain("谢谢大家") == "谢谢大家"


def test_a_long_message_is_also_read_by_the_clauses_that_ask() -> None:
    found = readings("我家楼下邻居说他刚刚搬过来没有几天，居住证要带什么材料呢")
    assert "居住证要带什么材料呢" in found
    assert readings("居住证要带什么材料") == ["居住证要带什么材料"]


def test_only_what_leaves_its_question_unsaid_is_elliptic() -> None:
    assert all(is_elliptic(text) for text in ("那外地户口呢？", "那租房的呢", "还有二胎呢~"))
    assert not any(is_elliptic(text) for text in ("那居住证要几天呢", "那社保卡丢了去哪补", "居住证怎么办呢"))


@pytest.mark.parametrize(
    ("first", "then", "says"),
    [
        ("居住证怎么办理", "要带啥", "身份证"),
        ("居住证怎么办理", "那外地户口呢？", "常住户口"),
        ("居住证要什么材料", "小孩也要自己去吗", "未成年人"),
    ],
)
def test_a_short_question_leans_on_the_one_before(sample: Base, first: str, then: str, says: str) -> None:
    assert leans(then)
    assert sample.answer(then) is None, "alone it asks nothing"
    found = sample.answer(then, earlier=[first])
    assert found is not None
    assert found.citation.doc == "residence-permit.md"
    assert says in found.passages[0].text


def test_of_several_questions_the_last_that_names_something_is_leant_on(sample: Base) -> None:
    found = sample.answer("要什么材料", earlier=["狗证怎么办", "居住证怎么办理", "几天能拿到"])
    assert found is not None
    assert found.citation.doc == "residence-permit.md"


@pytest.mark.parametrize("then", ["那明天天气呢", "那护照呢", "有人一起拼车吗"])
def test_a_thread_makes_no_answer_where_nothing_fits(sample: Base, then: str) -> None:
    assert sample.answer(then, earlier=["居住证怎么办理"]) is None


def test_another_matter_is_not_pulled_over_to_the_earlier_one(sample: Base) -> None:
    found = sample.answer("电瓶车上牌要钱吗", earlier=["垃圾几点可以扔"])
    assert found is not None
    assert found.citation.doc == "electric-bicycle.md"


def test_only_what_has_the_form_of_a_question_may_ask() -> None:
    assert may_ask("暂住证丢了咋弄", "chat", in_thread=False)
    assert not may_ask("好的收到", "chat", in_thread=True)
    assert may_ask("那电梯里呢", "report", in_thread=True)
    assert not may_ask("那电梯里呢", "report", in_thread=False)
