"""What people do with incidents: open one for their area, tell its progress once, take a ticket out, end it."""

from __future__ import annotations

from typing import Any

import pytest

from intake_api.contracts import IncidentIn, IncidentSay, MigrateIn
from intake_api.grids.service import migrate
from intake_api.incidents import queries, service
from intake_api.incidents.tables import Incident
from intake_api.incidents.worker import Watch
from intake_api.problems import ProblemError
from intake_api.security import Area, Principal
from tests.intake_api.incidents.test_watch import incidents, no_water, tied, told
from tests.intake_api.tickets.office import ADMINISTRATOR, ASSISTANT, COMMUNITY, GRID_WORKER, STREET, Office, department, person


async def opened(office: Office, who: Principal = COMMUNITY, **fields: Any) -> Incident:
    wanted: dict[str, Any] = {"key": "k1", "grid": "g1", "category": "facility.water", **fields}
    async with office.desk() as desk:
        return await service.open_by_hand(desk, IncidentIn.model_validate(wanted), who)


async def said(office: Office, incident: str, words: str, who: Principal = COMMUNITY, *, close: bool = False) -> Incident:
    async with office.desk() as desk:
        return await service.say(desk, incident, IncidentSay(words=words, close=close), who)


async def put(office: Office, ticket: str, incident: str | None, who: Principal = COMMUNITY) -> None:
    async with office.desk() as desk:
        await service.tie(desk, ticket, incident, who)


async def test_a_planned_outage_is_announced_to_every_group_of_its_reach_once(office: Office, watch: Watch) -> None:
    words = "明早九点到十二点检修停水，请提前备水。有事打13812345678"
    incident = await opened(office, everyone=True, words=words, title="明早停水")
    assert (await opened(office, everyone=True, words=words)).id == incident.id, "the same key opens once"
    assert [e.chat_id for e in await told(office)] == ["a", "b", "c", "quiet"], "another community hears nothing"
    assert "13812345678" not in (await told(office))[0].note
    report = await no_water(office, "c")
    await watch.look()
    assert await tied(office, report) == incident.id
    assert len(await told(office)) == 4, "who knows already is not told again"


async def test_progress_and_end_reach_every_group_that_was_told(office: Office) -> None:
    ticket = (await no_water(office, "a")).ticket.id
    incident = await opened(office, tickets=[ticket])
    await said(office, incident.id, "水管已挖开，预计今晚修好")
    await said(office, incident.id, "", close=True)
    assert [(e.type, e.chat_id, e.note) for e in await told(office)][1:] == [
        ("incident.told", "a", "水管已挖开，预计今晚修好"),
        ("incident.closed", "a", ""),
    ]
    with pytest.raises(ProblemError) as refused:
        await said(office, incident.id, "再说一次")
    assert refused.value.code == "incident_closed"
    with pytest.raises(ProblemError) as refused:
        await put(office, (await no_water(office, "c")).ticket.id, incident.id)
    assert refused.value.code == "incident_closed"


async def test_the_end_is_written_on_every_open_ticket_with_one_tick(office: Office) -> None:
    judged = {"category": "housing.elevator", "confidence": 0.97, "accepted": True}
    tickets = [(await no_water(office, chat, judged=judged)).ticket.id for chat in ("a", "b")]
    above = (await no_water(office, "c")).ticket.id
    incident = await opened(office, category="housing.elevator", tickets=tickets)
    await put(office, above, incident.id)
    words = "已更换总水阀，今天下午三点恢复供水，水压正常。"
    async with office.desk() as desk:
        await service.say(desk, incident.id, IncidentSay(words=words, close=True, finish=True), COMMUNITY)
    assert [(await office.ticket(one)).state for one in tickets] == ["callback", "callback"]
    left = await office.ticket(above)  # the water company's own to finish
    assert left.state == "dispatched"
    assert {left.public_reply, *[(await office.ticket(one)).public_reply for one in tickets]} == {words}
    assert await office.breaks() == []


async def test_a_result_on_all_tickets_needs_words(office: Office) -> None:
    ticket = (await no_water(office, "a")).ticket.id
    incident = await opened(office, tickets=[ticket])
    with pytest.raises(ProblemError) as refused:
        async with office.desk() as desk:
            await service.say(desk, incident.id, IncidentSay(close=True, finish=True), COMMUNITY)
    assert refused.value.code == "text_missing"


async def test_what_a_person_took_out_no_rule_puts_back_but_a_person_may(office: Office, watch: Watch) -> None:
    ticket, other = (await no_water(office, "a")).ticket.id, (await no_water(office, "c")).ticket.id
    incident = await opened(office, tickets=[ticket, other])
    await put(office, other, None)
    await put(office, other, None)
    await office.add(other, text="还是没水", masked="还是没水", kind="supplement")
    await watch.look()
    assert (await office.ticket(other)).incident is None
    await put(office, other, incident.id)
    assert (await office.ticket(other)).incident == incident.id
    acts = [entry.act for entry in await office.history(other)]
    assert acts.count("incident") == 2
    assert acts.count("leave_incident") == 1
    assert await office.breaks() == []


@pytest.mark.parametrize(
    ("who", "reach"),
    [
        (GRID_WORKER, "community"),
        (COMMUNITY, "street"),
        (person("community", community="银杏社区", street="银杏街道"), "community"),
        (department("自来水公司"), "grid"),
        (person("grid", grid="g3"), "grid"),
        (ASSISTANT, "grid"),
    ],
)
async def test_nobody_speaks_for_more_than_their_area(office: Office, who: Principal, reach: str) -> None:
    with pytest.raises(ProblemError) as refused:
        await opened(office, who, reach=reach)
    assert (refused.value.status, refused.value.code) == (403, "not_yours")
    assert await incidents(office) == []


@pytest.mark.parametrize(("who", "reach"), [(GRID_WORKER, "grid"), (COMMUNITY, "community"), (STREET, "street"), (ADMINISTRATOR, "street")])
async def test_each_rung_may_speak_for_its_own_area(office: Office, who: Principal, reach: str) -> None:
    incident = await opened(office, who, reach=reach, everyone=True)
    assert (incident.grid, incident.community) == ("g1" if reach == "grid" else "", "" if reach == "street" else "梧桐社区")
    assert {e.chat_id for e in await told(office)} == {"a", "b", "quiet"} | ({"c"} if reach != "grid" else set())


async def test_another_areas_ticket_is_neither_tied_nor_shown(office: Office) -> None:
    far = (await office.report(grid="g2", chat_id="far")).ticket.id
    incident = await opened(office)
    for who, code in ((COMMUNITY, "not_yours"), (ADMINISTRATOR, "incident_elsewhere")):
        with pytest.raises(ProblemError) as refused:
            await put(office, far, incident.id, who)
        assert refused.value.code == code
    near = (await no_water(office, "c")).ticket.id
    await put(office, near, incident.id)
    async with office.db.reading() as session:
        assert await queries.one(session, incident.id, Area(community="银杏社区")) is None
        assert [row.id for row in await queries.incidents(session, COMMUNITY.area, "open", "web:c")] == [incident.id]
        assert await queries.incidents(session, COMMUNITY.area, "open", "web:a") == []
    async with office.desk() as desk:
        seen = await service.detail_of(desk, incident, GRID_WORKER)
    assert [(t.id, t.description) for t in seen.tickets] == [(near, "")], "of another grid only the outline"


async def test_a_group_that_moved_is_not_told_again(office: Office) -> None:
    incident = await opened(office, tickets=[(await no_water(office, "a")).ticket.id])
    async with office.db.writing() as session:
        await migrate(session, MigrateIn(channel="web", from_chat_id="a", to_chat_id="a2"))
    await said(office, incident.id, "正在抢修")
    assert [(e.type, e.chat_id) for e in await told(office)] == [("incident.announced", "a"), ("incident.told", "a2")]


async def test_a_merged_ticket_brings_its_incident_along(office: Office) -> None:
    ticket, into = (await no_water(office, "a")).ticket.id, (await no_water(office, "b")).ticket.id
    incident = await opened(office, tickets=[ticket])
    await office.act(ticket, "merge", GRID_WORKER, into=into)
    assert (await office.ticket(into)).incident == incident.id


async def test_what_was_taken_apart_is_kept_for_training_until_a_person_merges_it_again(office: Office) -> None:
    one, other = (await no_water(office, "a")).ticket.id, (await no_water(office, "b", "停水两天了")).ticket.id
    await office.act(one, "merge", GRID_WORKER, into=other)
    await office.act(one, "unmerge", GRID_WORKER)
    async with office.desk() as desk:
        (shown,) = await service.parting_views(desk, await queries.partings(desk.session, Area(), None, 10))
        assert await queries.partings(desk.session, Area(street="银杏街道"), None, 10) == []
    assert {shown.one.ticket_id, shown.other.ticket_id} == {one, other}
    assert {tuple(shown.one.texts), tuple(shown.other.texts)} == {("家里停水了，一滴水都没有",), ("停水两天了",)}
    assert (await office.ticket(other)).unlike == ["家里停水了，一滴水都没有"]
    await office.act(one, "merge", GRID_WORKER, into=other)
    async with office.desk() as desk:
        assert await queries.partings(desk.session, Area(), None, 10) == []
    assert (await office.ticket(other)).unlike == []
