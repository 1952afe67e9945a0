"""The OpenAPI document tells the truth: every door described, every example valid, every answer as promised for whatever is sent."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks as promises

from intake_api import app as intake
from intake_api.openapi import examples
from intake_api.security import CSRF_HEADER, SESSION_COOKIE
from intake_api.settings import Settings
from tests.intake_api.doors import GRID, TOKEN, report

PASSWORD = "a password for this test"
EXAMPLES_EACH = 15
CHECKS = [
    schemathesis.checks.not_a_server_error,
    promises.status_code_conformance,
    promises.content_type_conformance,
    promises.response_schema_conformance,
    promises.negative_data_rejection,
]
FOR_SERVICES = {
    "link_staff", "bind_chat", "migrate_chat", "create_report", "add_supplement", "tickets_of_person", "forget_person",
    "queue_question", "vote",
}  # fmt: skip


def new_app(**settings: Any) -> FastAPI:
    made = {"secret_key": "a secret for tests only", "api_token": TOKEN, "administrator_password": PASSWORD, **settings}
    return intake.create_app(Settings(**made))


DOCUMENT = new_app().openapi()
OPERATIONS = {op["operationId"]: (method, path, op) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()}
ROUTES = {route.name: route for router in intake.ROUTERS for route in router.routes if isinstance(route, APIRoute)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_door_is_described_with_its_problems_and_an_example(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    assert operation["summary"]
    assert len(operation["description"]) > 20
    for status, response in operation["responses"].items():
        assert response["description"], status
        if status >= "400" and (name, status) != ("ready", "503"):
            assert list(response["content"]) == ["application/problem+json"], status
    shown = examples().get(name, {})
    assert ("request" in shown) == ("requestBody" in operation), f"{method} {path}: intake_api/examples.yaml"
    answers = next(response for status, response in operation["responses"].items() if status < "400")
    assert ("response" in shown) == ("application/json" in answers.get("content", {})), f"{method} {path}: intake_api/examples.yaml"


def test_no_two_doors_share_a_name() -> None:
    names = [op["operationId"] for ops in DOCUMENT["paths"].values() for op in ops.values()]
    assert len(set(names)) == len(names)


def test_every_example_is_of_a_door() -> None:
    assert set(examples()) <= set(OPERATIONS)


@pytest.mark.parametrize("name", examples())
def test_every_example_is_valid(name: str) -> None:
    shown, route = examples()[name], ROUTES[name]
    body = inspect.signature(route.endpoint, eval_str=True).parameters.get("body")
    if body is not None:
        TypeAdapter(body.annotation).validate_python(shown["request"])
    shape = route.response_model
    if "response" in shown and isinstance(shape, type) and issubclass(shape, BaseModel):
        shape.model_validate(shown["response"])


# ---- whatever is sent -----------------------------------------------------------------------------------------------
@dataclass
class Running:
    """The app behind a real port, with something in it to find."""

    url: str
    known: dict[str, str] = field(default_factory=dict)

    def service(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}

    def administrator(self) -> dict[str, str]:
        answer = httpx.post(f"{self.url}/v1/session", json={"login": "administrator", "password": PASSWORD})
        return {"Cookie": f"{SESSION_COOKIE}={answer.cookies[SESSION_COOKIE]}", CSRF_HEADER: answer.json()["csrf"]}


@pytest.fixture(scope="module")
def running(postgres_server: Any, redis_server: Any, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    url, folder = postgres_server.new_database(postgres_template), tmp_path_factory.mktemp("openapi")
    app = new_app(database_url=url, data_dir=Path(folder), redis_url=redis_server.url)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    here = Running(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    _furnish(here)
    yield here
    server.should_exit = True
    thread.join()


def _furnish(here: Running) -> None:
    """Something of everything that a path can name."""
    with httpx.Client(base_url=here.url) as http:
        boss = here.administrator()
        http.put(f"/v1/grids/{GRID.code}", json=GRID.model_dump(), headers=boss).raise_for_status()
        ticket = http.post("/v1/reports", json=report(), headers=here.service()).raise_for_status().json()["ticket"]
        hook = http.post("/v1/webhooks", json={"url": "https://bureau.example/hook"}, headers=boss).raise_for_status().json()
        trouble = {"key": "k", "grid": GRID.code, "category": "facility.water", "tickets": [ticket["id"]]}
        incident = http.post("/v1/incidents", json=trouble, headers=boss).raise_for_status().json()
    here.known = {
        "incident_id": incident["id"],
        "ticket_id": ticket["id"], "code": GRID.code, "channel": "web", "chat_id": "g-heron", "handle": "web:resident-7",
    }  # fmt: skip
    here.known |= {"id:staff": "heron-mo", "id:webhooks": hook["id"]}


def _known(here: Running, path: str) -> dict[str, str]:
    room = path.split("/")[2] if path.count("/") > 1 else ""
    found = {}
    for part in path.split("/"):
        name = part.strip("{}")
        if part.startswith("{") and (value := here.known.get(name) or here.known.get(f"{name}:{room}")):
            found[name] = value
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_keeps_the_promises_of_the_document(name: str, running: Running) -> None:
    method, path, _ = OPERATIONS[name]
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    headers = running.service() if name in FOR_SERVICES else running.administrator()
    cases = [operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]
    if known := _known(running, path):
        cases.append(operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known))
    statuses = set()

    @settings(
        max_examples=EXAMPLES_EACH, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=st.one_of(cases))
    def check(case: Case) -> None:
        answer = case.call(base_url=running.url, headers=headers)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    check()
    assert statuses - {401, 403}, "every try was kept out, so nothing was looked at"
