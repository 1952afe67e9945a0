"""A change of a ticket reaches every subscriber, or its failure is there to be seen and sent again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from intake_api.settings import Settings
from intake_api.webhooks import rules, worker
from tests.intake_api.doors import Clock, assert_problem, report


class Receiver:
    """Systems of departments: keeps what it was sent and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[httpx.Request] = []
        self.answers = httpx.Response(200)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        return httpx.Response(self.answers.status_code, headers=self.answers.headers)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def out(receiver: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(receiver), follow_redirects=False) as http:
        yield http


@pytest.fixture
async def hook(administrator: httpx.AsyncClient) -> dict[str, Any]:
    made = await administrator.post("/v1/webhooks", json={"url": "http://receiver.test/hook"})
    assert made.status_code == 201, made.text
    subscribed: dict[str, Any] = made.json()
    return subscribed


async def public(host: str, port: int) -> list[str]:
    return {"public.test": ["93.184.215.14"], "rebound.test": ["93.184.215.14", "127.0.0.1"]}[host]


async def run(app: FastAPI, settings: Settings, out: httpx.AsyncClient, clock: Clock) -> int:
    while await worker.take_from_outbox(app.state.db, clock.now):
        pass
    return await worker.deliver_due(app.state.db, settings, app.state.vault, out, clock, public)


async def test_a_change_is_delivered_signed_and_once(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: object,
    hook: dict[str, Any], receiver: Receiver, out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    ticket = (await service.post("/v1/reports", json=report())).json()["ticket"]
    assert await run(app, settings, out, clock) >= 1
    sent = receiver.got[0]
    assert rules.signature_fits(hook["secret"], sent.content, sent.headers["minhu-signature"], clock.now)
    body = json.loads(sent.content)
    assert body["ticket"]["id"] == ticket["id"]
    assert body["id"] == sent.headers["minhu-delivery"]
    before = len(receiver.got)
    assert await run(app, settings, out, clock) == 0
    assert len(receiver.got) == before
    listed = (await administrator.get(f"/v1/webhooks/{hook['id']}/deliveries")).json()
    assert {one["state"] for one in listed} == {"delivered"}


async def test_a_failure_is_tried_again_given_up_seen_and_replayed(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: object,
    hook: dict[str, Any], receiver: Receiver, out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    await service.post("/v1/reports", json=report())
    receiver.answers = httpx.Response(500)
    deliveries = f"/v1/webhooks/{hook['id']}/deliveries"
    await run(app, settings, out, clock)
    (tried,) = [one for one in (await administrator.get(deliveries)).json() if one["attempts"]]
    assert (tried["state"], tried["last_status"], tried["last_error"]) == ("pending", 500, "http_500")
    assert_problem(await administrator.post(f"{deliveries}/{tried['id']}/retry"), 409, "still_trying")
    for _ in range(3 * rules.MAX_ATTEMPTS):
        clock.advance(days=1)
        await run(app, settings, out, clock)
    (listed,) = (await administrator.get("/v1/webhooks")).json()
    assert listed["failed"] >= 1
    assert listed["pending"] == 0
    receiver.answers = httpx.Response(204)
    again = await administrator.post(f"{deliveries}/{tried['id']}/retry")
    assert again.json()["state"] == "pending"
    assert (await administrator.post(f"/v1/webhooks/{hook['id']}/retry-failed")).status_code == 200
    await run(app, settings, out, clock)
    assert (await administrator.get(deliveries, params={"state": "failed"})).json() == []


async def test_a_redirect_is_not_followed(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, grid: object, hook: dict[str, Any], receiver: Receiver,
    out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    await service.post("/v1/reports", json=report())
    receiver.answers = httpx.Response(302, headers={"location": "http://127.0.0.1/"})
    await run(app, settings, out, clock)
    assert {request.url.host for request in receiver.got} == {"receiver.test"}


async def test_the_name_is_called_by_the_number_that_was_checked(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: object,
    receiver: Receiver, out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    for name in ("public", "rebound"):
        await administrator.post("/v1/webhooks", json={"url": f"https://{name}.test/hook"})
    await service.post("/v1/reports", json=report())
    await run(app, settings, out, clock)
    assert {(request.url.host, request.headers["host"]) for request in receiver.got} == {("93.184.215.14", "public.test")}
    assert receiver.got[0].extensions["sni_hostname"] == "public.test"
    errors = []
    for hook in (await administrator.get("/v1/webhooks")).json():
        errors += [one["last_error"] for one in (await administrator.get(f"/v1/webhooks/{hook['id']}/deliveries")).json()]
    assert "unsafe_target" in errors


async def test_a_department_hears_of_its_own_tickets_only(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: object,
    receiver: Receiver, out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    await administrator.post("/v1/webhooks", json={"url": "http://receiver.test/", "unit": "别的局"})
    await administrator.post("/v1/webhooks", json={"url": "http://receiver.test/", "states": ["archived"]})
    await service.post("/v1/reports", json=report())
    assert await run(app, settings, out, clock) == 0


async def test_subscribing_where_nothing_may_go_is_refused(administrator: httpx.AsyncClient) -> None:
    for url in ("http://example.org/", "https://169.254.169.254/"):
        assert_problem(await administrator.post("/v1/webhooks", json={"url": url}), 422, "unsafe_target")
    assert_problem(await administrator.post("/v1/webhooks", json={"url": "javascript:alert(1)"}), 422, "invalid")


async def test_the_secret_is_shown_once_and_kept_sealed(administrator: httpx.AsyncClient, hook: dict[str, Any], app: FastAPI) -> None:
    from intake_api.webhooks.tables import Webhook

    assert hook["secret"]
    assert (await administrator.get("/v1/webhooks")).json()[0]["secret"] == ""
    async with app.state.db.reading() as session:
        row = await session.get(Webhook, hook["id"])
    assert hook["secret"] not in row.sealed_secret


async def test_unsubscribing_takes_its_deliveries_along(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: object,
    hook: dict[str, Any], out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    await service.post("/v1/reports", json=report())
    await worker.take_from_outbox(app.state.db, clock.now)
    assert (await administrator.delete(f"/v1/webhooks/{hook['id']}")).status_code == 204
    assert await run(app, settings, out, clock) == 0
    assert_problem(await administrator.get(f"/v1/webhooks/{hook['id']}/deliveries"), 404, "not_found")


async def test_what_arrived_is_forgotten_after_a_month_and_what_failed_is_not(
    app: FastAPI, settings: Settings, service: httpx.AsyncClient, administrator: httpx.AsyncClient, grid: object,
    hook: dict[str, Any], receiver: Receiver, out: httpx.AsyncClient, clock: Clock,
) -> None:  # fmt: skip
    await service.post("/v1/reports", json=report())
    await run(app, settings, out, clock)
    receiver.answers = httpx.Response(410)
    await service.post("/v1/reports", json=report("web:g-heron:2"))
    for _ in range(2 * rules.MAX_ATTEMPTS):
        await run(app, settings, out, clock)
        clock.advance(days=2)
    clock.advance(days=20)
    await worker.prune(app.state.db, clock.now)
    left = await administrator.get(f"/v1/webhooks/{hook['id']}/deliveries", params={"limit": 200})
    assert {one["state"] for one in left.json()} == {"failed"}
