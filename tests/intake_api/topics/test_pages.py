"""Hot topics as people and services see them: only their own area, only masked words, ranked by heat."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from intake_api.contracts import GridIn
from intake_api.tickets.tables import Ticket
from intake_api.topics.gathering import gather_next, take_in
from tests.intake_api.doors import GRID, SignIn, assert_problem, report

ZONE = ZoneInfo("Asia/Shanghai")
OTHER = GRID.model_copy(update={"code": "ibis-1", "name": "朱鹮里第一网格", "community": "朱鹮里社区", "staff": []})


@pytest.fixture
async def heard(app: FastAPI, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: GridIn) -> None:
    """Three people about lamps at one estate, two about lamps at another in the next community."""
    await administrator.put(f"/v1/grids/{OTHER.code}", json=OTHER.model_dump())
    told = [("heron-1", "白鹭苑", n) for n in range(3)] + [("ibis-1", "朱鹮苑", n) for n in range(2)]
    for code, estate, n in told:
        body: dict[str, Any] = report(
            f"web:g-{code}:{n}", grid=code, place={"estate": estate}, masked=f"{n}栋门口的路灯不亮，请联系〔姓名〕"
        )
        answer = await service.post("/v1/reports", json=body | {"reporter": {"channel": "web", "handle": f"{code}-{n}"}})
        assert answer.status_code == 200, answer.text
    await settle(app)


async def settle(app: FastAPI) -> None:
    db, now = app.state.db, app.state.now()
    while await take_in(db, now, ZONE) or await gather_next(db, now, ZONE):
        pass


@pytest.mark.usefixtures("heard")
async def test_what_became_delicate_is_quoted_no_more_before_its_topic_is_gathered_again(
    app: FastAPI, administrator: httpx.AsyncClient
) -> None:
    top = (await administrator.get("/v1/topics")).json()["topics"][0]
    async with app.state.db.writing() as session:
        await session.execute(update(Ticket).values(delicate=True))
    assert [t["description"] for t in (await administrator.get("/v1/topics")).json()["topics"]] == ["", ""]
    assert (await administrator.get(f"/v1/topics/{top['id']}")).json()["members"] == []


@pytest.mark.usefixtures("heard")
async def test_the_hottest_stands_first_with_its_people_days_and_words(administrator: httpx.AsyncClient) -> None:
    page = (await administrator.get("/v1/topics")).json()
    assert [(t["rank"], t["place"], t["people"], t["matters"]) for t in page["topics"]] == [(1, "白鹭苑", 3, 3), (2, "朱鹮苑", 2, 2)]
    assert page["topics"][0]["category_name"] == "路灯故障"
    assert page["topics"][0]["heat"] > page["topics"][1]["heat"]
    assert sum(day["people"] for day in page["days"]) == 5
    detail = (await administrator.get(f"/v1/topics/{page['topics'][0]['id']}")).json()
    assert len(detail["members"]) == 3
    assert [t["place"] for t in detail["alike"]] == ["朱鹮苑"]


@pytest.mark.usefixtures("heard")
async def test_everybody_sees_their_own_area_only(administrator: httpx.AsyncClient, person: SignIn) -> None:
    everything = (await administrator.get("/v1/topics")).json()["topics"]
    worker = await person("grid", grid="ibis-1")
    mine = (await worker.get("/v1/topics")).json()
    assert [t["place"] for t in mine["topics"]] == ["朱鹮苑"]
    assert sum(day["people"] for day in mine["days"]) == 2
    assert_problem(await worker.get("/v1/topics", params={"grid": "heron-1"}), 403, "outside_area")
    assert_problem(await worker.get(f"/v1/topics/{everything[0]['id']}"), 404, "not_found")
    unit = await person("department", unit="城市管理局")
    assert len((await unit.get("/v1/topics")).json()["topics"]) == 2
    stranger = await person("department", login="other", unit="供水公司")
    assert (await stranger.get("/v1/topics")).json()["topics"] == []


async def test_nobody_sees_topics_without_signing_in(nobody: httpx.AsyncClient) -> None:
    for path in ("/v1/topics", "/v1/topics/x", "/v1/surges"):
        assert_problem(await nobody.get(path), 401, "unauthorised")


@pytest.mark.usefixtures("heard")
async def test_filters_and_spans_count_what_lies_in_them(administrator: httpx.AsyncClient, app: FastAPI, clock: Any) -> None:
    one = (await administrator.get("/v1/topics", params={"community": "朱鹮里社区"})).json()
    assert [t["place"] for t in one["topics"]] == ["朱鹮苑"]
    assert (await administrator.get("/v1/topics", params={"category": "facility.water"})).json()["topics"] == []
    clock.advance(days=8)
    assert (await administrator.get("/v1/topics", params={"days": 7})).json()["topics"] == []
    assert len((await administrator.get("/v1/topics", params={"days": 30})).json()["topics"]) == 2


async def test_letters_join_the_topics_masked_once_and_with_their_likes(app: FastAPI, service: httpx.AsyncClient, heard: None) -> None:
    letter = {
        "id": "A1", "writer": "U1", "title": "白鹭苑路灯长期不亮", "at": "2026-06-02T09:00:00+08:00", "likes": 9,
        "detail": "请致电13800138000",
        "category": "facility.streetlight", "grid": GRID.code, "community": GRID.community, "street": GRID.street,
        "district": GRID.district,
    }  # fmt: skip
    assert (await service.post("/v1/letters", json={"letters": [letter, letter]})).json() == {"changed": 1}
    assert (await service.post("/v1/letters", json={"letters": [letter]})).json() == {"changed": 0}
    await settle(app)
    top = (await service.get("/v1/topics")).json()["topics"][0]
    assert (top["people"], top["matters"], top["likes"]) == (4, 4, 9)
    detail = (await service.get(f"/v1/topics/{top['id']}")).json()
    assert "13800138000" not in str(detail)
    assert [m["letter_id"] for m in detail["members"] if m["letter_id"]] == ["A1"]
    await service.post("/v1/letters", json={"letters": [letter | {"likes": 20}]})
    await settle(app)
    assert (await service.get("/v1/topics")).json()["topics"][0]["likes"] == 20


@pytest.mark.usefixtures("heard")
async def test_the_page_tells_chart_and_ranking_without_script(administrator: httpx.AsyncClient, person: SignIn) -> None:
    page = (await administrator.get("/console/topics")).text
    assert 'role="img"' in page
    assert page.index("白鹭苑") < page.index("朱鹮苑")
    topic = (await administrator.get("/v1/topics")).json()["topics"][0]["id"]
    told = (await administrator.get(f"/console/topics/{topic}")).text
    assert told.count("路灯不亮") >= 3
    worker = await person("grid", grid="ibis-1")
    assert "白鹭苑" not in (await worker.get("/console/topics", params={"where": "grid:heron-1"})).text
    assert (await worker.get(f"/console/topics/{topic}")).status_code == 404
    odd = await administrator.get("/console/topics", params={"where": "moon:x", "days": "-3", "category": "'"})
    assert odd.status_code == 200
