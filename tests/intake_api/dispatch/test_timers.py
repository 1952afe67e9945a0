"""Clocks and ladders: who is asked first, who next, and what becomes of a call-back that nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from intake_api.db import Database
from intake_api.dispatch.worker import ring_timers
from intake_api.grids.service import put_grid
from tests.intake_api.tickets.office import COMMUNITY, GRID, GRID_WORKER, Office, grid


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db).open()


async def ring(office: Office) -> int:
    return await ring_timers(office.db, office.settings, office.vault, office.now)


async def asked(office: Office) -> list[str]:
    return [event.chat_id for event in await office.events() if event.type == "card.requested"]


async def test_the_micro_worker_is_asked_first_then_the_grid_worker_then_the_community(office: Office) -> None:
    await office.report()
    assert await asked(office) == ["m1"]
    office.later(minutes=14)
    assert await ring(office) == 0
    office.later(minutes=1)
    assert await ring(office) == 1
    assert await ring(office) == 0
    assert await asked(office) == ["m1", "w1"]
    office.later(minutes=15)
    await ring(office)
    assert await asked(office) == ["m1", "w1", "c1"]
    office.later(days=3)
    assert await ring(office) == 0


async def test_who_has_no_account_is_passed_over(office: Office) -> None:
    staff = [person.model_copy(update={"handles": [], "id": f"{person.id}2"}) for person in grid().staff[:1]] + grid().staff[2:]
    async with office.db.writing() as session:
        await put_grid(session, grid().model_copy(update={"staff": staff}), office.now)
    await office.report()
    assert await asked(office) == ["c1"]


async def test_a_grid_where_nobody_can_be_reached_waits_in_the_queue(office: Office) -> None:
    ticket = (await office.report(grid="g2")).ticket
    assert ticket.state == "candidate"
    assert await asked(office) == []
    office.later(days=1)
    assert await ring(office) == 0


async def test_nobody_else_is_asked_once_it_is_confirmed(office: Office) -> None:
    await office.dispatched()
    before = await asked(office)
    office.later(days=1)
    assert await ring(office) == 0
    assert await asked(office) == before == ["m1", "c1"]


async def test_a_card_carries_the_buttons_of_the_one_who_gets_it(office: Office) -> None:
    await office.dispatched()
    cards = {event.chat_id: event.ticket.moves for event in await office.events() if event.type == "card.requested"}
    assert {"confirm", "reject", "merge", "recategorise", "correct_place"} <= set(cards["m1"])
    assert {"sign", "return"} <= set(cards["c1"])
    last = [event.ticket.moves for event in await office.events() if event.chat_id == "m1"][-1]
    assert "confirm" not in last


async def test_a_silent_call_back_goes_to_a_person_and_then_ends_without_a_word_of_solved(office: Office) -> None:
    ticket_id = await office.in_callback()
    office.later(days=14)
    assert await ring(office) == 1
    ticket = await office.ticket(ticket_id)
    assert (ticket.state, ticket.held, ticket.rating) == ("callback", "call_back", None)
    office.later(days=14)
    assert await ring(office) == 1
    ticket = await office.ticket(ticket_id)
    assert (ticket.state, ticket.held, ticket.rating) == ("archived", "", None)


async def test_a_person_who_calls_back_says_how_it_is(office: Office) -> None:
    ticket_id = await office.in_callback()
    await office.act(ticket_id, "call_back", COMMUNITY, solved=False)
    ticket = await office.ticket(ticket_id)
    assert (ticket.state, ticket.resolve_by) == ("reopened", None)
    office.later(minutes=20)
    await ring(office)
    await office.act(ticket_id, "confirm", GRID_WORKER)
    assert (await office.ticket(ticket_id)).state == "dispatched"


async def test_one_content_reporter_of_two_is_waited_for_and_then_laid_down(office: Office) -> None:
    first = (await office.report(who="zhang")).ticket.id
    await office.report(who="wang", join=first)
    await office.act(first, "confirm", GRID_WORKER)
    for act in ("sign", "start"):
        await office.act(first, act, COMMUNITY)
    reply = "已更换三号楼二单元门机控制板，试运行正常。"
    await office.act(first, "finish", COMMUNITY, closing_code="solved", public_reply=reply)
    await office.act(first, "rate", as_handle="web:zhang", solved=True)
    assert (await office.ticket(first)).state == "callback"
    office.later(days=14)
    await ring(office)
    assert (await office.ticket(first)).state == "archived"


@pytest.mark.parametrize("grid_code", [GRID, "g2"])
async def test_two_processes_may_ring_at_once(office: Office, grid_code: str) -> None:
    await office.report(grid=grid_code)
    office.later(minutes=15)
    await asyncio.gather(*(ring(office) for _ in range(4)))
    assert await asked(office) == (["m1", "w1"] if grid_code == GRID else [])
