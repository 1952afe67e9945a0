"""A question's whole way: answered with buttons, voted on without chatter, refused into the queue, and answered by a person after all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.assistant.phrasing import Sentence
from bot.assistant.policy import LivePolicy
from bot.assistant.questions import LONG, shortened
from bot.channels.contract import Speech
from bot.wording import say
from intake_api.contracts import ChatSettings, DocumentIn, QuestionAnswerIn
from intake_api.grids.service import put_settings
from intake_api.knowledge import asking
from intake_api.knowledge.service import add_documents
from intake_api.knowledge.tables import OpenQuestion
from intake_api.tickets.service import open_desk
from nlp.schema import Passage
from tests.bot.assistant.conftest import Town, button, to
from tests.flows.stage import GROUP
from tests.intake_api.tickets.office import ADMINISTRATOR

KNOWN = "请问身份证丢了怎么补办？"
UNKNOWN = "请问公积金可以提取出来付房租吗？怎么办理？"
LONG_ANSWER = "".join(f"第{n}步，请到街道办事大厅的{n}号窗口交一份材料，工作人员当场核对。" for n in range(1, 12))


async def library(town: Town, answer: str = "带户口本到派出所补办，二十日内领取。") -> None:
    async with town.app.state.db.writing() as session:
        pairs = ((KNOWN, answer), ("身份证丢了去哪里补办", answer))
        await add_documents(session, [DocumentIn(id="ids", title="常见问题", pairs=pairs)], "test", town.now)
    policy = LivePolicy(town.client, lambda: None)
    await policy.refresh()
    town.mind.ports = replace(town.mind.ports, policy=policy)


async def queue(town: Town) -> list[OpenQuestion]:
    async with town.app.state.db.reading() as session:
        return list(await asking.questions(session, "open", 10))


async def settle(town: Town, question: OpenQuestion, words: str) -> list[Speech]:
    async with town.app.state.db.writing() as session:
        desk = await open_desk(session, town.app.state.settings, town.app.state.vault, town.now)
        await asking.settle(desk, question.id, QuestionAnswerIn(answer=words), ADMINISTRATOR)
    return await town.pump()


async def test_a_vote_is_counted_once_may_change_and_says_nothing(town: Town) -> None:
    await library(town)
    (answer,) = to(GROUP, await town.hear("u1", KNOWN))
    assert "派出所补办" in answer.text
    for label in ("有用", "没答上", "没答上"):
        assert await town.press("u2", button(answer, label), chat=GROUP) == []
    (waiting,) = await queue(town)
    assert (waiting.reason, waiting.asked, waiting.given) == ("not_helpful", 1, "带户口本到派出所补办，二十日内领取。")
    async with town.app.state.db.reading() as session:
        assert await asking.votes_on(session, ["ids"]) == {"ids": {"helpful": 0, "not_helpful": 1}}


async def test_a_refused_question_comes_back_answered_once_to_all_who_asked(town: Town) -> None:
    await library(town)
    await town.hear("u1", UNKNOWN)
    assert any("已有邻居问过" in s.text for s in to(GROUP, await town.hear("u2", UNKNOWN)))
    (waiting,) = await queue(town)
    assert (waiting.reason, waiting.asked) == ("refused", 2)
    assert waiting.ticket_id == (await town.only_ticket()).id
    said = to(GROUP, await settle(town, waiting, "可以，带租房合同到公积金中心办理。"))
    (answer,) = [s for s in said if s.reply_to == "m1" and "带租房合同" in s.text]
    assert "您和另外1位邻居" in answer.text
    assert "公积金" in answer.text
    ticket = await town.only_ticket()
    assert (ticket.state, ticket.public_reply) == ("callback", "可以，带租房合同到公积金中心办理。")
    assert [s.card_id for s in said if s.buttons and s is not answer and s.card_id.startswith("r:")] == [f"r:{ticket.id}"]
    town.told = 0
    assert [s for s in await town.pump() if s.reply_to == "m1"] == []


async def test_several_who_ask_at_night_are_answered_once_in_the_morning(town: Town) -> None:
    await library(town)
    async with town.app.state.db.writing() as session:
        await put_settings(session, "web", GROUP, ChatSettings(quiet_from=8, quiet_to=12))
    for person in ("u1", "u2"):
        assert to(GROUP, await town.hear(person, KNOWN, after_s=1900)) == []
    first, second = await town.wait(4 * 3600)
    assert "派出所补办" in first.text
    assert first.reply_to == "m1"
    assert second.text == say("policy/again_at_night", title="常见问题")
    assert second.reply_to == "m2"


async def test_a_persons_answer_waits_for_the_morning(town: Town) -> None:
    await library(town)
    await town.hear("u1", UNKNOWN)
    async with town.app.state.db.writing() as session:
        await put_settings(session, "web", GROUP, ChatSettings(quiet_from=22, quiet_to=7))
    await town.wait(14 * 3600)
    (waiting,) = await queue(town)
    at_night = to(GROUP, await settle(town, waiting, "可以办理。"))
    assert [s.card_id for s in at_night] == [f"t:{waiting.ticket_id}"]  # its card is drawn anew, which rings nowhere
    said = len(town.voice.said)
    await town.wait(9 * 3600)
    assert [s.text for s in town.speeches(said) if "可以办理" in s.text]


async def test_a_delicate_question_of_a_group_is_answered_in_private(town: Town) -> None:
    await library(town)
    said = to(GROUP, await town.hear("u1", "被家暴了可以申请什么保护吗？"))
    assert [s.text for s in said] == [say("delicate/group")]
    (waiting,) = await queue(town)
    told = await settle(town, waiting, "可以向法院申请人身安全保护令。")
    assert {s.chat_id for s in told if "保护令" in s.text} == {"u1"}


async def test_the_buttons_of_an_answer_kept_for_the_morning_work(town: Town) -> None:
    await library(town)
    async with town.app.state.db.writing() as session:
        await put_settings(session, "web", GROUP, ChatSettings(quiet_from=8, quiet_to=10))
    assert to(GROUP, await town.hear("u1", KNOWN)) == []
    (answer,) = await town.wait(4000)
    await town.press("u2", button(answer, "没答上"), chat=GROUP)
    assert len(await queue(town)) == 1


async def test_the_same_question_is_pointed_to_the_first_answer(town: Town) -> None:
    await library(town)
    await town.hear("u1", KNOWN)
    (again,) = to(GROUP, await town.hear("u2", "身份证丢了去哪里补办？"))
    assert "请看上面的答复" in again.text
    (later,) = to(GROUP, await town.hear("u3", KNOWN, after_s=3600))
    assert "派出所补办" in later.text


async def test_a_long_answer_is_short_in_the_group_and_whole_in_private(town: Town) -> None:
    await library(town, LONG_ANSWER)
    (answer,) = to(GROUP, await town.hear("u1", KNOWN))
    assert len(answer.text) < LONG + 60
    said = await town.press("u2", button(answer, "私聊看全文"), chat=GROUP)
    (whole,) = to("u2", said)
    assert LONG_ANSWER in whole.text
    assert to(GROUP, said) == []


class Phrased:
    """A language model that hands over its sentences when the test says so."""

    def begin(self, question: str, passages: tuple[Passage, ...], say: Callable[[list[Sentence]], Awaitable[None]]) -> None:
        self.hand_over = say


async def test_what_a_model_phrased_is_as_short_in_the_group_as_what_was_quoted(town: Town) -> None:
    rule = DocumentIn(id="ids", title="身份证办理须知", text="第一条 居民身份证丢了的，本人带户口本到派出所补办，二十日内领取。")
    async with town.app.state.db.writing() as session:
        await add_documents(session, [rule], "test", town.now)
    policy, phrased = LivePolicy(town.client, lambda: None), Phrased()
    await policy.refresh()
    town.mind.ports = replace(town.mind.ports, policy=policy, phrasing=phrased)  # type: ignore[arg-type]  # all that is asked of it
    (quoted,) = to(GROUP, await town.hear("u1", KNOWN))
    said = len(town.voice.said)
    await phrased.hand_over([Sentence(text="带户口本到派出所补办。" * 10, passage=1)] * 3)
    assert town.speeches(said) == []
    await phrased.hand_over([Sentence(text="带户口本到派出所补办。", passage=1)])
    (short,) = town.speeches(said)
    assert (short.card_id, "派出所补办" in short.text) == (quoted.card_id, True)


def test_what_is_shortened_is_whole_sentences_of_the_very_words() -> None:
    cut = shortened(LONG_ANSWER)
    assert LONG_ANSWER.startswith(cut.removesuffix("……"))
    assert cut.removesuffix("……").endswith("。")
    assert shortened("一句话。") == "一句话。"
