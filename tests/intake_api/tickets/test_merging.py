"""Merging and taking apart again, with everybody who spoke."""

from __future__ import annotations

import pytest

from intake_api.problems import ProblemError
from tests.intake_api.tickets.office import ADMINISTRATOR, GRID_WORKER, Office


async def test_a_merge_keeps_everybody_and_tells_each_chat_once(office: Office) -> None:
    one = (await office.report(who="zhang", chat_id="g-one")).ticket.id
    await office.report(who="wang", chat_id="g-one", join=one)
    two = (await office.report(who="li", chat_id="g-two")).ticket
    before = len(await office.events())
    await office.act(one, "merge", GRID_WORKER, into=two.id)
    merged, target = await office.ticket(one), await office.ticket(two.id)
    assert (merged.state, merged.duplicate_of, merged.closing_code) == ("merged", two.id, "duplicate")
    assert (target.affected_people, target.chats) == (3, ["web:g-one", "web:g-two"])
    assert await office.people_of(two.id) == {office.vault.pseudonym("web", who) for who in ("zhang", "wang", "li")}
    told = [(event.ticket.id, event.chat_id, event.note) for event in (await office.events())[before:] if event.audience == "group"]
    assert told == [(one, "g-one", two.number), (two.id, "g-two", "")]


async def test_unmerging_a_chain_gives_each_its_own(office: Office) -> None:
    a, b, c = [(await office.report(who=who)).ticket.id for who in ("zhang", "wang", "li")]
    await office.act(a, "merge", GRID_WORKER, into=b)
    await office.act(b, "merge", GRID_WORKER, into=c)
    late = await office.report(who="zhao", join=a)
    assert late.ticket.id == c
    assert (await office.ticket(c)).affected_people == 4
    await office.act(b, "unmerge", GRID_WORKER)
    assert [(await office.ticket(one)).affected_people for one in (b, c)] == [3, 1]
    await office.act(a, "unmerge", GRID_WORKER)
    people = [await office.people_of(one) for one in (a, b, c)]
    assert people == [{office.vault.pseudonym("web", who) for who in group} for group in (("zhang", "zhao"), ("wang",), ("li",))]
    assert [(await office.ticket(one)).state for one in (a, b, c)] == ["candidate"] * 3
    assert await office.breaks() == []


@pytest.mark.parametrize(
    ("into", "code"),
    [("itself", "merge_into_itself"), ("rejected", "target_is_closed"), ("below", "below_its_level"), ("nowhere", "not_found")],
)
async def test_what_cannot_take_a_ticket_in(office: Office, into: str, code: str) -> None:
    lift = (await office.report()).ticket.id
    posters = {"category": "environment.posters", "confidence": 0.9, "accepted": True}
    other = (await office.report(judged=posters)).ticket.id
    if into == "rejected":
        await office.act(other, "reject", GRID_WORKER, reason="玩笑")
    target = {"itself": lift, "nowhere": "no-such-ticket"}.get(into, other)
    with pytest.raises(ProblemError) as refused:
        await office.act(lift, "merge", GRID_WORKER, into=target)
    assert refused.value.code == code


async def test_the_same_button_pressed_twice_is_one_act(office: Office) -> None:
    ticket_id = (await office.report()).ticket.id
    for _ in range(2):
        ticket = await office.act(ticket_id, "confirm", as_handle="web:w1", key="web:w1:55")
    assert ticket.state == "dispatched"
    assert [entry.act for entry in await office.history(ticket_id)] == ["open", "confirm", "dispatch"]
    other = (await office.report()).ticket.id
    with pytest.raises(ProblemError) as refused:
        await office.act(other, "confirm", as_handle="web:w1", key="web:w1:55")
    assert refused.value.code == "key_used"


async def test_personal_data_in_a_reply_never_reaches_the_public(office: Office) -> None:
    ticket_id = await office.dispatched()
    for act in ("sign", "start"):
        await office.act(ticket_id, act, ADMINISTRATOR)
    reply = "已联系维修师傅13812345678更换门机控制板，电梯恢复运行。"
    await office.act(ticket_id, "finish", ADMINISTRATOR, closing_code="solved", public_reply=reply)
    assert "13812345678" not in (await office.ticket(ticket_id)).public_reply
