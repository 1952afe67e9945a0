"""Who sees what: roles and areas against what there is to see, as one matrix, through the real doors (PR3)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.intake_api.doors import GRID, SignIn

SECRET = "三栋的老李门牌501"
REPORT: dict[str, Any] = {
    "external_id": "web:g:1",
    "channel": "web",
    "chat_id": "g",
    "message_ids": ["1"],
    "grid": GRID.code,
    "at": "2026-06-02T08:29:00Z",
    "reporter": {"channel": "web", "handle": "zhang-handle"},
    "text": f"{SECRET} 13800000000",
    "masked": "三栋电梯坏了",
    "title": "三栋电梯停运",
    "place": {"estate": "白鹭里", "building": "3", "unit": "2", "room": "501"},
    "judgement": {"category": "facility.water", "confidence": 0.9, "accepted": True},
}
# who: (role, area, what they get: "whole", "outline")
AUDIENCES: dict[str, tuple[Any, dict[str, str], str]] = {
    "grid here": ("grid", {"grid": GRID.code}, "whole"),
    "micro-grid worker here": ("micro_worker", {"grid": GRID.code}, "whole"),
    "grid elsewhere": ("grid", {"grid": "other-1"}, "outline"),
    "community here": ("community", {"community": GRID.community, "street": GRID.street}, "whole"),
    "community elsewhere": ("community", {"community": "别的社区"}, "outline"),
    "street here": ("street", {"street": GRID.street}, "whole"),
    "street elsewhere": ("street", {"street": "别的街道"}, "outline"),
    "department that leads": ("department", {"unit": "供水公司"}, "whole"),
    "department that helps": ("department", {"unit": "水务局"}, "whole"),
    "another department": ("department", {"unit": "教育局"}, "outline"),
    "department of another district": ("department", {"unit": "供水公司", "district": "别的区"}, "outline"),
    "administrator": ("administrator", {}, "whole"),
    "administrator of another district": ("administrator", {"district": "别的区"}, "outline"),
}


@pytest.fixture
async def ticket_id(administrator: httpx.AsyncClient, service: httpx.AsyncClient) -> str:
    await administrator.put(f"/v1/grids/{GRID.code}", json=GRID.model_dump())
    answer = await service.post("/v1/reports", json=REPORT)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["ticket"]["id"]
    confirmed = await service.post(f"/v1/tickets/{found}/acts", json={"act": "confirm", "as_handle": "web:mo"})
    assert confirmed.json()["lead_unit"] == "供水公司"
    return found


@pytest.mark.parametrize("who", AUDIENCES)
async def test_staff_see_their_own_area_whole_and_others_in_outline(
    who: str, ticket_id: str, person: SignIn, administrator: httpx.AsyncClient
) -> None:
    role, area, gets = AUDIENCES[who]
    http = await person(role, login="somebody", **area)
    shown = (await http.get(f"/v1/tickets/{ticket_id}")).json()
    listed = [one["id"] for one in (await http.get("/v1/tickets")).json()["tickets"]]
    assert listed == ([ticket_id] if gets == "whole" else [])
    assert shown["number"].startswith("CH-20260602-")
    said = json.dumps(shown, ensure_ascii=False)
    assert SECRET not in said
    assert "13800000000" not in said
    assert "zhang-handle" not in said
    if gets == "whole":
        assert shown["place"]["room"] == "501"
        assert shown["description"] == shown["messages"][0]["text"] == "三栋电梯坏了"
        assert len(shown["reporters"]) == 1
        assert [entry["act"] for entry in shown["history"]] == ["open", "confirm", "dispatch"]
        return
    assert (shown["title"], shown["description"], shown["chats"], shown["messages"], shown["history"]) == ("", "", [], [], [])
    assert shown["place"]["building"] is None
    assert (shown["place"]["community"], shown["category_name"], shown["state"]) == (GRID.community, "停水与水质", "dispatched")
    assert (shown["reporters"], shown["moves"], shown["judgement"]["top"]) == ([], [], [])


async def test_staff_elsewhere_may_do_nothing_to_it(ticket_id: str, person: SignIn) -> None:
    http = await person("grid", login="elsewhere", grid="other-1")
    for act in ({"act": "sign"}, {"act": "note", "text": "x"}, {"act": "escalate", "reason": "x"}):
        answer = await http.post(f"/v1/tickets/{ticket_id}/acts", json=act)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")


async def test_the_public_sees_the_matter_and_nobody(ticket_id: str, nobody: httpx.AsyncClient) -> None:
    shown = (await nobody.get(f"/v1/tickets/{ticket_id}/public")).json()
    assert (shown["state"], shown["category_name"], shown["place"]["community"]) == ("dispatched", "停水与水质", GRID.community)
    for name in ("title", "description", "lead_unit", "assignee", "state_note", "chats", "media", "suggestions", "rating"):
        assert not shown[name], name
    assert {name for name, value in shown["place"].items() if value} == {"community", "street"}
    assert (await nobody.get(f"/v1/tickets/{ticket_id}")).status_code == 401
    assert (await nobody.get("/v1/tickets")).status_code == 401


async def test_the_reporter_sees_how_it_goes_and_not_who_else_spoke(ticket_id: str, service: httpx.AsyncClient) -> None:
    mine = (await service.get("/v1/people/web:zhang-handle/tickets")).json()["tickets"]
    assert [(one["id"], one["title"], one["place"]["building"]) for one in mine] == [(ticket_id, "三栋电梯停运", "3")]
    for name in ("description", "assignee", "chats", "suggestions", "media"):
        assert not mine[0][name], name
    assert mine[0]["place"]["room"] is None
    assert (await service.get("/v1/people/web:somebody/tickets")).json()["tickets"] == []


@pytest.mark.parametrize("change", [{"judgement": {"delicate": True}}, {"reporter": {"confidential": True}}])
async def test_delicate_and_confidential_tickets_do_not_exist_for_others(
    change: dict[str, Any], ticket_id: str, service: httpx.AsyncClient, person: SignIn, nobody: httpx.AsyncClient
) -> None:
    report = REPORT | {"external_id": "web:g:2"} | {name: REPORT[name] | value for name, value in change.items()}
    hidden = (await service.post("/v1/reports", json=report)).json()["ticket"]["id"]
    elsewhere = await person("street", login="elsewhere", street="别的街道")
    own = await person("street", login="own", street=GRID.street)
    assert (await nobody.get(f"/v1/tickets/{hidden}/public")).status_code == 404
    assert (await elsewhere.get(f"/v1/tickets/{hidden}")).status_code == 404
    assert (await own.get(f"/v1/tickets/{hidden}")).status_code == 200


async def test_a_token_that_may_only_read_changes_nothing(
    ticket_id: str, administrator: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    made = await administrator.post("/v1/tokens", json={"name": "report", "scopes": ["reader"]})
    reader = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await nobody.get(f"/v1/tickets/{ticket_id}", headers=reader)).status_code == 200
    acted = await nobody.post(f"/v1/tickets/{ticket_id}/acts", headers=reader, json={"act": "sign"})
    filed = await nobody.post("/v1/reports", headers=reader, json=REPORT)
    assert (acted.status_code, filed.status_code) == (403, 403)


async def test_buttons_are_what_the_one_who_asks_may_do(ticket_id: str, service: httpx.AsyncClient, person: SignIn) -> None:
    water = await person("department", login="water", unit="供水公司")
    assert {"sign", "return", "ask_info"} <= set((await water.get(f"/v1/tickets/{ticket_id}")).json()["moves"])
    as_worker = (await service.get(f"/v1/tickets/{ticket_id}", params={"as_handle": "web:mo"})).json()["moves"]
    as_resident = (await service.get(f"/v1/tickets/{ticket_id}", params={"as_handle": "web:zhang-handle"})).json()["moves"]
    assert "sign" not in as_worker
    assert set(as_resident) == {"withdraw", "urge"}
