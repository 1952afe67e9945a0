"""The console: who may sign in and see what, forms that act once, refusals in words, pages without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from intake_api.console.frame import words
from intake_api.contracts import GridIn
from tests.intake_api.doors import PASSWORD, Connect, report

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages ask nothing that the rooms behind them have not been tested with on both databases."""
    return sqlite_url


def field(page: str, name: str, after: str = "") -> str:
    """The value of a form's field, the first one after some words."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page[page.index(after) if after else 0 :])
    assert found, f"no field {name}"
    return found[1]


async def filed(service: httpx.AsyncClient, number: int = 1, **changes: Any) -> dict[str, Any]:
    answer = await service.post("/v1/reports", json=report(f"web:g-heron:{number}", **changes))
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["ticket"])


async def act(http: httpx.AsyncClient, ticket: str, name: str, **fields: str) -> httpx.Response:
    page = (await http.get(f"/console/tickets/{ticket}")).text
    form = {"csrf": field(page, "csrf", "ticket-head"), "nonce": field(page, "nonce"), "act": name, **fields}
    http.headers.pop("X-CSRF-Token", None)
    return await http.post(f"/console/tickets/{ticket}/acts", data=form, follow_redirects=True)


# ---- signing in -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path", ["/console", "/console/queue", "/console/tickets/x", "/console/grids", "/console/poison", "/console/health"]
)
async def test_nobody_sees_a_page_without_signing_in(nobody: httpx.AsyncClient, path: str) -> None:
    answer = await nobody.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in?next=/console")


async def test_signing_in_and_out(person: SignIn, connect: Connect) -> None:
    await person("administrator")
    browser = connect()
    page = (await browser.get("/console/sign-in?next=/console/queue")).text
    form = {"token": field(page, "token"), "next": field(page, "next"), "login": "administrator"}
    wrong = await browser.post("/console/sign-in", data=form | {"password": "nonsense"}, follow_redirects=True)
    assert words()["refusals"]["wrong_password"] in wrong.text
    entered = await browser.post("/console/sign-in", data=form | {"password": PASSWORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/console/queue")
    page = (await browser.get("/console")).text
    await browser.post("/console/sign-out", data={"csrf": field(page, "csrf")})
    assert (await browser.get("/console")).status_code == 303


async def test_a_sign_in_form_of_another_site_is_refused(person: SignIn, connect: Connect) -> None:
    await person("administrator")
    form = {"token": "made-up", "login": "administrator", "password": PASSWORD}
    answer = await connect().post("/console/sign-in", data=form)
    assert "refused=csrf" in answer.headers["location"]


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example", "/console\\@evil", "/console//evil.example", "/v1/tickets"]
)
async def test_signing_in_never_leads_elsewhere(nobody: httpx.AsyncClient, next_page: str) -> None:
    page = (await nobody.get("/console/sign-in", params={"next": next_page})).text
    assert field(page, "next") == "/console"


# ---- tickets --------------------------------------------------------------------------------------------------------
async def test_the_list_filters_counts_and_pages(
    person: SignIn, administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    for number in range(33):
        await filed(service, number, title=f"路灯{number}号不亮")
    first = (await administrator.get("/console")).text
    assert first.count('class="what"') == 30
    assert "全部 <b>33</b>" in first
    following = re.search(r'href="(/console\?cursor=[^"]+)">下一页', first)
    assert following
    assert (await administrator.get(following[1])).text.count('class="what"') == 3
    found = (await administrator.get("/console", params={"q": "路灯7号", "urgency": "nonsense", "since": "2026-13-99"})).text
    assert found.count('class="what"') == 1
    none = (await administrator.get("/console", params={"group": "closed"})).text
    assert "没有符合条件的工单" in none
    assert "翻页的位置" in (await administrator.get("/console?cursor=broken")).text


async def test_htmx_gets_the_block_and_a_browser_the_page(administrator: httpx.AsyncClient) -> None:
    whole = (await administrator.get("/console")).text
    part = (await administrator.get("/console", headers={"HX-Request": "true"})).text
    assert whole.startswith("<!doctype html>")
    assert part.lstrip().startswith('<section id="results"')


async def test_a_ticket_shows_what_was_said_and_a_checked_history(
    administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    ticket = await filed(
        service, text="<script>alert(1)</script> 13800138000", masked="<script>alert(1)</script> 〔手机号〕", title="<b>灯</b>"
    )
    page = (await administrator.get(f"/console/tickets/{ticket['id']}")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "13800138000" not in page
    assert "已校验 1 条" in page


async def test_acts_of_a_form_are_done_once_and_lead_on(
    person: SignIn, administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    ticket = await filed(service)
    worker = await person("micro_worker", grid=grid.code)
    done = await act(worker, ticket["id"], "confirm", nonce="the-same-nonce")
    assert words()["notices"]["done"] in done.text
    again = await act(worker, ticket["id"], "note", text="再按一次", nonce="the-same-nonce")
    assert "再按一次" not in again.text
    standing = (await service.get(f"/v1/tickets/{ticket['id']}")).json()
    assert standing["state"] == "dispatched"
    assert [entry["act"] for entry in standing["history"]].count("confirm") == 1


async def test_a_refused_act_says_why_and_changes_nothing(
    administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    ticket = await filed(service)
    page = (await administrator.get(f"/console/tickets/{ticket['id']}")).text
    form = {"csrf": field(page, "csrf"), "act": "reject", "reason": " "}
    address = f"http://intake.test/console/tickets/{ticket['id']}"
    answer = await administrator.post(f"{address}/acts", data=form, headers={"Referer": address}, follow_redirects=True)
    assert words()["refusals"]["reason_missing"] in answer.text
    assert (await service.get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "candidate"


async def test_a_form_without_its_token_is_refused(administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn) -> None:
    ticket = await filed(service)
    administrator.headers.pop("X-CSRF-Token")
    answer = await administrator.post(f"/console/tickets/{ticket['id']}/acts", data={"act": "confirm"})
    assert "refused=csrf" in answer.headers["location"]
    assert (await service.get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "candidate"


@pytest.mark.parametrize("fields", [{"act": "explode"}, {"act": "recategorise"}, {"act": "request_extension", "until": "soon"}, {}])
async def test_a_form_that_says_nonsense_is_refused(
    administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn, fields: dict[str, str]
) -> None:
    ticket = await filed(service)
    page = (await administrator.get(f"/console/tickets/{ticket['id']}")).text
    answer = await administrator.post(f"/console/tickets/{ticket['id']}/acts", data={"csrf": field(page, "csrf"), **fields})
    assert "refused=invalid" in answer.headers["location"]


async def test_the_queue_is_worked_off_one_by_one(
    person: SignIn, administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    later = "2026-06-02T16:40:00+08:00"
    first, second = await filed(service, 1, title="先来的"), await filed(service, 2, title="后到的", at=later)
    worker = await person("grid", grid=grid.code)
    page = (await worker.get("/console/queue")).text
    assert page.index("先来的") < page.index("后到的")
    answer = await act(worker, first["id"], "confirm", **{"from": "queue"})
    assert "先来的" not in answer.text
    assert second["number"] in answer.text


# ---- areas ----------------------------------------------------------------------------------------------------------
async def test_other_areas_see_an_outline_and_delicate_ones_not_at_all(
    person: SignIn, administrator: httpx.AsyncClient, service: httpx.AsyncClient, grid: GridIn
) -> None:
    plain = await filed(service, 1, masked="七栋的路灯一直不亮", title="七栋路灯")
    delicate = await filed(service, 2, title="需要关心", judgement={"category": "care.self_harm", "delicate": True})
    elsewhere = await person("community", community="别处社区", street="别处街道")
    assert "还没有工单" in (await elsewhere.get("/console")).text
    outline = (await elsewhere.get(f"/console/tickets/{plain['id']}")).text
    assert "不在您的辖区" in outline
    assert "七栋" not in outline
    assert (await elsewhere.get(f"/console/tickets/{delicate['id']}")).status_code == 404
    assert (await elsewhere.get(f"/console/grids/{grid.code}")).status_code == 404


@pytest.mark.parametrize("path", ["/console/poison", "/console/webhooks", "/console/health"])
async def test_upkeep_is_for_administrators(person: SignIn, path: str) -> None:
    worker = await person("grid", grid="heron-1")
    answer = await worker.get(path)
    assert answer.status_code == 403
    assert words()["refusals"]["forbidden"] in answer.text


# ---- the rest of the house ------------------------------------------------------------------------------------------
async def test_a_bind_code_and_a_start_link_are_shown_once(administrator: httpx.AsyncClient, intake: Any, grid: GridIn) -> None:
    address = f"/console/grids/{grid.code}"
    shown = (await administrator.post(f"{address}/bind-code")).text
    assert re.search(r"/bind [2-9A-Z]{10}<", shown)
    assert "/bind " not in (await administrator.get(address)).text
    linked = (await administrator.post(f"{address}/staff/heron-mo/start-link")).text
    assert "/start " in linked


async def test_without_redis_the_page_says_so(administrator: httpx.AsyncClient) -> None:
    answer = await administrator.get("/console/poison")
    assert answer.status_code == 503
    assert words()["refusals"]["redis_down"] in answer.text
    assert "连不上" in (await administrator.get("/console/health")).text


async def test_subscribing_shows_the_secret_once(administrator: httpx.AsyncClient) -> None:
    page = (await administrator.post("/console/webhooks", data={"url": "https://receiver.test/hook"})).text
    assert "签名密钥" in page
    assert "签名密钥" not in (await administrator.get("/console/webhooks")).text
    refused = await administrator.post("/console/webhooks", data={"url": "http://127.0.0.1/hook"})
    assert "refused=unsafe_target" in refused.headers["location"]


async def test_every_page_forbids_foreign_scripts(administrator: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    for http, path in ((administrator, "/console"), (administrator, "/console/catalogue"), (nobody, "/console/sign-in")):
        policy = (await http.get(path)).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_every_state_and_act_has_a_name() -> None:
    from typing import get_args

    from intake_api.contracts import ClosingCode, State
    from intake_api.tickets.moves import MARKS, MOVES

    named = words()
    assert set(named["states"]) == set(named["tones"]) == set(get_args(State))
    assert set(named["acts"]) >= {*MOVES, *MARKS}
    assert set(named["closing"]) == set(get_args(ClosingCode))
    grouped = [state for group in named["groups"].values() for state in group["states"]]
    assert sorted(grouped) == sorted(get_args(State))
