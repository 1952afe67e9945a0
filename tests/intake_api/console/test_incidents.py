"""The pages of incidents: opened from a ticket or for an area, seen beside a ticket, left and ended, each by who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from intake_api.console.incidents import PAGE
from intake_api.contracts import GridIn
from tests.intake_api.doors import GRID, report

WATER = {"category": "facility.water", "confidence": 0.9, "accepted": True}


@pytest.fixture
async def ticket(grid: GridIn, service: httpx.AsyncClient) -> str:
    filed = report(text="停水了", masked="停水了", judgement=WATER)
    return str((await service.post("/v1/reports", json=filed)).json()["ticket"]["id"])


async def send(http: httpx.AsyncClient, path: str, **form: str) -> str:
    answer = await http.post(
        path, data={"csrf": http.headers["X-CSRF-Token"], "nonce": path, **form}, headers={"Referer": "http://intake.test/console"}
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_an_incident_is_opened_from_a_ticket_seen_beside_it_left_and_ended(
    ticket: str, person: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    http = await person("community", community=GRID.community, street=GRID.street)
    page = f"/console/tickets/{ticket}"
    assert "立为群发事件" in (await http.get(page)).text
    fields = {"ticket": ticket, "grid": GRID.code, "category": "facility.water", "reach": "community"}
    assert await send(http, "/console/incidents", **fields) == f"{page}?notice=done"
    shown = (await http.get(page)).text
    assert "目前只有这一件工单" in shown
    assert "本街道" not in shown, "a community does not speak for its street"
    incident = (await http.get("/v1/incidents")).json()["incidents"][0]["id"]
    await send(http, f"{page}/incident", incident="")
    assert "归入已有事件" in (await http.get(page)).text
    await send(http, f"{page}/incident", incident=incident)
    listed = (await http.get("/console/incidents")).text
    assert "CH-20260602-0001" in listed
    assert "告知进展" in listed
    await send(http, f"/console/incidents/{incident}/words", words="正在抢修")
    await send(http, f"/console/incidents/{incident}/words", words="", close="yes")
    ended = (await http.get("/console/incidents")).text
    assert "已结束" in ended
    assert "告知进展</summary>" not in ended
    assert "refused=incident_closed" in await send(http, f"/console/incidents/{incident}/words", words="还有一句")


async def test_the_list_has_pages(ticket: str, administrator: httpx.AsyncClient) -> None:
    for n in range(PAGE + 1):
        fields = {
            "grid": GRID.code,
            "category": "facility.water",
            "reach": "grid",
            "title": f"第{n}次停水",
            "words": "停水",
            "nonce": f"n{n}",
        }
        await send(administrator, "/console/incidents", **fields)
    first, second = [(await administrator.get("/console/incidents", params={"page": page})).text for page in (1, 2)]
    assert [page.count('class="panel block is-running"') for page in (first, second)] == [PAGE, 1]
    assert "下一页" in first


async def test_who_may_not_speak_for_an_area_sees_no_form_and_is_refused(
    ticket: str, person: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    fields = {"ticket": ticket, "grid": GRID.code, "category": "facility.water", "reach": "community"}
    for role, area in (("grid", {"grid": GRID.code}), ("department", {"unit": "水务局"})):
        http = await person(role, **area)
        assert "refused=not_yours" in await send(http, "/console/incidents", **fields)
        assert (">发布通知<" in (await http.get("/console/incidents")).text) == (role == "grid")
