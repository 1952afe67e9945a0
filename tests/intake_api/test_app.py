"""Whatever is sent, the answer is clear: a problem with a code and a remedy, never a stack trace."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from intake_api.http import JSON_LIMIT, clean_json
from intake_api.settings import Settings, read_or_create_secret
from tests.intake_api.doors import GRID, TOKEN, Connect, assert_problem, report

BIND = {"channel": "web", "chat_id": "g", "code": "x", "by_handle": "web:1"}
JSON = {"Content-Type": "application/json"}


async def test_it_says_that_it_lives_and_whether_it_is_ready(nobody: httpx.AsyncClient) -> None:
    assert (await nobody.get("/healthz")).json() == {"alive": True}
    ready = await nobody.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "database": "ok", "redis": "down"}


async def test_it_is_ready_with_redis(app: FastAPI, nobody: httpx.AsyncClient, redis: object) -> None:
    app.state.redis = redis
    assert (await nobody.get("/readyz")).json() == {"ready": True, "database": "ok", "redis": "ok"}


async def test_metrics_count_by_route_and_name_nobody(service: httpx.AsyncClient) -> None:
    await service.get("/v1/chats/web/g-secret-group")
    figures = (await service.get("/metrics")).text
    assert 'minhu_http_requests_total{method="GET",route="/v1/chats/{channel}/{chat_id:path}",status="200"} 1.0' in figures
    assert "g-secret-group" not in figures


async def test_unknown_addresses_and_methods(nobody: httpx.AsyncClient) -> None:
    assert_problem(await nobody.get("/v1/nothing"), 404, "not_found")
    answer = await nobody.delete("/v1/catalogue")
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) >= {"GET"}


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "\u00e9\u00e8"])
async def test_a_wrong_token_is_refused(connect: Connect, token: str) -> None:
    http = connect()
    answer = await http.get("/v1/catalogue", headers={"Authorization": f"Bearer {token}".encode()})
    assert_problem(answer, 401, "unauthorised")
    assert "Bearer" in answer.headers["www-authenticate"]


async def test_without_proof_nothing_is_read(nobody: httpx.AsyncClient) -> None:
    for path in ("/v1/catalogue", "/v1/grids", "/v1/tickets", "/v1/chats/web/g", "/v1/accounts", "/v1/webhooks"):
        assert_problem(await nobody.get(path), 401, "unauthorised")


async def test_proof_is_asked_for_before_the_body_is_judged(nobody: httpx.AsyncClient) -> None:
    assert_problem(await nobody.post("/v1/reports", json={"nonsense": 1}), 401, "unauthorised")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe{}", b"[" * 200_000, b'{"a": '])
async def test_what_is_no_json_is_called_so(service: httpx.AsyncClient, body: bytes) -> None:
    assert_problem(await service.post("/v1/chats/bind", content=body, headers=JSON), 400, "malformed_body")


async def test_a_misspelt_field_is_an_error_and_not_a_loss(service: httpx.AsyncClient) -> None:
    body = assert_problem(await service.post("/v1/chats/bind", json={**BIND, "titel": "x"}), 422, "invalid")
    assert body["errors"][0]["where"] == "body.titel"


@pytest.mark.parametrize(
    "change",
    [{"private": "yes"}, {"private": 1}, {"at": 1780000000}, {"at": "1780000000"}, {"at": "2026-06-02T16:30:00"},
     {"judgement": {"confidence": "0.5"}}, {"judgement": {"confidence": True}}, {"place": {"lat": "31.2"}}],
)  # fmt: skip
async def test_values_are_not_read_as_something_else(service: httpx.AsyncClient, change: dict[str, object]) -> None:
    assert_problem(await service.post("/v1/reports", json=report(**change)), 422, "invalid")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
async def test_a_clock_at_the_rim_of_the_calendar_is_refused(service: httpx.AsyncClient, at: str) -> None:
    assert_problem(await service.post("/v1/reports", json=report() | {"at": at}), 422, "invalid")


async def test_no_number_that_is_none(service: httpx.AsyncClient) -> None:
    body = json.dumps(report(judgement={"confidence": float("nan")}))
    assert_problem(await service.post("/v1/reports", content=body, headers=JSON), 422, "invalid")


async def test_other_kinds_of_body_are_refused(service: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/xml", ""):
        answer = await service.post("/v1/chats/bind", content=json.dumps(BIND), headers={"Content-Type": kind})
        assert_problem(answer, 415, "unsupported_media_type")


async def test_a_body_too_large_is_refused_whether_or_not_it_says_its_length(service: httpx.AsyncClient) -> None:
    assert_problem(await service.post("/v1/chats/bind", content=b" " * (JSON_LIMIT + 1), headers=JSON), 413, "body_too_large")

    async def pieces() -> object:
        for _ in range(12):
            yield b" " * 100_000

    assert_problem(await service.post("/v1/chats/bind", content=pieces(), headers=JSON), 413, "body_too_large")


async def test_words_with_nul_and_half_characters_are_kept_without_them(service: httpx.AsyncClient, grid: object) -> None:
    body = json.dumps(report(masked="路灯\u0000不亮", text="路灯\u0000不亮")).replace("不亮", "\\ud83d不亮")
    answer = await service.post("/v1/reports", content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.json()["ticket"]["description"] == "路灯不亮"


def test_cleaning_keeps_whole_characters_and_what_is_no_json() -> None:
    assert json.loads(clean_json(b'{"a": "\\ud83d\\ude00\\u0000b\\udc00"}')) == {"a": "😀b"}
    assert clean_json(b'{"\\u0000') == b'{"\\u0000'


async def test_a_nul_in_the_address_is_refused(service: httpx.AsyncClient) -> None:
    for path in ("/v1/chats/web/a%00b", "/v1/tickets?q=a%00b"):
        assert_problem(await service.get(path), 422, "control_character")


async def test_script_and_sql_are_only_words(service: httpx.AsyncClient, grid: object) -> None:
    words = "<script>alert(1)</script>'; DROP TABLE tickets; --"
    answer = await service.post("/v1/reports", json=report(text=words, masked=words))
    assert answer.json()["ticket"]["description"] == words
    found = await service.get("/v1/tickets", params={"q": "'; DROP TABLE tickets; --", "chat": "web:g-heron' OR 1=1"})
    assert found.json()["tickets"] == []
    assert len((await service.get("/v1/tickets", params={"q": "<script>"})).json()["tickets"]) == 1


async def test_an_unforeseen_error_shows_no_trace(app: FastAPI, service: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(app.state, "now", broken)
    with capture_logs() as logged:
        answer = await service.post("/v1/chats/bind", json=BIND)
    body = assert_problem(answer, 500, "internal")
    assert [entry["event"] for entry in logged] == ["request.failed"]
    assert body["retryable"] is True
    assert "secret of the house" not in answer.text
    assert answer.headers["x-request-id"] in body["detail"]


async def test_nothing_of_a_failed_request_stays(service: httpx.AsyncClient, administrator: httpx.AsyncClient) -> None:
    other = GRID.model_copy(update={"code": "heron-2", "name": "第二网格"})
    await administrator.put(f"/v1/grids/{GRID.code}", json=GRID.model_dump())
    assert_problem(await administrator.put("/v1/grids/heron-2", json=other.model_dump()), 409, "staff_elsewhere")
    assert_problem(await service.get("/v1/grids/heron-2"), 404, "not_found")


async def test_the_database_away_is_a_reason_to_try_again(
    app: FastAPI, service: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def away() -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(app.state.db, "reading", away)
    body = assert_problem(await service.get("/v1/grids"), 503, "database_busy")
    assert body["retryable"] is True


async def test_two_processes_starting_at_once_share_one_secret(tmp_path: object) -> None:
    path = Settings(data_dir=tmp_path).data_dir / "deep" / "secret.key"  # type: ignore[arg-type]
    found = await asyncio.gather(*(asyncio.to_thread(read_or_create_secret, path) for _ in range(8)))
    assert len(set(found)) == 1
    assert len(found[0]) >= 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]
