"""A ticket's life from the first sight to the rating, as the people concerned go through it."""

from __future__ import annotations

import pytest

from intake_api.problems import ProblemError
from tests.intake_api.tickets.office import ANSWER, COMMUNITY, GRID_WORKER, Office


async def test_a_report_is_confirmed_dispatched_done_and_rated(office: Office) -> None:
    receipt = await office.report(who="zhang")
    ticket = receipt.ticket
    assert (receipt.outcome, ticket.state, ticket.number) == ("opened", "candidate", "CH-20260602-0001")
    assert ticket.first_seen_at < office.now
    await office.act(ticket.id, "confirm", GRID_WORKER)
    row = await office.ticket(ticket.id)
    assert (row.state, row.level, row.lead_unit) == ("dispatched", "community", "物业服务企业")
    await office.act(ticket.id, "sign", COMMUNITY)
    await office.act(ticket.id, "start", COMMUNITY)
    await office.act(ticket.id, "finish", COMMUNITY, closing_code="solved", public_reply=ANSWER)
    assert (await office.ticket(ticket.id)).state == "callback"
    await office.act(ticket.id, "rate", as_handle="web:zhang", solved=True)
    row = await office.ticket(ticket.id)
    assert row.state == "archived"
    assert row.rating == {"solved": True, "satisfied": True, "reasons": [], "by": "reporter"}
    acts = [(entry.act, entry.from_state, entry.to_state) for entry in await office.history(ticket.id)]
    assert acts == [
        ("open", None, "candidate"),
        ("confirm", "candidate", "accepted"),
        ("dispatch", "accepted", "dispatched"),
        ("sign", "dispatched", "signed"),
        ("start", "signed", "in_progress"),
        ("finish", "in_progress", "done"),
        ("ask_back", "done", "callback"),
        ("rate", "callback", "callback"),
        ("archive", "callback", "archived"),
    ]
    assert await office.breaks() == []


async def test_a_grid_duty_is_handled_inside_the_grid(office: Office) -> None:
    posters = {"category": "environment.posters", "confidence": 0.9, "accepted": True, "model_version": "m1"}
    ticket_id = (await office.report(judged=posters)).ticket.id
    await office.act(ticket_id, "confirm", as_handle="web:m1")
    row = await office.ticket(ticket_id)
    assert (row.state, row.level, row.assignee) == ("accepted", "grid", "小周")
    await office.act(ticket_id, "self_handle", as_handle="web:m1")
    await office.act(ticket_id, "finish", as_handle="web:m1", closing_code="solved", public_reply="楼道小广告已全部清除并重新粉刷。")
    assert (await office.ticket(ticket_id)).state == "callback"


async def test_what_is_no_grid_duty_cannot_be_handled_there(office: Office) -> None:
    ticket_id = await office.dispatched()
    with pytest.raises(ProblemError, match="not possible while"):
        await office.act(ticket_id, "self_handle", as_handle="web:m1")


async def test_an_emergency_waits_for_nobody(office: Office) -> None:
    gas = {"category": "safety.gas_leak", "confidence": 0.95, "accepted": True, "emergency": True, "call": "119"}
    ticket = (await office.report(judged=gas)).ticket
    assert (ticket.state, ticket.urgency, ticket.level, ticket.lead_unit) == ("dispatched", "emergency", "department", "燃气公司")
    asked = [event.chat_id for event in await office.events() if event.type == "card.requested"]
    assert sorted(asked) == ["c1", "m1", "w1"]


async def test_a_reply_that_does_not_answer_is_held_back(office: Office) -> None:
    ticket_id = await office.dispatched()
    await office.act(ticket_id, "sign", COMMUNITY)
    await office.act(ticket_id, "start", COMMUNITY)
    for empty in ("", "已处理", "您好，您反映的问题已收悉，我们高度重视，会尽快处理，感谢您的理解与支持！", "啊啊啊啊啊啊啊啊啊啊"):
        with pytest.raises(ProblemError) as refused:
            await office.act(ticket_id, "finish", COMMUNITY, closing_code="solved", public_reply=empty)
        assert (refused.value.status, refused.value.code) == (422, "reply_does_not_answer")
    assert (await office.ticket(ticket_id)).state == "in_progress"
