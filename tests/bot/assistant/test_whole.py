"""Residents, workers and the real intake API: what each of them sees and never sees."""

from __future__ import annotations

from intake_api.contracts import AskInfo, Finish, Merge, Sign, Start
from tests.bot.assistant.conftest import Town, button, to
from tests.flows.stage import GROUP

LIFT = "3栋2单元电梯坏了，停在6楼不动"


async def test_a_worker_confirms_with_one_tap_and_the_group_follows_one_card(town: Town) -> None:
    said = await town.hear("u1", LIFT)
    (ack,), (card,) = to(GROUP, said), to("w2", said)
    done = await town.press("w2", button(card, "确认"))
    assert {s.card_id for s in to(GROUP, done)} == {ack.card_id}
    assert (await town.only_ticket()).state == "dispatched"


async def test_a_forged_button_shows_a_resident_nothing(town: Town) -> None:
    said = await town.hear("u1", f"{LIFT}，我住3栋2单元501")
    (card,) = to("w2", said)
    for forged in ("改类别", "改地点", "不是诉求"):
        for speech in await town.press("u9", button(card, forged)):
            assert "501" not in speech.text
            assert not speech.buttons
        assert await town.press("w2", button(card, forged), chat=GROUP) == [], "the group never sees a worker's card"


async def test_a_refusal_is_told_in_plain_words(town: Town) -> None:
    (card,) = to("w2", await town.hear("u1", LIFT))
    confirm = button(card, "确认")
    await town.press("w2", confirm)
    (again,) = to("w2", await town.press("w2", confirm))
    assert "已经由别人处理了" in again.text
    assert not any("a" <= c <= "z" for c in again.text)


async def test_a_workers_typed_place_moves_title_and_card(town: Town) -> None:
    said = await town.hear("u1", LIFT)
    await town.press("w2", button(to("w2", said)[0], "改地点"))
    assert "没有看懂" in (await town.privately("w2", "就那边"))[0].text
    said = await town.privately("w2", "5栋1单元")
    assert "已更新" in to("w2", said)[0].text
    assert "5栋1单元" in to(GROUP, said)[-1].text


async def test_a_rejection_says_why_politely(town: Town) -> None:
    said = await town.hear("u1", LIFT)
    menu = await town.press("w2", button(to("w2", said)[0], "不是诉求"))
    said = await town.press("w2", button(to("w2", menu)[0], "只是聊天"))
    assert "只是聊天" not in to(GROUP, said)[-1].text
    assert "网格员看过了" in to(GROUP, said)[-1].text


async def test_what_is_missing_is_asked_in_the_group_and_the_quoted_answer_comes_back(town: Town) -> None:
    said = await town.hear("u1", LIFT)
    await town.press("w2", button(to("w2", said)[0], "确认"))
    ticket = await town.only_ticket()
    (question, *_) = to(GROUP, await town.act(ticket.id, ask("停在几楼？", "web:c1")))
    assert "停在几楼" in question.text
    await town.hear("u2", "哈哈", card_id=question.card_id, reply_to="x1")
    assert (await town.only_ticket()).state == "need_info", "only a reporter answers"
    await town.hear("u1", "六", card_id=question.card_id, reply_to="x1")
    ticket = await town.only_ticket()
    assert ticket.state == "in_progress"
    assert "六" in [m.text for m in ticket.messages]


def ask(question: str, handle: str) -> AskInfo:
    return AskInfo(act="ask_info", question=question, as_handle=handle)


async def test_who_spoke_in_private_is_asked_and_told_in_private(town: Town) -> None:
    said = await town.privately("u1", "5栋1单元楼上天天半夜装修，吵得睡不着")
    assert to(GROUP, said) == []
    (ack,) = to("u1", said)
    said = await town.press("w2", button(to("w2", said)[0], "确认"))
    assert to("u1", said)[-1].card_id == ack.card_id, "progress is told where they spoke"
    ticket = await town.only_ticket()
    said = await town.act(ticket.id, ask("是哪一户？", "web:c1"))
    assert "是哪一户" in to("u1", said)[-1].text
    assert to(GROUP, said) == []
    said = await town.privately("u1", "601，电话13800000000")
    assert "已补到工单里" in to("u1", said)[0].text
    assert not any("原话" in s.text for s in to("u1", said)), "the worker's card is for workers"
    ticket = await town.only_ticket()
    assert ticket.state == "in_progress"
    assert not any("13800000000" in m.text for m in ticket.messages)


async def test_my_shows_the_group_nothing_said_in_private(town: Town) -> None:
    await town.privately("u1", "5栋1单元楼上天天半夜装修，吵得睡不着")
    (words,) = await town.hear("u1", "/my", kind="command")
    assert "CH-" not in words.text
    assert "私聊" in words.text
    (words,) = await town.privately("u1", "/my", kind="command")
    assert "CH-" in words.text


async def test_a_quote_of_a_merged_matter_finds_the_one_it_went_into(town: Town) -> None:
    await town.hear("u1", LIFT)
    first = await town.only_ticket()
    said = await town.hear("u2", "3栋1单元的门禁坏了，刷卡打不开")
    number = next(t.id for t in (await town.client.tickets()).tickets if t.id != first.id)
    await town.press("w2", button(to("w2", said)[0], "确认"))
    await town.act(first.id, Merge(act="merge", into=number, as_handle="web:w1"))
    await town.hear("u1", "补充一下，3栋2单元的电梯现在停在7楼", reply_to="m1", after_s=5)
    ticket = await town.client.ticket(number)
    assert any("7楼" in m.text for m in ticket.messages)


async def test_an_event_told_twice_says_nothing_twice(town: Town) -> None:
    said = await town.hear("u1", LIFT)
    await town.press("w2", button(to("w2", said)[0], "确认"))
    town.told = 0
    assert await town.pump() == []


async def test_every_reporter_of_a_group_can_rate(town: Town) -> None:
    said = await town.hear("u1", LIFT)
    await town.hear("u2", "我家也是，3栋2单元电梯坏了停在6楼")
    await town.press("w2", button(to("w2", said)[0], "确认"))
    ticket = await town.only_ticket()
    for act in (Sign(act="sign", as_handle="web:c1"), Start(act="start", as_handle="web:c1")):
        await town.act(ticket.id, act)
    reply = "已更换电梯控制板，试运行正常。"
    said = await town.act(ticket.id, Finish(act="finish", closing_code="solved", public_reply=reply, as_handle="web:c1"))
    question = next(s for s in to(GROUP, said) if s.card_id.startswith("r:"))
    assert reply in question.text
    (only,) = [s for s in await town.press("u9", button(question, "已解决"), chat=GROUP) if "反映这件事的邻居" in s.text]
    assert only.card_id == ""
    assert await town.press("u9", button(question, "已解决"), chat=GROUP) == [], "told once"
    said = await town.press("u1", button(question, "已解决"), chat=GROUP)
    again = next(s for s in said if s.card_id == question.card_id)
    said = await town.press("u2", button(again, "已解决"), chat=GROUP)
    assert (await town.only_ticket()).state == "archived"
    assert next(s for s in said if s.card_id == question.card_id).buttons == ()
