"""Grids with their roster, groups bound to them, workers linked to their cards."""

from __future__ import annotations

import httpx
import pytest

from intake_api.contracts import GridIn
from tests.intake_api.doors import GRID, TOKEN, Clock, SignIn, assert_problem, report

AS_SERVICE = {"Authorization": f"Bearer {TOKEN}"}


async def bind_code(http: httpx.AsyncClient, code: str = GRID.code) -> str:
    made: str = (await http.post(f"/v1/grids/{code}/bind-codes")).json()["code"]
    return made


def binding(code: str, chat_id: str = "g-2") -> dict[str, str]:
    return {"channel": "telegram", "chat_id": chat_id, "title": "邻里", "code": code, "by_handle": "telegram:7"}


async def test_a_grid_comes_back_as_it_was_saved(service: httpx.AsyncClient, grid: GridIn) -> None:
    view = (await service.get(f"/v1/grids/{grid.code}")).json()
    assert view == {**grid.model_dump(mode="json"), "version": 1}


async def test_saving_again_raises_the_version_and_keeps_linked_accounts(
    administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    link = (await administrator.post("/v1/staff/heron-fang/start-link")).json()
    await service.post("/v1/staff/link", json={"token": link["code"], "channel": "telegram", "handle": "42"})
    fewer = grid.model_copy(update={"staff": grid.staff[1:], "spots": ["南门岗亭"]})
    view = (await administrator.put(f"/v1/grids/{grid.code}", json=fewer.model_dump())).json()
    assert view["version"] > 2  # the link counts as well: who can be reached is part of a grid
    assert [(person["id"], person["handles"]) for person in view["staff"]] == [("heron-fang", ["telegram:42"])]


async def test_the_roster_is_in_the_order_people_are_asked(administrator: httpx.AsyncClient, grid: GridIn) -> None:
    mixed = [
        {"id": "c", "name": "主任", "role": "community"},
        {"id": "b", "name": "网格员", "role": "grid_worker"},
        {"id": "a2", "name": "二号", "role": "micro_worker", "order": 2},
        {"id": "a1", "name": "一号", "role": "micro_worker", "order": 1},
    ]
    view = (await administrator.put(f"/v1/grids/{grid.code}", json={**grid.model_dump(), "staff": mixed})).json()
    assert [person["id"] for person in view["staff"]] == ["a1", "a2", "b", "c"]


async def test_ids_of_staff_are_unique(administrator: httpx.AsyncClient, grid: GridIn) -> None:
    twice = {**grid.model_dump(), "staff": [grid.staff[0].model_dump()] * 2}
    assert_problem(await administrator.put(f"/v1/grids/{grid.code}", json=twice), 422, "staff_twice")
    assert_problem(await administrator.put("/v1/grids/other", json=grid.model_dump()), 422, "code_differs")


async def test_an_area_sees_its_own_grids_and_no_accounts_of_workers(
    administrator: httpx.AsyncClient, person: SignIn, grid: GridIn
) -> None:
    other = GridIn(code="far-1", name="远处", community="远社区", street="远街道", district="上元区")
    await administrator.put("/v1/grids/far-1", json=other.model_dump())
    street = await person("street", street=grid.street)
    assert [view["code"] for view in (await street.get("/v1/grids")).json()] == [grid.code]
    assert_problem(await street.get("/v1/grids/far-1"), 403, "outside_area")
    assert "web:mo" not in (await street.get(f"/v1/grids/{grid.code}")).text
    assert_problem(await street.put(f"/v1/grids/{grid.code}", json=grid.model_dump()), 403, "forbidden")


async def test_an_administrator_of_a_district_keeps_to_it(person: SignIn, grid: GridIn) -> None:
    elsewhere = await person("administrator", "elsewhere", district="下元区")
    assert_problem(await elsewhere.put(f"/v1/grids/{grid.code}", json=grid.model_dump()), 403, "outside_area")
    stolen = grid.model_copy(update={"district": "下元区"})
    assert_problem(await elsewhere.put(f"/v1/grids/{grid.code}", json=stolen.model_dump()), 403, "outside_area")


async def test_a_group_nobody_bound_has_no_grid(service: httpx.AsyncClient) -> None:
    view = (await service.get("/v1/chats/telegram/-100")).json()
    assert view["grid"] is None
    assert view["settings"] == {"muted": False, "off": False, "quiet_from": 22, "quiet_to": 7}


async def test_a_bind_code_binds_one_group_once(administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn) -> None:
    code = await bind_code(administrator)
    first = await service.post("/v1/chats/bind", json=binding(code))
    assert first.json()["grid"]["code"] == grid.code
    assert (await service.post("/v1/chats/bind", json=binding(code.lower()))).json() == first.json()  # a lost answer, sent again
    assert_problem(await service.post("/v1/chats/bind", json=binding(code, "g-3")), 403, "code_used")
    assert_problem(await service.post("/v1/chats/bind", json=binding("GUESSED")), 403, "code_unknown")


async def test_codes_grow_old(administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn, clock: Clock) -> None:
    code, link = await bind_code(administrator), (await administrator.post("/v1/staff/heron-mo/start-link")).json()["code"]
    clock.advance(days=8)
    assert_problem(await service.post("/v1/chats/bind", json=binding(code)), 403, "code_expired")
    opened = await service.post("/v1/staff/link", json={"token": link, "channel": "telegram", "handle": "42"})
    assert_problem(opened, 403, "code_expired")


async def test_a_start_link_makes_one_account_a_workers(administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn) -> None:
    token = (await administrator.post("/v1/staff/heron-fang/start-link")).json()["code"]
    mine = {"token": token, "channel": "telegram", "handle": "42"}
    linked = await service.post("/v1/staff/link", json=mine)
    assert linked.json() == {
        "id": "heron-fang", "name": "方姐", "role": "grid_worker", "grid": grid.code, "order": 1, "handles": ["telegram:42"],
    }  # fmt: skip
    assert (await service.post("/v1/staff/link", json=mine)).json() == linked.json()
    assert_problem(await service.post("/v1/staff/link", json={**mine, "handle": "43"}), 403, "code_used")
    assert (await administrator.delete("/v1/staff/heron-fang/handles/telegram:42")).status_code == 204
    staff = (await service.get(f"/v1/grids/{grid.code}")).json()["staff"]
    assert [person["handles"] for person in staff if person["id"] == "heron-fang"] == [[]]


async def test_a_bind_code_is_no_start_link(administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn) -> None:
    code = await bind_code(administrator)
    opened = await service.post("/v1/staff/link", json={"token": code, "channel": "telegram", "handle": "42"})
    assert_problem(opened, 403, "code_unknown")


async def test_settings_can_be_made_before_a_group_is_bound(
    administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    off = {"muted": True, "off": True, "quiet_from": 21, "quiet_to": 6}
    await service.put("/v1/chats/telegram/g-2/settings", json=off)
    bound = await service.post("/v1/chats/bind", json=binding(await bind_code(administrator)))
    assert bound.json()["settings"] == off
    assert_problem(await service.put("/v1/chats/telegram/g-2/settings", json={**off, "quiet_from": 24}), 422, "invalid")


async def test_a_group_that_moves_keeps_grid_settings_and_tickets(service: httpx.AsyncClient, grid: GridIn) -> None:
    await service.put("/v1/chats/web/g-heron/settings", json={"muted": True})
    ticket = (await service.post("/v1/reports", json=report())).json()["ticket"]
    move = {"channel": "web", "from_chat_id": "g-heron", "to_chat_id": "g-super"}
    for _ in range(2):
        moved = (await service.post("/v1/chats/migrate", json=move)).json()
        assert (moved["chat_id"], moved["grid"]["code"], moved["settings"]["muted"]) == ("g-super", grid.code, True)
    assert (await service.get("/v1/chats/web/g-heron")).json()["chat_id"] == "g-super"
    found = (await service.get("/v1/tickets", params={"chat": "web:g-super"})).json()["tickets"]
    assert [one["id"] for one in found] == [ticket["id"]]


async def test_a_move_nobody_can_make(administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn) -> None:
    unbound = {"channel": "telegram", "from_chat_id": "a", "to_chat_id": "b"}
    assert (await service.post("/v1/chats/migrate", json=unbound)).json()["grid"] is None
    assert_problem(await service.post("/v1/chats/migrate", json={**unbound, "to_chat_id": "a"}), 422, "same_chat")
    other = GridIn(code="far-1", name="远处", community="远社区", street="远街道")
    await administrator.put("/v1/grids/far-1", json=other.model_dump())
    await service.post("/v1/chats/bind", json={**binding(await bind_code(administrator, "far-1")), "channel": "web"})
    move = {"channel": "web", "from_chat_id": "g-heron", "to_chat_id": "g-2"}
    assert_problem(await service.post("/v1/chats/migrate", json=move), 409, "chat_bound_elsewhere")


@pytest.mark.parametrize("path", ["/v1/grids/none/bind-codes", "/v1/staff/none/start-link"])
async def test_codes_for_nothing_are_refused(administrator: httpx.AsyncClient, path: str) -> None:
    assert_problem(await administrator.post(path), 404, "not_found")
