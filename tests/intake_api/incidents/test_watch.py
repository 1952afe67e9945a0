"""What several groups tell of one trouble becomes one incident; each group hears of it once; nothing is tied against a person's word."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from intake_api.contracts import NEWS, IncidentTold, Receipt
from intake_api.db import Database
from intake_api.incidents.tables import Incident
from intake_api.incidents.worker import Watch
from intake_api.outbox.tables import Outbox
from intake_api.tickets.tables import Ticket
from tests.intake_api.tickets.office import COMMUNITY, GRID_WORKER, Office

WATER = {"category": "facility.water", "confidence": 0.95, "top": [["facility.water", 0.95]], "accepted": True, "model_version": "m1"}


async def no_water(office: Office, chat: str, text: str = "家里停水了，一滴水都没有", **more: Any) -> Receipt:
    fields = {"grid": "g3" if chat == "c" else "g1", "judged": WATER, "masked": text, "place": {"estate": f"{chat}苑", "building": "3"}}
    return await office.report(chat_id=chat, **{**fields, **more})


async def told(office: Office) -> list[IncidentTold]:
    async with office.db.reading() as session:
        rows = list(await session.scalars(select(Outbox).where(Outbox.kind == "chat").order_by(Outbox.seq)))
    events = [NEWS.validate_json(row.event) for row in rows if not row.sealed]
    return [event for event in events if isinstance(event, IncidentTold)]


async def incidents(office: Office) -> list[Incident]:
    async with office.db.reading() as session:
        return list(await session.scalars(select(Incident)))


async def tied(office: Office, receipt: Receipt) -> str | None:
    return (await office.ticket(receipt.ticket.id)).incident


async def test_three_homes_of_two_groups_open_one_incident_and_each_group_hears_once(office: Office, watch: Watch) -> None:
    one = await no_water(office, "a")
    await watch.look()
    await no_water(office, "a", "停水了吗？家里一滴水都没有", join=one.ticket.id)
    other = await no_water(office, "c", "我们这边也停水了，一滴水都没有")
    await watch.look()
    (incident,) = await incidents(office)
    assert (incident.opened_by, incident.reach, incident.community) == ("system", "community", "梧桐社区")
    assert await tied(office, one) == await tied(office, other) == incident.id
    assert [(e.type, e.chat_id) for e in await told(office)] == [("incident.announced", "a"), ("incident.announced", "c")]
    late = await no_water(office, "b", "怎么停水了，一滴水都没有")
    again = await no_water(office, "c", "家里停水了一滴都没有", place={"building": "9"})
    for _ in range(3):
        await watch.look()
    assert await tied(office, late) == await tied(office, again) == incident.id
    assert sorted(e.chat_id for e in await told(office)) == ["a", "b", "c"]
    assert len(await incidents(office)) == 1
    assert await office.breaks() == []


async def test_a_fault_of_the_database_in_the_middle_forgets_no_ticket(
    office: Office, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await no_water(office, "a")
    await no_water(office, "a", "停水了吗？家里一滴水都没有", join=one.ticket.id)
    await no_water(office, "c", "我们这边也停水了，一滴水都没有")

    async def lost(*_: object) -> int:
        raise OperationalError("SELECT", {}, Exception("connection lost"))

    with monkeypatch.context() as away:
        away.setattr(watch, "_gather", lost)
        with pytest.raises(OperationalError):
            await watch.look()
    await watch.look()
    assert len(await incidents(office)) == 1


@pytest.mark.parametrize("why", ["two homes", "one group", "another street", "a day later", "only mine", "delicate", "another kind"])
async def test_what_is_no_incident_stays_apart(office: Office, watch: Watch, why: str) -> None:
    chat = {"one group": "a"}.get(why, "c")
    more: dict[str, Any] = {}
    if why == "another street":
        more = {"grid": "g2", "chat_id": "far"}
    if why == "delicate":
        more = {"judged": {**WATER, "delicate": True}}
    if why == "another kind":
        more = {"judged": {**WATER, "category": "facility.power", "top": [["facility.power", 0.95]]}}
    first = await no_water(office, "a")
    if why != "two homes":
        await no_water(office, "a", join=first.ticket.id)
    if why == "a day later":
        office.later(hours=30)
    text = "别人家都有水，就我家停水了，一滴水都没有" if why == "only mine" else "停水了，一滴水都没有"
    await office.report(**{"chat_id": chat, "grid": "g3", "judged": WATER, "masked": text, "place": {"building": "3"}, **more})
    await watch.look()
    await watch.look()
    assert await incidents(office) == []


async def test_a_restart_finds_what_was_told_while_nobody_watched(office: Office, watch: Watch, db: Database) -> None:
    await no_water(office, "a")
    await no_water(office, "b")
    await watch.look()
    assert len(watch) == 2
    await watch.give_up()
    await no_water(office, "c")
    successor = Watch(db, office.settings, office.vault, "successor", lambda: office.now)
    await successor.look()
    assert len(successor) == 3
    assert len(await incidents(office)) == 1
    idle = Watch(db, office.settings, office.vault, "idle", lambda: office.now)
    await idle.look()
    assert len(idle) == 0, "one process at a time"


async def test_closed_tickets_leave_the_index(office: Office, watch: Watch) -> None:
    receipt = await no_water(office, "a")
    await watch.look()
    assert len(watch) == 1
    await office.act(receipt.ticket.id, "reject", GRID_WORKER, reason="玩笑")
    await watch.look()
    assert len(watch) == 0


async def test_the_same_spot_told_in_two_groups_is_shown_to_the_worker(office: Office, watch: Watch) -> None:
    hole = {"category": "facility.road", "confidence": 0.9, "top": [["facility.road", 0.9]], "accepted": True, "model_version": "m1"}
    place = {"road": "人民路", "spot": "菜场门口"}
    first = await office.report(chat_id="a", judged=hole, masked="人民路菜场门口路面有个大坑", place=place)
    here = await office.report(chat_id="a", judged=hole, masked="人民路菜场门口有个坑", place=place)
    await watch.look()
    other = await office.report(chat_id="c", grid="g3", judged=hole, masked="人民路菜场门口的大坑没人管", place=place)
    elsewhere = await office.report(chat_id="c", grid="g3", judged=hole, masked="湖滨路有个大坑", place={"road": "湖滨路"})
    await watch.look()
    shown = await office.ticket(other.ticket.id)
    assert {one["ticket_id"] for one in shown.suggestions} == {first.ticket.id, here.ticket.id}
    assert "同一地点" in shown.suggestions[0]["reasons"]
    assert (await office.ticket(elsewhere.ticket.id)).suggestions == []
    version = shown.version
    await watch.look()
    assert (await office.ticket(other.ticket.id)).version == version


async def test_tickets_that_a_person_took_apart_are_not_brought_together_again(office: Office, watch: Watch) -> None:
    one, other = await no_water(office, "a"), await no_water(office, "c")
    await no_water(office, "a", join=one.ticket.id)
    await office.act(one.ticket.id, "merge", COMMUNITY, into=other.ticket.id)
    await office.act(one.ticket.id, "unmerge", COMMUNITY)
    await watch.look()
    await watch.look()
    assert await incidents(office) == []
    parted: list[Ticket] = [await office.ticket(one.ticket.id), await office.ticket(other.ticket.id)]
    assert all(ticket.unlike for ticket in parted)
