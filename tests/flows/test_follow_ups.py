"""Questions that lean on an earlier one, heard in a group: of the same person, under a quote of the answer, and never of a stranger."""

from __future__ import annotations

from intake_api.contracts import ChatSettings
from models.policies import sample_exam
from tests.flows.stage import Stage
from tests.flows.test_injections import Desk


def stage() -> Stage:
    return Stage(settings=ChatSettings(quiet_from=0, quiet_to=0), policy=Desk(sample_exam().base()))


async def test_the_same_person_may_go_on_asking_in_few_words() -> None:
    chat = stage()
    (first,) = await chat.say("u1", "请问居住证怎么办理？")
    assert "居住证" in first.text
    said = await chat.say("u1", "那外地户口呢？")
    assert "居住证" in said[0].text
    assert chat.outcome.kind == "question"
    assert chat.tickets == []


async def test_the_few_words_of_a_stranger_lean_on_nothing_unless_they_quote_the_answer() -> None:
    chat = stage()
    (answer,) = await chat.say("u1", "请问居住证怎么办理？")
    assert await chat.say("u2", "那外地户口呢？") == []
    said = await chat.say("u2", "那外地户口呢？", reply_to="x", card_id=answer.card_id)
    assert "居住证" in said[0].text


async def test_after_a_while_nothing_is_leant_on() -> None:
    chat = stage()
    await chat.say("u1", "请问居住证怎么办理？")
    assert await chat.say("u1", "那外地户口呢？", after_s=1200) == []


async def test_what_does_not_fit_is_left_alone() -> None:
    chat = stage()
    await chat.say("u1", "请问居住证怎么办理？")
    assert await chat.say("u1", "那明天天气呢") == []
