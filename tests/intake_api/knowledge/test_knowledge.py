"""The policy base changes by versions, and the assistant fetches it only when it changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from intake_api.client import IntakeClient
from intake_api.contracts import PassageView
from intake_api.db import Database
from intake_api.knowledge import queries
from intake_api.knowledge.files import take_file
from intake_api.security import Principal
from tests.intake_api.doors import SignIn, assert_problem

PETS = {
    "id": "pets-2026",
    "title": "听雨街道养犬须知",
    "date": "2026-03-01",
    "text": "第一条 养犬应当登记，登记免费。\n第二条 遛犬应当牵绳，并带走粪便。",
    "link": "https://street.example/pets",
}


async def fetched(intake: IntakeClient, version: int = -1) -> tuple[int, list[PassageView], list[str]]:
    """(version, passages, changed documents), read page by page."""
    passages: list[PassageView] = []
    changed: list[str] = []
    cursor = ""
    while True:
        page = await intake.changed_passages(version, cursor)
        passages += page.passages
        changed += page.changed
        if not (cursor := page.cursor):
            return page.version, passages, changed


async def add(http: httpx.AsyncClient, *documents: dict[str, Any]) -> httpx.Response:
    return await http.post("/v1/knowledge/documents", json={"documents": list(documents)})


async def test_an_empty_base_is_a_base(intake: IntakeClient) -> None:
    assert await fetched(intake) == (0, [], [])
    assert (await intake.changed_passages(-1)).whole
    assert await fetched(intake, 0) == (0, [], [])


async def test_passages_carry_what_is_cited(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    assert (await add(administrator, PETS)).json() == {"version": 1, "changed": 1}
    version, passages, _ = await fetched(intake, 0)
    assert version == 1
    assert "".join(passage.text for passage in passages).count("登记免费") == 1
    assert {(passage.doc, passage.title, passage.date, passage.link) for passage in passages} == {
        ("pets-2026", PETS["title"], "2026-03-01", PETS["link"])
    }
    assert await fetched(intake, 1) == (1, [], [])


async def test_the_same_again_changes_nothing_and_a_change_makes_a_version(administrator: httpx.AsyncClient) -> None:
    await add(administrator, PETS)
    assert (await add(administrator, PETS)).json() == {"version": 1, "changed": 0}
    assert (await add(administrator, {**PETS, "text": "第一条 养犬登记收费。"})).json() == {"version": 2, "changed": 1}


async def test_a_superseded_document_says_so(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    heir = {**PETS, "id": "pets-2027", "date": "2027-01-01", "supersedes": ["pets-2026"]}
    await add(administrator, PETS, heir)
    _, passages, _ = await fetched(intake)
    assert {passage.doc: passage.superseded_by for passage in passages} == {"pets-2026": "pets-2027", "pets-2027": ""}


async def test_an_heir_that_comes_later_changes_the_old_one_too(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await add(administrator, PETS)
    await add(administrator, {**PETS, "id": "other", "title": "别的须知"})
    await add(administrator, {**PETS, "id": "pets-2027", "date": "2027-01-01", "supersedes": ["pets-2026"]})
    version, passages, changed = await fetched(intake, 2)
    assert (version, sorted(changed)) == (3, ["pets-2026", "pets-2027"])
    assert {p.valid_until for p in passages if p.doc == "pets-2026"} == {"2026-12-31"}
    await administrator.delete("/v1/knowledge/documents/pets-2027")
    _, passages, changed = await fetched(intake, 3)
    assert sorted(changed) == ["pets-2026", "pets-2027"]
    assert {(p.doc, p.superseded_by) for p in passages} == {("pets-2026", "")}


async def test_a_large_base_comes_in_pages_and_a_change_alone(
    administrator: httpx.AsyncClient, intake: IntakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_CHARS", 90)
    for n in range(7):
        await add(administrator, *({**PETS, "id": f"pets-{n}-{m}"} for m in range(3)))
    first = await intake.changed_passages(-1)
    assert first.cursor
    assert len(first.changed) < 5
    version, passages, changed = await fetched(intake)
    assert (version, len(changed), len(set(changed))) == (7, 21, 21)
    assert {p.doc for p in passages} == set(changed)
    await add(administrator, {**PETS, "id": "pets-3-1", "text": "第一条 养犬登记收费。"})
    version, passages, changed = await fetched(intake, 7)
    assert (version, changed) == (8, ["pets-3-1"])
    assert_problem(await administrator.get("/v1/knowledge/passages?cursor=x"), 422, "bad_cursor")


async def test_who_knows_a_version_that_never_was_reads_the_whole_base(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await add(administrator, PETS)
    page = await intake.changed_passages(900)
    assert (page.whole, page.version, page.changed) == (True, 1, ["pets-2026"])


async def test_what_is_for_staff_says_so(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await add(administrator, {**PETS, "audience": "网格员、社区干部"}, {**PETS, "id": "open", "audience": "老年人"})
    _, passages, _ = await fetched(intake)
    assert {p.doc: p.staff_only for p in passages} == {"pets-2026": True, "open": False}


async def test_removing_takes_the_passages_away(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await add(administrator, PETS)
    assert [one["id"] for one in (await administrator.get("/v1/knowledge/documents")).json()["documents"]] == ["pets-2026"]
    assert (await administrator.delete("/v1/knowledge/documents/pets-2026")).status_code == 204
    assert await fetched(intake, 1) == (2, [], ["pets-2026"])
    assert_problem(await administrator.delete("/v1/knowledge/documents/pets-2026"), 404, "not_found")


@pytest.mark.parametrize("wrong", [{"id": "x"}, {"id": "x", "text": "  "}, {"id": "x", "text": "第一条", "date": "2026-02-31"}])
async def test_one_wrong_document_refuses_them_all(administrator: httpx.AsyncClient, intake: IntakeClient, wrong: dict[str, Any]) -> None:
    body = assert_problem(await add(administrator, PETS, wrong), 422, "document_invalid")
    assert body["detail"].startswith("x:")
    assert await fetched(intake) == (0, [], [])


async def test_only_administrators_change_the_base(person: SignIn, service: httpx.AsyncClient) -> None:
    for http in (service, await person("street", street="听雨街道")):
        assert_problem(await add(http, PETS), 403, "forbidden")


async def test_files_of_one_name_handed_in_at_once_are_taken_one_after_the_other(db: Database) -> None:
    def letter(n: int) -> bytes:
        return f"听雨街道养犬须知\n第一条 养犬应当登记，登记费{n}元。".encode()

    who, at = Principal("person", "root", "管理员", "administrator"), datetime(2026, 6, 2, tzinfo=UTC)
    first = await take_file(db, "须知.txt", letter(0), "", "", who, at)
    assert first.outcome == "added"
    taken = await asyncio.gather(*(take_file(db, "须知.txt", letter(n), "", "", who, at) for n in range(1, 5)))
    assert [one.outcome for one in taken] == ["changed"] * 4
    assert sorted(edition for one in taken for _, _, edition in one.documents) == [2, 3, 4, 5]
