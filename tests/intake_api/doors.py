"""The whole app in this process, behind httpx: as our service, as a person signed in, as nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from intake_api import security
from intake_api.app import create_app
from intake_api.client import IntakeClient
from intake_api.contracts import AccountIn, AreaIn, GridIn, PersonRole, StaffIn
from intake_api.people.service import open_account
from intake_api.security import CSRF_HEADER
from intake_api.settings import Settings

TOKEN = "a-token-of-our-own-processes"
PASSWORD = "correct horse battery"
GRID = GridIn(
    code="heron-1",
    name="白鹭里第一网格",
    community="白鹭里社区",
    street="听雨街道",
    district="上元区",
    staff=[
        StaffIn(id="heron-mo", name="小莫", role="micro_worker", handles=["web:mo"]),
        StaffIn(id="heron-fang", name="方姐", role="grid_worker", order=1),
    ],
)


class Clock:
    """Time that moves only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database_url=database_url,
        redis_url="redis://127.0.0.1:1/0",
        api_token=TOKEN,
        secret_key="a secret for tests only",
        webhook_hosts=("receiver.test",),
    )


@pytest.fixture
async def app(settings: Settings, clock: Clock) -> AsyncIterator[FastAPI]:
    app = create_app(settings, now=clock)
    async with app.router.lifespan_context(app):
        yield app


Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def connect(app: FastAPI) -> AsyncIterator[Connect]:
    """A new browser or service without any proof, closed after the test."""
    async with AsyncExitStack() as stack:

        def new(**headers: str) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app, raise_app_exceptions=True)
            http = httpx.AsyncClient(transport=transport, base_url="http://intake.test", headers=headers)
            stack.push_async_callback(http.aclose)
            return http

        yield new


@pytest.fixture
def nobody(connect: Connect) -> httpx.AsyncClient:
    return connect()


@pytest.fixture
def service(connect: Connect) -> httpx.AsyncClient:
    return connect(Authorization=f"Bearer {TOKEN}")


@pytest.fixture
def intake(connect: Connect) -> IntakeClient:
    return IntakeClient("http://intake.test", TOKEN, connect())


SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def person(app: FastAPI, connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """A person of a role and an area, signed in, sending their CSRF token."""

    monkeypatch.setattr(security, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))  # quick, for tests

    async def sign_in(role: PersonRole, login: str = "", **area: str) -> httpx.AsyncClient:
        login = login or role
        async with app.state.db.writing() as session:
            account = AccountIn(login=login, name=login, role=role, password=PASSWORD, area=AreaIn(**area))
            await open_account(session, account, clock.now)
        http = connect()
        answer = await http.post("/v1/session", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        http.headers[CSRF_HEADER] = answer.json()["csrf"]
        return http

    return sign_in


@pytest.fixture
async def administrator(person: SignIn) -> httpx.AsyncClient:
    return await person("administrator")


@pytest.fixture
async def grid(administrator: httpx.AsyncClient) -> GridIn:
    """The grid of these tests, saved, with a group bound to it: web:g-heron."""
    await administrator.put(f"/v1/grids/{GRID.code}", json=GRID.model_dump())
    code = (await administrator.post(f"/v1/grids/{GRID.code}/bind-codes")).json()["code"]
    bind = {"channel": "web", "chat_id": "g-heron", "title": "白鹭里邻里群", "code": code, "by_handle": "web:mo"}
    answer = await administrator.post("/v1/chats/bind", json=bind, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    return GRID


def report(external_id: str = "web:g-heron:1", **changes: Any) -> dict[str, Any]:
    """A report as the assistant sends it."""
    return {
        "external_id": external_id,
        "channel": "web",
        "chat_id": "g-heron",
        "message_ids": [external_id.rsplit(":", 1)[-1]],
        "grid": GRID.code,
        "at": "2026-06-02T16:30:00+08:00",
        "reporter": {"channel": "web", "handle": "resident-7", "name": "七栋的邻居"},
        "text": "七栋门口的路灯一直不亮",
        "masked": "七栋门口的路灯一直不亮",
        "judgement": {"category": "facility.streetlight", "confidence": 0.9, "accepted": True},
        **changes,
    }


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem, in the shape every problem has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert {"type", "title", "status", "detail", "code", "retryable"} <= set(body)
    assert body["status"] == status
    assert body["detail"]
    return body
