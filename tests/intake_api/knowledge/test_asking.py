"""What the base could not answer reaches a person, once, and the person's answer reaches the base."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
from fastapi import FastAPI

from intake_api.client import IntakeClient
from intake_api.contracts import QuestionIn, VoteIn
from intake_api.knowledge.service import add_documents
from intake_api.sample import sample_documents
from nlp.retrieve import Base
from nlp.schema import Passage
from tests.intake_api.doors import Clock, SignIn, assert_problem

NOW = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)


def question(message: str, words: str = "老年证丢了去哪里补？", grid: str = "heron-1") -> QuestionIn:
    return QuestionIn(external_id=f"web:g:{message}", question=words, grid=grid, at=NOW)


def vote(user: str, helpful: bool) -> VoteIn:
    return VoteIn(external_id=f"web:m:{user}", question="遛狗要牵绳吗", doc="pets", helpful=helpful, at=NOW)


async def base(intake: IntakeClient) -> Base:
    page = await intake.changed_passages(-1)
    return Base.build([Passage(**dict(one)) for one in page.passages])


async def queue(administrator: httpx.AsyncClient, state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await administrator.get("/v1/knowledge/questions", params={"state": state})).json()["questions"]
    return found


async def test_the_same_words_are_one_question_of_a_grid(intake: IntakeClient, administrator: httpx.AsyncClient) -> None:
    first = await intake.queue_question(question("1"))
    assert (await intake.queue_question(question("1"))).asked == 1
    again = await intake.queue_question(question("2", "老年证 丢了去哪里补"))
    assert (again.id, again.asked) == (first.id, 2)
    other = await intake.queue_question(question("3", grid="heron-2"))
    assert other.id != first.id
    assert [one["id"] for one in await queue(administrator)] == [first.id, other.id]


async def test_an_answer_with_one_click_into_the_base(intake: IntakeClient, administrator: httpx.AsyncClient) -> None:
    asked = await intake.queue_question(question("1"))
    body = {"answer": "带身份证到社区服务中心补办。", "into_base": True}
    answered = await administrator.post(f"/v1/knowledge/questions/{asked.id}/answer", json=body)
    assert answered.status_code == 200, answered.text
    assert await queue(administrator) == []
    answer = (await base(intake)).answer("老年证丢了去哪里补")
    assert answer is not None
    assert answer.text == "带身份证到社区服务中心补办。"
    assert_problem(await administrator.post(f"/v1/knowledge/questions/{asked.id}/answer", json=body), 409, "question_settled")
    reopened = await intake.queue_question(question("9"))
    assert reopened.id != asked.id


async def test_an_empty_answer_is_no_answer_and_dismissing_is_one(intake: IntakeClient, administrator: httpx.AsyncClient) -> None:
    asked = await intake.queue_question(question("1"))
    where = f"/v1/knowledge/questions/{asked.id}/answer"
    assert_problem(await administrator.post(where, json={"answer": "  "}), 422, "answer_missing")
    assert (await administrator.post(where, json={"dismiss": True, "into_base": True})).json()["state"] == "dismissed"
    assert (await intake.changed_passages(0)).changed == []
    assert_problem(await administrator.post("/v1/knowledge/questions/999/answer", json={"dismiss": True}), 404, "not_found")


async def test_votes_count_once_a_person_and_unhappy_ones_are_queued(intake: IntakeClient, administrator: httpx.AsyncClient) -> None:
    await intake.vote(vote("a", True))
    await intake.vote(vote("b", True))
    changed = await intake.vote(vote("b", False))
    assert (changed.helpful, changed.not_helpful) == (1, 1)
    assert [(one["question"], one["reason"]) for one in await queue(administrator)] == [("遛狗要牵绳吗", "not_helpful")]


async def test_only_services_ask_and_only_administrators_answer(intake: IntakeClient, person: SignIn, service: httpx.AsyncClient) -> None:
    asked = await intake.queue_question(question("1"))
    worker = await person("grid", grid="heron-1")
    assert_problem(await worker.post("/v1/knowledge/votes", json=vote("a", True).model_dump(mode="json")), 403, "forbidden")
    assert_problem(await worker.post(f"/v1/knowledge/questions/{asked.id}/answer", json={"dismiss": True}), 403, "forbidden")


async def test_the_sample_base_answers(app: FastAPI, intake: IntakeClient, clock: Clock) -> None:
    async with app.state.db.writing() as session:
        assert await add_documents(session, sample_documents(), "demo", clock.now) == 8
    answer = (await base(intake)).answer("电动车上牌收费吗")
    assert answer is not None
    assert "上牌不收取费用" in answer.text
    assert "示例" in answer.citation.title
