"""The policy base changes by versions, and the assistant fetches it only when it changed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from intake_api.client import IntakeClient
from tests.intake_api.doors import SignIn, assert_problem

PETS = {
    "id": "pets-2026",
    "title": "听雨街道养犬须知",
    "date": "2026-03-01",
    "text": "第一条 养犬应当登记，登记免费。\n第二条 遛犬应当牵绳，并带走粪便。",
    "link": "https://street.example/pets",
}


async def add(http: httpx.AsyncClient, *documents: dict[str, Any]) -> httpx.Response:
    return await http.post("/v1/knowledge/documents", json={"documents": list(documents)})


async def test_an_empty_base_is_a_base(intake: IntakeClient) -> None:
    assert await intake.passages(-1) == (0, [])
    assert await intake.passages(0) is None


async def test_passages_carry_what_is_cited(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    assert (await add(administrator, PETS)).json() == {"version": 1, "changed": 1}
    fetched = await intake.passages(0)
    assert fetched is not None
    version, passages = fetched
    assert version == 1
    assert "".join(passage.text for passage in passages).count("登记免费") == 1
    assert {(passage.doc, passage.title, passage.date, passage.link) for passage in passages} == {
        ("pets-2026", PETS["title"], "2026-03-01", PETS["link"])
    }
    assert await intake.passages(1) is None


async def test_the_same_again_changes_nothing_and_a_change_makes_a_version(administrator: httpx.AsyncClient) -> None:
    await add(administrator, PETS)
    assert (await add(administrator, PETS)).json() == {"version": 1, "changed": 0}
    assert (await add(administrator, {**PETS, "text": "第一条 养犬登记收费。"})).json() == {"version": 2, "changed": 1}


async def test_a_superseded_document_says_so(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    heir = {**PETS, "id": "pets-2027", "date": "2027-01-01", "supersedes": ["pets-2026"]}
    await add(administrator, PETS, heir)
    fetched = await intake.passages(-1)
    assert fetched is not None
    assert {passage.doc: passage.superseded_by for passage in fetched[1]} == {"pets-2026": "pets-2027", "pets-2027": ""}


async def test_removing_takes_the_passages_away(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await add(administrator, PETS)
    assert [one["id"] for one in (await administrator.get("/v1/knowledge/documents")).json()] == ["pets-2026"]
    assert (await administrator.delete("/v1/knowledge/documents/pets-2026")).status_code == 204
    assert await intake.passages(1) == (2, [])
    assert_problem(await administrator.delete("/v1/knowledge/documents/pets-2026"), 404, "not_found")


@pytest.mark.parametrize("wrong", [{"id": "x"}, {"id": "x", "text": "  "}, {"id": "x", "text": "第一条", "date": "2026-02-31"}])
async def test_one_wrong_document_refuses_them_all(administrator: httpx.AsyncClient, intake: IntakeClient, wrong: dict[str, Any]) -> None:
    body = assert_problem(await add(administrator, PETS, wrong), 422, "document_invalid")
    assert body["detail"].startswith("x:")
    assert await intake.passages(-1) == (0, [])


async def test_only_administrators_change_the_base(person: SignIn, service: httpx.AsyncClient) -> None:
    for http in (service, await person("street", street="听雨街道")):
        assert_problem(await add(http, PETS), 403, "forbidden")
