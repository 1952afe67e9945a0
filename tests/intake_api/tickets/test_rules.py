"""The table of moves and the limits around it, without any database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from intake_api.contracts import LEVELS, Act, Level, State
from intake_api.security import Area
from intake_api.tickets.moves import ASSISTANT, MARKS, MOVES, SYSTEM, Actor, TicketFacts, floor_of, rank
from intake_api.tickets.reply import answers
from intake_api.tickets.rules import Decision, Refusal, decide, possible
from nlp.taxonomy import load_taxonomy
from tests.intake_api.tickets.promises import ANSWER, COMES_FROM, acts

NOW = datetime(2026, 6, 5, 2, 0, tzinfo=UTC)  # a Friday
TAXONOMY = load_taxonomy()
_ACTS: TypeAdapter[Act] = TypeAdapter(Act)
HERE = Area(grid="g1")
GRID = Actor("老陈", "grid", HERE)
COMMUNITY = Actor("李主任", "community", Area(community="c", street="s"))
STREET = Actor("街道", "street", Area(street="s"))
WATER = Actor("供水", "department", Area(unit="供水公司"))
ADMINISTRATOR = Actor("root", "administrator")
REPORTER = Actor("resident", "reporter", reports=True)
STRANGER = Actor("resident", "reporter")
LIFT = TicketFacts(
    id="t", state="in_progress", category="housing.elevator", urgency="normal", level="community", lead_unit="物业服务企业",
    assist_units=(), grid="g1", community="c", street="s", district="d", accepted_at=NOW, dispatched_at=NOW,
    respond_by=NOW + timedelta(hours=2), resolve_by=NOW + timedelta(days=1),
)  # fmt: skip


def act(name: str, **fields: Any) -> Act:
    return _ACTS.validate_json(json.dumps({"act": name, **fields}, default=str))


def verdict(ticket: TicketFacts, name: str, actor: Actor, now: datetime = NOW, **fields: Any) -> Decision | Refusal:
    return decide(ticket, act(name, **fields), actor, now, TAXONOMY)


def code(found: Decision | Refusal) -> str:
    return found.code if isinstance(found, Refusal) else "done"


def test_the_table_holds_every_state_and_no_move_that_is_not_specified() -> None:
    said = {(source, goal) for goal, sources in COMES_FROM.items() for source in sources if source is not None}
    written = {(source, goal) for move in MOVES.values() for source in move.comes_from for goal in move.to}
    assert written == said
    assert set(COMES_FROM) == set(get_args(State))


def test_every_act_of_the_contract_has_its_place_in_the_table() -> None:
    union = get_args(get_args(Act)[0])
    names = {name for shape in union for name in get_args(shape.model_fields["act"].annotation)}
    assert names == set(MOVES) | set(MARKS)


ACTORS = [GRID, COMMUNITY, STREET, WATER, ADMINISTRATOR, REPORTER, STRANGER, ASSISTANT, SYSTEM]


@given(
    state=st.sampled_from(get_args(State)),
    category=st.sampled_from([None, *(matter.id for matter in TAXONOMY.matters)]),
    level=st.sampled_from(LEVELS),
    wanted=acts(),
    actor=st.sampled_from(ACTORS),
    returns=st.integers(0, 3),
    hours=st.integers(-100, 100),
)
def test_no_decision_leaves_the_table_or_goes_below_the_level(
    state: State, category: str | None, level: Level, wanted: dict[str, Any], actor: Actor, returns: int, hours: int
) -> None:
    now = NOW + timedelta(hours=hours)
    if "days" in wanted:
        wanted = {**wanted, "until": NOW + timedelta(days=wanted["days"])}
        wanted.pop("days")
    ticket = replace(LIFT, state=state, category=category, level=level, returns=returns)
    found = decide(ticket, act(wanted["act"], **{k: v for k, v in wanted.items() if k != "act"}), actor, now, TAXONOMY)
    if isinstance(found, Refusal):
        assert found.detail.endswith(".")
        return
    assert found.to == state or state in COMES_FROM[found.to]
    matter = TAXONOMY.matter(found.changes.get("category", category) or "")
    if matter and "level" in found.changes:
        assert rank(found.changes["level"]) >= rank(floor_of(matter))
    if found.to == "self_handled" and state != found.to:  # a mark leaves it there, whoever sets it
        assert matter is not None
        assert matter.grid_duty
        assert actor.role in ("grid", "micro_worker")
    assert found.act in possible(ticket, actor, now, TAXONOMY)


def test_a_ticket_is_returned_within_one_working_day_with_a_reason_and_twice_at_most() -> None:
    sent = replace(LIFT, state="dispatched")
    assert code(verdict(sent, "return", COMMUNITY)) == "reason_missing"
    monday = NOW + timedelta(days=3)
    assert code(verdict(sent, "return", COMMUNITY, monday, reason="不归物业")) == "done"
    assert code(verdict(sent, "return", COMMUNITY, monday + timedelta(seconds=1), reason="不归物业")) == "return_too_late"
    assert code(verdict(replace(sent, returns=2), "return", COMMUNITY, reason="不归物业")) == "returned_too_often"


def test_an_extension_is_asked_for_before_the_deadline_and_decided_one_level_up() -> None:
    later = NOW + timedelta(days=4)
    assert code(verdict(LIFT, "request_extension", COMMUNITY, NOW + timedelta(days=2), until=later)) == "deadline_passed"
    assert code(verdict(LIFT, "request_extension", COMMUNITY, until=NOW)) == "not_later"
    asked = verdict(LIFT, "request_extension", COMMUNITY, until=later)
    assert isinstance(asked, Decision)
    assert "resolve_by" not in asked.changes
    waiting = replace(LIFT, state="extension_requested", extension_until=later)
    assert code(verdict(waiting, "decide_extension", COMMUNITY, granted=True)) == "not_yours"
    granted, refused = (verdict(waiting, "decide_extension", STREET, granted=answer) for answer in (True, False))
    assert isinstance(granted, Decision)
    assert isinstance(refused, Decision)
    assert granted.changes["resolve_by"] == later
    assert "resolve_by" not in refused.changes
    assert granted.to == refused.to == "in_progress"


def test_escalation_goes_one_rung_up_with_a_new_deadline_and_never_back() -> None:
    found = verdict(LIFT, "escalate", COMMUNITY, NOW + timedelta(hours=9), reason="物业不来")
    assert isinstance(found, Decision)
    assert (found.to, found.changes["level"], found.changes["lead_unit"]) == ("escalated", "street", "s")
    assert found.changes["resolve_by"] == NOW + timedelta(hours=9 + 24)
    up = replace(LIFT, state="escalated", level="street")
    assert code(verdict(up, "dispatch", STREET, level="community")) == "below_its_level"
    assert code(verdict(up, "dispatch", STREET)) == "done"
    assert code(verdict(replace(LIFT, level="department"), "escalate", ADMINISTRATOR, reason="x")) == "top_of_the_ladder"


def test_nobody_lowers_a_ticket_by_renaming_its_matter_while_a_unit_holds_it() -> None:
    found = verdict(LIFT, "recategorise", COMMUNITY, category="facility.water")
    assert code(found) == "level_rises"
    small = verdict(LIFT, "recategorise", COMMUNITY, category="environment.posters")
    assert isinstance(small, Decision)
    assert "level" not in small.changes


@pytest.mark.parametrize("name", ["confirm", "reject", "sign", "finish", "dispatch", "archive", "call_back", "merge", "decide_extension"])
def test_residents_do_not_do_the_work_of_the_staff(name: str) -> None:
    for state in get_args(State):
        for resident in (REPORTER, STRANGER):
            assert name not in possible(replace(LIFT, state=state), resident, NOW, TAXONOMY)


def test_only_a_reporter_rates_and_only_after_it_is_done() -> None:
    assert code(verdict(LIFT, "rate", REPORTER, solved=True)) == "no_such_move"
    done = replace(LIFT, state="callback")
    assert code(verdict(done, "rate", STRANGER, solved=True)) == "not_staff_here"
    assert code(verdict(done, "rate", ADMINISTRATOR, solved=True)) == "not_yours"
    happy, cross = (verdict(done, "rate", REPORTER, solved=True, satisfied=content) for content in (True, False))
    assert isinstance(happy, Decision)
    assert isinstance(cross, Decision)
    assert (happy.reopen, cross.reopen) == (False, True)


def test_withdrawing_closes_nothing_by_itself() -> None:
    found = verdict(LIFT, "withdraw", REPORTER)
    assert isinstance(found, Decision)
    assert found.to == "in_progress"
    closing = {"closing_code": "withdrawn", "public_reply": ANSWER}
    assert code(verdict(LIFT, "finish", COMMUNITY, **closing)) == "not_withdrawn"
    assert code(verdict(replace(LIFT, withdrawn=True), "finish", COMMUNITY, **closing)) == "done"


def test_a_department_works_on_what_it_leads_and_on_nothing_else() -> None:
    water = replace(LIFT, state="dispatched", category="facility.water", level="department", lead_unit="供水公司")
    assert code(verdict(water, "sign", WATER)) == "done"
    assert code(verdict(water, "sign", COMMUNITY)) == "not_yours"
    assert code(verdict(replace(water, lead_unit="供电公司"), "sign", WATER)) == "not_yours"


@given(st.text(max_size=7))
def test_a_few_letters_are_no_answer(reply: str) -> None:
    assert not answers(reply)


@pytest.mark.parametrize(
    "reply",
    [
        ANSWER,
        "今天下午三点已清运垃圾两车，明早再冲洗一次地面。",
        "经查该车位为登记车位，不属于占用消防通道。",
        "12 lamps replaced on 3 June",
    ],
)
def test_a_reply_that_says_what_was_found_and_done_answers(reply: str) -> None:
    assert answers(reply)


def test_an_enquiry_is_answered_from_any_open_state_by_who_may_answer_and_nothing_else_is() -> None:
    asked = replace(LIFT, kind="enquiry", state="candidate", category=None, level="community")
    words = {"public_reply": "带身份证到社区服务中心办理。"}
    found = verdict(asked, "answer", COMMUNITY, **words)
    assert isinstance(found, Decision)
    assert (found.to, found.changes["public_reply"]) == ("done", words["public_reply"])
    assert code(verdict(asked, "answer", COMMUNITY, public_reply=" ")) == "text_missing"
    assert [code(verdict(asked, "answer", who, **words)) for who in (GRID, WATER, ASSISTANT)] == ["not_yours"] * 3
    assert code(verdict(LIFT, "answer", COMMUNITY, **words)) == "not_an_enquiry"
    assert code(verdict(replace(asked, state="archived"), "answer", COMMUNITY, **words)) == "no_such_move"
