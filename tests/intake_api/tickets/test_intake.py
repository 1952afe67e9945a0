"""Taking reports in: once, whatever happens in between; joined, numbered, sealed, counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from intake_api.db import Database
from intake_api.tickets import service
from intake_api.tickets.retention import forget_expired
from intake_api.tickets.tables import Message, Reporter, Ticket
from tests.intake_api.tickets.office import ADMINISTRATOR, COMMUNITY, GRID_WORKER, Office


async def test_two_workers_with_the_same_report_make_one_ticket(office: Office, open_database: Callable[[str], Database]) -> None:
    other = Office(open_database(office.db.url))
    reports = [office.report_in() for _ in range(12)]
    receipts = await asyncio.gather(*(place.report(report) for report in reports for place in (office, other, office, other)))
    assert len(await office.rows(Ticket)) == 12
    assert len({receipt.ticket.id for receipt in receipts}) == 12
    assert sorted(receipt.outcome for receipt in receipts) == ["already"] * 36 + ["opened"] * 12
    assert await office.breaks() == []


async def test_a_crash_in_the_middle_leaves_nothing_and_the_retry_files_it(office: Office) -> None:
    report = office.report_in()

    async def crash() -> None:
        async with office.desk() as desk:
            await service.create_report(desk, report)
            await desk.session.flush()
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await crash()
    assert await office.rows(Ticket) == await office.rows(Message) == []
    receipt = await office.report(report)
    assert (receipt.outcome, receipt.ticket.number) == ("opened", "CH-20260602-0001")


async def test_numbers_count_the_day_of_the_residents_without_gaps(office: Office) -> None:
    office.later(hours=14.9)  # 23:54 in the grid
    first = await office.report()
    office.later(minutes=10)
    numbers = [first.ticket.number, *[(await office.report()).ticket.number for _ in range(2)]]
    assert numbers == ["CH-20260602-0001", "CH-20260603-0001", "CH-20260603-0002"]


async def test_a_second_person_joins_and_is_counted_once(office: Office) -> None:
    first = await office.report(who="zhang", place={"estate": "桂花苑", "building": "3"})
    receipts = [
        await office.report(who=who, join=first.ticket.id, place={"estate": "桂花苑", "building": building})
        for who, building in (("wang", "3"), ("wang", "3"), ("li", "5"))
    ]
    assert [(receipt.outcome, receipt.first_of_person) for receipt in receipts] == [
        ("joined", True),
        ("joined", False),
        ("joined", True),
    ]
    ticket = receipts[-1].ticket
    assert (ticket.affected_people, ticket.affected_households, ticket.affected_buildings) == (3, 3, 2)
    joined = [event for event in await office.events() if event.type == "ticket.joined"]
    assert [event.ticket.affected_people for event in joined] == [2, 3]


async def test_one_tap_joins_and_the_second_tap_changes_nothing(office: Office) -> None:
    ticket_id = (await office.report(who="zhang")).ticket.id
    for _ in range(2):
        ticket = await office.add(ticket_id, who="wang", kind="join", external_id=f"metoo:web:wang:{ticket_id}")
    assert ticket.affected_people == 2
    assert len([event for event in await office.events() if event.type == "ticket.joined"]) == 1


async def test_a_neighbour_of_the_same_household_does_not_add_one(office: Office) -> None:
    reporter = {"channel": "web", "handle": "mother", "household": "3-2-501"}
    first = await office.report(reporter=reporter)
    second = await office.report(join=first.ticket.id, reporter=reporter | {"handle": "son"})
    assert (second.ticket.affected_people, second.ticket.affected_households) == (2, 1)


@pytest.mark.parametrize("laid_down", ["rejected", "archived"])
async def test_a_ticket_that_is_laid_down_takes_nobody_and_the_new_one_names_it(office: Office, laid_down: str) -> None:
    if laid_down == "rejected":
        old = (await office.report()).ticket.id
        await office.act(old, "reject", GRID_WORKER, reason="玩笑")
    else:
        old = await office.in_callback(who="zhang")
        await office.act(old, "rate", as_handle="web:zhang", solved=True)
    receipt = await office.report(join=old)
    assert (receipt.outcome, receipt.ticket.recurs_from) == ("opened", old)


async def test_a_join_follows_the_merge(office: Office) -> None:
    one, two = (await office.report()).ticket.id, (await office.report()).ticket.id
    await office.act(one, "merge", GRID_WORKER, into=two)
    receipt = await office.report(join=one)
    assert (receipt.outcome, receipt.ticket.id) == ("joined", two)


async def test_an_unknown_ticket_to_join_loses_no_report(office: Office) -> None:
    receipt = await office.report(join="00000000-0000-0000-0000-000000000000", grid="unbound")
    assert receipt.outcome == "opened"


async def test_later_words_that_tell_of_danger_make_it_an_emergency(office: Office) -> None:
    ticket_id = (await office.report()).ticket.id
    gas = {"category": "safety.trapped", "confidence": 0.9, "accepted": True, "emergency": True, "call": "96333"}
    receipt = await office.report(join=ticket_id, judged=gas)
    assert (receipt.ticket.state, receipt.ticket.urgency, receipt.ticket.level) == ("dispatched", "emergency", "department")


async def test_a_supplement_completes_the_place_and_an_edit_keeps_both_versions(office: Office) -> None:
    receipt = await office.report(who="zhang", place={"estate": "桂花苑"}, message_ids=["77"])
    await office.add(receipt.ticket.id, who="zhang", masked="是5栋", place={"building": "5"}, message_id="78")
    await office.add(receipt.ticket.id, who="zhang", kind="edit", edit_of="77", masked="电梯完全停了")
    async with office.desk() as desk:
        ticket = await desk.session.get_one(Ticket, receipt.ticket.id)
        seen = await service.detail(desk, ticket, ADMINISTRATOR, [])
    assert seen.place.building == "5"
    assert "电梯完全停了" in seen.description
    first = seen.messages[0]
    assert (first.text, first.versions) == ("电梯完全停了", ["3栋2单元电梯又坏了，电话〔手机号〕", "电梯完全停了"])


async def test_the_only_reporter_corrects_the_place_and_the_title_follows(office: Office) -> None:
    ticket_id = (await office.report(who="zhang")).ticket.id
    assert (await office.ticket(ticket_id)).title == "3栋2单元电梯故障"
    ticket = await office.add(ticket_id, who="zhang", masked="说错了，是5栋", place={"building": "5"})
    assert (ticket.place["building"], ticket.place["unit"], ticket.title) == ("5", "2", "5栋2单元电梯故障")


async def test_the_next_words_name_what_the_first_cry_left_open_until_a_person_has_chosen(office: Office) -> None:
    unsure = {
        "category": "dispute.wages",
        "confidence": 0.3,
        "top": [["dispute.wages", 0.3], ["housing.retrofit", 0.2]],
        "model_version": "m1",
    }
    named = {"category": "housing.retrofit", "confidence": 0.6, "top": [["housing.retrofit", 0.6], ["dispute.wages", 0.1]]}
    garbage = {"category": "environment.garbage", "confidence": 0.98, "top": [["environment.garbage", 0.98]], "accepted": True}
    ticket_id = (await office.report(who="zhang", judged=unsure, masked="井挖了四个月", place={})).ticket.id
    ticket = await office.add(ticket_id, "zhang", kind="supplement", masked="说好装电梯的", judgement=named)
    assert (ticket.category, ticket.judgement["category"], ticket.judgement["accepted"]) == ("housing.retrofit", "housing.retrofit", False)
    assert "加装电梯" in ticket.title
    assert ticket.level == "street"  # where 加装电梯 begins
    await office.act(ticket_id, "recategorise", GRID_WORKER, category="housing.elevator")
    assert (
        await office.add(ticket_id, "zhang", kind="supplement", masked="垃圾也没人收", judgement=garbage)
    ).category == "housing.elevator"


async def test_danger_told_later_leaves_the_category_that_a_person_chose(office: Office) -> None:
    ticket_id = (await office.report()).ticket.id
    await office.act(ticket_id, "recategorise", GRID_WORKER, category="housing.access")
    trapped = {"category": "safety.trapped", "confidence": 0.9, "accepted": True, "emergency": True, "call": "96333"}
    receipt = await office.report(join=ticket_id, judged=trapped)
    assert (receipt.ticket.state, receipt.ticket.urgency, receipt.ticket.category) == ("dispatched", "emergency", "housing.access")


async def test_other_words_do_not_move_a_category_that_was_sure(office: Office) -> None:
    garbage = {"category": "environment.garbage", "confidence": 0.98, "top": [["environment.garbage", 0.98]], "accepted": True}
    ticket_id = (await office.report(who="zhang")).ticket.id
    assert (
        await office.add(ticket_id, "zhang", kind="supplement", masked="垃圾也没人收", judgement=garbage)
    ).category == "housing.elevator"


async def test_nobody_else_moves_a_matter_to_another_place(office: Office) -> None:
    ticket_id = (await office.report(who="zhang")).ticket.id
    ticket = await office.add(ticket_id, who="li", masked="5栋也是", place={"building": "5"})
    assert ticket.place["building"] == "3"
    await office.report(who="li", join=ticket_id)
    ticket = await office.add(ticket_id, who="zhang", masked="说错了，是5栋", place={"building": "5"})
    assert (ticket.place["building"], ticket.title) == ("3", "3栋2单元电梯故障"), "two voices: a worker decides"
    assert "说错了，是5栋" in ticket.description


async def test_the_title_says_where_and_what_whoever_tells_it(office: Office) -> None:
    ticket_id = (await office.report(who="zhang", judged={"confidence": 0.2}, place={}, masked="一直在响，吵得人睡不着")).ticket.id
    assert (await office.ticket(ticket_id)).title == "一直在响，吵得人睡不着"
    ticket = await office.act(ticket_id, "recategorise", GRID_WORKER, category="housing.elevator")
    assert ticket.title == "电梯故障"
    place = {"estate": "桂花苑", "building": "11", "unit": "2", "room": "501"}
    ticket = await office.act(ticket_id, "correct_place", GRID_WORKER, place=place)
    assert ticket.title == "11栋2单元电梯故障", "and never the room"
    ticket = await office.add(ticket_id, who="wang", kind="join", place={"spot": "东侧电梯厅"})
    assert len(ticket.title) <= 20


async def test_a_reporter_who_says_it_again_has_answered(office: Office) -> None:
    ticket_id = await office.dispatched(who="zhang")
    await office.act(ticket_id, "ask_info", COMMUNITY, question="是左边还是右边的电梯？")
    assert (await office.report(who="li", join=ticket_id)).ticket.state == "need_info"
    assert (await office.report(who="zhang", join=ticket_id)).ticket.state == "in_progress"


async def test_a_reason_that_residents_read_names_nobody(office: Office) -> None:
    ticket_id = (await office.report(who="zhang")).ticket.id
    ticket = await office.act(ticket_id, "reject", GRID_WORKER, reason="已电话13800000000核实，不属实")
    assert "13800000000" not in ticket.state_note


async def test_an_answer_of_the_reporter_lets_the_clock_run_on(office: Office) -> None:
    ticket_id = await office.dispatched(who="zhang")
    due = (await office.ticket(ticket_id)).resolve_by
    await office.act(ticket_id, "ask_info", COMMUNITY, question="是左边还是右边的电梯？")
    assert [event.note for event in await office.events() if event.type == "ticket.asked"] == ["是左边还是右边的电梯？"]
    office.later(hours=5)
    ticket = await office.add(ticket_id, who="zhang", kind="reply", masked="左边的")
    assert ticket.state == "in_progress"
    assert due is not None
    assert ticket.resolve_by == due + timedelta(hours=5)


async def test_originals_and_handles_lie_sealed_and_go_when_their_time_is_over(office: Office) -> None:
    rejected = (await office.report(who="secret-handle")).ticket.id
    living = (await office.report(who="other")).ticket.id
    await office.act(rejected, "reject", GRID_WORKER, reason="玩笑")
    message = (await office.rows(Message, Message.ticket_id == rejected))[0]
    reporter = (await office.rows(Reporter, Reporter.ticket_id == rejected))[0]
    assert b"13800000000" not in message.original
    assert "13800000000" in (office.vault.open(message.original) or "")
    assert b"secret-handle" not in reporter.handle
    assert "secret" not in reporter.person
    office.later(days=office.settings.retention_days + 1)
    assert await forget_expired(office.db, office.now) == 3
    assert [row.original for row in await office.rows(Message)] == [None, None]
    handles = {row.ticket_id: row.handle is None for row in await office.rows(Reporter)}
    assert handles == {rejected: True, living: False}


async def test_a_person_who_is_forgotten_leaves_the_matter_behind(office: Office) -> None:
    ticket_id = (await office.report(who="zhang")).ticket.id
    async with office.desk() as desk:
        found = await service.forget_person(desk, "web", "zhang")
        again = await service.forget_person(desk, "web", "zhang")
    assert (found.reports, found.tickets, again.reports) == (1, 1, 0)
    ticket = await office.ticket(ticket_id)
    assert ticket.description
    assert office.vault.pseudonym("web", "zhang") not in await office.people_of(ticket_id)


async def test_tickets_follow_a_group_that_gets_another_id(office: Office) -> None:
    ticket_id = (await office.report()).ticket.id
    async with office.db.writing() as session:
        assert await service.move_chat(session, "web", "group1", "supergroup") == 1
        assert await service.move_chat(session, "web", "group1", "supergroup") == 0
    await office.act(ticket_id, "confirm", GRID_WORKER)
    told = [event.chat_id for event in await office.events() if event.audience == "group"]
    assert told == ["supergroup"]
    async with office.db.reading() as session:
        chats = list(await session.scalars(select(Message.chat)))
    assert chats == ["web:supergroup"]
