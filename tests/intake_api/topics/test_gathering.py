"""Topics as tickets come and change: what belongs together, who is counted, and that doing it again changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from intake_api.db import Database
from intake_api.settings import Settings
from intake_api.topics import gathering
from intake_api.topics.gathering import gather_next, take_in
from intake_api.topics.tables import Day, DirtyBlock, Member, Topic, Volume
from intake_api.topics.worker import TopicsJob, forget_old
from tests.intake_api.tickets.office import GRID_WORKER, Office

ZONE = ZoneInfo("Asia/Shanghai")
LIFT = {"estate": "桂花苑"}
DARK = {"category": "facility.streetlight", "confidence": 0.9, "accepted": True, "model_version": "m1"}


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db).open()


async def settle(office: Office) -> None:
    """Everything that waits, as the job does it."""
    while await take_in(office.db, office.now, ZONE) or await gather_next(office.db, office.now, ZONE):
        pass


async def stand(office: Office) -> dict[str, Any]:
    """All that topics consist of, to be compared."""
    days = await office.rows(Day)
    return {
        "topics": sorted((t.id, t.category, t.first_at, t.last_at) for t in await office.rows(Topic)),
        "members": sorted((m.id, m.topic, m.version) for m in await office.rows(Member)),
        "days": sorted((d.topic, d.day, d.grid, d.unit, d.matters, d.people, d.urgent, d.central) for d in days),
        "volumes": sorted((v.hour, v.category, v.grid, v.voices) for v in await office.rows(Volume) if v.voices),
    }


async def topic_of(office: Office, ticket_id: str) -> str | None:
    return (await office.rows(Member, Member.id == ticket_id))[0].topic


async def test_the_same_trouble_at_the_same_place_is_one_topic_and_at_another_place_another(office: Office) -> None:
    first = await office.report(place=LIFT, masked="电梯又坏了")
    office.later(days=3)
    second = await office.report(place=LIFT | {"building": "9"}, masked="9栋电梯停了两天")
    other = await office.report(place={"estate": "松风里"}, masked="电梯又坏了")
    dark = await office.report(place=LIFT, masked="路灯全黑", judged=DARK)
    await settle(office)
    topics = [await topic_of(office, one.ticket.id) for one in (first, second, other, dark)]
    assert topics[0] == topics[1]
    assert len(set(topics)) == 3
    assert len(await office.rows(Topic)) == 3


async def test_people_are_counted_once_a_topic_on_the_day_they_first_spoke(office: Office) -> None:
    first = (await office.report(who="zhang", place=LIFT)).ticket.id
    await office.report(who="li", join=first)
    office.later(days=1)
    await office.report(who="zhang", place=LIFT)
    await office.report(who="wang", place=LIFT)
    await settle(office)
    days = sorted(await office.rows(Day), key=lambda d: d.day)
    assert [(d.people, d.matters) for d in days] == [(2, 1), (1, 2)]
    assert {d.community for d in days} == {"梧桐社区"}


async def test_doing_it_again_or_after_a_restart_changes_nothing(office: Office) -> None:
    for n in range(4):
        await office.report(who=f"r{n}", place=LIFT if n % 2 else {"estate": "松风里"})
    await settle(office)
    before = await stand(office)
    await settle(office)
    async with office.db.writing() as session:  # as after a crash before the block was done with
        session.add(DirtyBlock(block=(await session.get(Member, before["members"][0][0])).block, since=office.now))  # type: ignore[union-attr]
    await settle(office)
    assert await stand(office) == before


async def test_a_block_that_cannot_be_gathered_stops_no_other_and_is_set_aside(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    lift = await office.report(place=LIFT)
    office.later(minutes=1)
    road = await office.report(place=LIFT, masked="路上有个大坑", judged=DARK | {"category": "facility.road"})
    whole = gathering.gather_told

    def gather_told(told: Any, rules: Any) -> Any:
        if any(one.id == lift.ticket.id for one in told):
            raise ValueError("a word that cannot be read")
        return whole(told, rules)

    monkeypatch.setattr(gathering, "gather_told", gather_told)
    tried = 0
    for _ in range(40):
        await settle(office)
        (waiting,) = await office.rows(DirtyBlock)
        tried = max(tried, waiting.failures)
        office.later(minutes=30)
    assert await topic_of(office, road.ticket.id) is not None
    assert (tried, waiting.error) == (gathering.TRIES, "ValueError")
    async with office.db.writing() as session:
        assert [one.block for one in await gathering.set_aside(session)] == [waiting.block]
        assert await gathering.try_again(session, waiting.block, office.now)
        assert not await gathering.try_again(session, waiting.block, office.now)
    monkeypatch.setattr(gathering, "gather_told", whole)
    await settle(office)
    assert await topic_of(office, lift.ticket.id) is not None
    assert await office.rows(DirtyBlock) == []


async def test_two_processes_at_once_count_everything_once(office: Office) -> None:
    for n in range(6):
        await office.report(who=f"r{n}", place=LIFT)
    await asyncio.gather(*(take_in(office.db, office.now, ZONE) for _ in range(3)))
    await settle(office)
    assert sum(v.voices for v in await office.rows(Volume)) == 6


async def test_one_process_holds_the_job_and_hands_it_on(office: Office) -> None:
    await office.report(place=LIFT)
    settings, stop = Settings(_env_file=None), asyncio.Event()  # type: ignore[call-arg]
    one, two = (TopicsJob(office.db, settings, office.vault, owner, lambda: office.now) for owner in ("one", "two"))
    await one.turn(stop)
    assert len(await office.rows(Topic)) == 1
    await office.report(place={"estate": "松风里"})
    await two.turn(stop)
    assert len(await office.rows(Topic)) == 1
    await one.give_up()
    await two.turn(stop)
    assert len(await office.rows(Topic)) == 2


async def test_a_merged_matter_counts_with_the_other_and_an_unmerge_gives_it_back(office: Office) -> None:
    one = (await office.report(who="zhang", place=LIFT)).ticket.id
    two = (await office.report(who="li", place={"estate": "松风里"})).ticket.id
    await settle(office)
    before = await stand(office)
    await office.act(two, "merge", GRID_WORKER, into=one)
    await settle(office)
    days = await office.rows(Day)
    assert [(d.people, d.matters) for d in days] == [(2, 1)]
    assert len(await office.rows(Topic)) == 1
    await office.act(two, "unmerge", GRID_WORKER)
    await settle(office)
    after = await stand(office)
    assert after["days"] == before["days"]
    assert after["volumes"] == before["volumes"]


async def test_another_category_moves_its_voices(office: Office) -> None:
    ticket = (await office.report(place=LIFT)).ticket.id
    await settle(office)
    await office.act(ticket, "recategorise", GRID_WORKER, category="facility.streetlight")
    await settle(office)
    assert [(v.category, v.voices) for v in await office.rows(Volume) if v.voices] == [("facility.streetlight", 1)]
    assert [t.category for t in await office.rows(Topic)] == ["facility.streetlight"]


async def test_a_topic_keeps_its_name_when_the_matter_it_is_named_after_leaves(office: Office) -> None:
    ids = sorted([(await office.report(who=who, place=LIFT)).ticket.id for who in ("zhang", "li", "wang")])
    await settle(office)
    name = await topic_of(office, ids[0])
    assert name == ids[0]
    await office.act(name, "recategorise", GRID_WORKER, category="facility.streetlight")
    await settle(office)
    assert [await topic_of(office, one) for one in ids[1:]] == [name, name]
    assert await topic_of(office, ids[0]) != name
    assert sorted(d.people for d in await office.rows(Day)) == [1, 2]
    assert sorted(t.category for t in await office.rows(Topic)) == ["facility.streetlight", "housing.elevator"]


@pytest.mark.parametrize("kept_out", ["rejected", "delicate", "confidential", "praise"])
async def test_what_is_no_matter_or_nobody_elses_business_is_in_no_topic(office: Office, kept_out: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "delicate": {"judged": {"category": "housing.elevator", "confidence": 0.9, "delicate": True}},
        "confidential": {"reporter": {"channel": "web", "handle": "x", "confidential": True}},
        "praise": {"kind": "praise"},
    }
    ticket = (await office.report(**fields.get(kept_out, {}))).ticket.id
    if kept_out == "rejected":
        await settle(office)
        assert len(await office.rows(Topic)) == 1
        await office.act(ticket, "reject", GRID_WORKER, reason="不是诉求")
    await settle(office)
    assert await office.rows(Topic) == []
    assert await office.rows(Day) == []
    assert sum(v.voices for v in await office.rows(Volume)) == 0


async def test_matters_of_one_incident_are_one_topic_wherever_they_are(office: Office) -> None:
    ids = [
        (await office.report(who=f"r{n}", place={"estate": estate})).ticket.id for n, estate in enumerate(("桂花苑", "松风里", "云起台"))
    ]
    async with office.db.writing() as session:
        for ticket in [await office_ticket(session, one) for one in ids]:
            ticket.incident, ticket.version, ticket.updated_at = "burst", ticket.version + 1, office.now
    await settle(office)
    assert len({await topic_of(office, one) for one in ids}) == 1


async def office_ticket(session: Any, ticket_id: str) -> Any:
    from intake_api.tickets.tables import Ticket

    return await session.get(Ticket, ticket_id)


async def test_a_topic_keeps_its_name_as_it_grows_and_what_is_old_is_dropped_in_the_end(office: Office) -> None:
    first = (await office.report(who="a", place=LIFT)).ticket.id
    await settle(office)
    name = await topic_of(office, first)
    for n in range(3):
        office.later(days=25)
        last = (await office.report(who=f"b{n}", place=LIFT)).ticket.id
        await settle(office)
        assert await topic_of(office, last) == name
    assert sum(d.people for d in await office.rows(Day)) == 4
    office.later(days=500)
    await forget_old(office.db, office.now)
    assert await office.rows(Topic) == []
    assert await office.rows(Volume) == []
