"""The promises about tickets as a machine that does anything to them, and what must hold after every step.

What is expected stands here a second time, written from the specification and not read from the code.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from intake_api.contracts import LEVELS
from intake_api.db import Database
from intake_api.dispatch.worker import ring_timers
from intake_api.problems import ProblemError
from intake_api.tickets.tables import History, Message, Reporter, Ticket
from nlp.taxonomy import load_taxonomy
from tests.intake_api.tickets.office import (
    ADMINISTRATOR,
    ANSWER,
    ASSISTANT,
    COMMUNITY,
    GRID_WORKER,
    STREET,
    Office,
    department,
    person,
)  # fmt: skip

# state: the states it may come from
COMES_FROM: dict[str, set[str | None]] = {
    "candidate": {None, "merged"},
    "rejected": {"candidate"},
    "merged": {"candidate", "accepted"},
    "accepted": {"candidate", "reopened", "merged"},
    "self_handled": {"accepted"},
    "dispatched": {"accepted", "returned", "escalated"},
    "signed": {"dispatched"},
    "in_progress": {"signed", "need_info", "extension_requested"},
    "need_info": {"accepted", "dispatched", "signed", "in_progress"},
    "extension_requested": {"in_progress"},
    "returned": {"dispatched", "signed"},
    "escalated": {"accepted", "dispatched", "signed", "in_progress", "extension_requested", "returned", "escalated"},
    "done": {
        "in_progress",
        "self_handled",
        "candidate",
        "accepted",
        "dispatched",
        "signed",
        "need_info",
        "extension_requested",
        "returned",
        "escalated",
        "reopened",
    },
    "callback": {"done"},
    "reopened": {"callback"},
    "archived": {"callback"},
    "declined": {"accepted"},
    "transferred": {"accepted"},
}
MARKS = {
    "join", "supplement", "absorb", "release", "recategorise", "correct_place", "rate", "call_back", "withdraw", "note", "urge",
    "supervise", "reply", "add_unit",
}  # fmt: skip
MOVES_A_DEADLINE = {"confirm", "give_info", "escalate", "decide_extension", "reopen"}
HELD = {
    "accepted", "self_handled", "dispatched", "signed", "in_progress", "need_info", "extension_requested", "returned", "escalated",
}  # fmt: skip
MATTERS = ["environment.posters", "housing.elevator", "facility.road", "facility.water", "safety.gas_leak", "civic.praise"]
TAXONOMY = load_taxonomy()
ACTORS = [
    ASSISTANT, GRID_WORKER, COMMUNITY, STREET, ADMINISTRATOR, person("grid", grid="g2"), person("micro_worker", grid="g1"),
    department("供水公司"), department("燃气公司"), department("城市管理局"),
]  # fmt: skip
PEOPLE = ["zhang", "wang", "li", "m1", "c1"]
PLAIN = [
    "confirm", "reject", "unmerge", "self_handle", "sign", "start", "return", "escalate", "ask_back", "archive", "reopen", "decline",
    "withdraw", "confirm", "sign", "start",
]  # fmt: skip


_DONE = {"act": "finish", "closing_code": "solved", "public_reply": ANSWER}
_LATER = {"act": "request_extension", "days": 3}
FORWARD: dict[str, list[dict[str, Any]]] = {
    "candidate": [
        {"act": "confirm"},
        {"act": "recategorise", "category": "environment.posters"},
        {"act": "confirm"},
        {"act": "recategorise", "category": "facility.road"},
        {"act": "reject", "reason": "闲聊"},
    ],
    "accepted": [
        {"act": "self_handle"},
        {"act": "transfer", "to": "市政热线"},
        {"act": "ask_info", "question": "几栋？"},
        {"act": "escalate", "reason": "超时"},
        {"act": "decline", "reason": "不归我们"},
    ],
    "dispatched": [{"act": "sign"}, {"act": "sign"}, {"act": "return", "reason": "不是我们的"}],
    "returned": [{"act": "dispatch"}, {"act": "escalate", "reason": "没人接"}],
    "escalated": [{"act": "dispatch"}],
    "signed": [{"act": "start"}],
    "in_progress": [_DONE, _DONE, _LATER, {"act": "ask_info", "question": "几栋？"}, {"act": "escalate", "reason": "办不了"}],
    "need_info": [{"act": "give_info"}],
    "extension_requested": [{"act": "decide_extension", "granted": True}, {"act": "decide_extension", "granted": False}],
    "self_handled": [_DONE],
    "callback": [{"act": "call_back", "solved": True}, {"act": "call_back", "solved": False}, {"act": "reopen", "reason": "又坏了"}],
    "reopened": [{"act": "confirm"}],
    "merged": [{"act": "unmerge"}],
}


def acts() -> st.SearchStrategy[dict[str, Any]]:
    """Any act with any content, sensible or not."""
    reason = st.sampled_from(["", "说明原因"])
    level = st.sampled_from([None, *LEVELS])
    reply = st.sampled_from([ANSWER, "已处理", ""])
    codes = st.sampled_from(["solved", "partly", "not_solved", "duplicate", "withdrawn"])
    return st.one_of(
        st.builds(lambda act, why: {"act": act, "reason": why}, st.sampled_from(PLAIN), reason),
        st.builds(lambda unit, at: {"act": "dispatch", "unit": unit, "level": at}, st.sampled_from(["", "水务局"]), level),
        st.builds(lambda to: {"act": "recategorise", "category": to}, st.sampled_from([*MATTERS, "no.such"])),
        st.builds(lambda code, words: {"act": "finish", "closing_code": code, "public_reply": words}, codes, reply),
        st.builds(lambda name: {"act": name, "text": "请尽快"}, st.sampled_from(["note", "urge", "supervise", "reply"])),
        st.builds(lambda ok, kind: {"act": kind, "solved": ok}, st.booleans(), st.sampled_from(["rate", "call_back"])),
        st.builds(lambda ok: {"act": "decide_extension", "granted": ok}, st.booleans()),
        st.builds(lambda days: {"act": "request_extension", "days": days}, st.integers(-1, 30)),
        st.sampled_from(
            [{"act": "ask_info", "question": "请问是几单元？"}, {"act": "give_info"}, {"act": "transfer", "to": "市政"},
             {"act": "correct_place", "place": {"building": "5"}}, {"act": "add_unit", "unit": "水务局"}]
        ),
    )  # fmt: skip


class Promises(RuleBasedStateMachine):
    """Residents, workers, departments and the clock do what they like to a handful of tickets."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.office = Office(Database(self.new_url()))
        self.before: dict[str, dict[str, Any]] = {}
        self.entries = 0
        self.filed: dict[str, tuple[str, str]] = {}  # external id → (person, the ticket it was filed under)

    def new_url(self) -> str:
        raise NotImplementedError

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def teardown(self) -> None:
        assert self.run(self.office.breaks()) == []
        self.run(self.office.db.close())
        self.runner.close()

    @initialize()
    def begin(self) -> None:
        self.run(self.office.open())

    def pick(self, n: int, states: set[str] | None = None) -> str | None:
        ids = [ticket_id for ticket_id, ticket in self.before.items() if not states or ticket["state"] in states]
        ids.sort(key=lambda ticket_id: str(self.before[ticket_id]["number"]))
        return ids[n % len(ids)] if ids else None

    # ---- what people do
    @rule(who=st.sampled_from(PEOPLE), matter=st.sampled_from([None, *MATTERS]), join=st.none() | st.integers(0, 9),
          private=st.booleans(), group=st.sampled_from(["group1", "group2"]))  # fmt: skip
    def report(self, who: str, matter: str | None, join: int | None, private: bool, group: str) -> None:
        emergency = bool(matter and matter.startswith("safety."))
        judged = {"category": matter, "confidence": 0.9, "accepted": True, "emergency": emergency}
        to = self.pick(join) if join is not None else None
        report = self.office.report_in(who=who, judged=judged, join=to, private=private, chat_id=group)
        receipt = self.run(self.office.report(report))
        home = to if receipt.outcome == "joined" else receipt.ticket.id
        assert home is not None
        self.filed[report.external_id] = (self.office.vault.pseudonym("web", who), home)
        again = self.run(self.office.report(report))
        assert (again.outcome, again.ticket.id) == ("already", receipt.ticket.id)

    @rule(n=st.integers(0, 9), who=st.sampled_from(PEOPLE), kind=st.sampled_from(["supplement", "reply", "join", "follow_up"]))
    def say_more(self, n: int, who: str, kind: str) -> None:
        ticket_id = self.pick(n)
        if ticket_id is None:
            return
        refused = self.refusal(self.office.add(ticket_id, who=who, kind=kind, masked="还有人反映"))
        assert refused is None or refused.code == "not_joinable"

    @rule(n=st.integers(0, 9), act=acts(), actor=st.sampled_from(ACTORS), handle=st.none() | st.sampled_from(PEOPLE))
    def do_anything(self, n: int, act: dict[str, Any], actor: Any, handle: str | None) -> None:
        self.attempt(self.pick(n), act, actor, handle)

    @rule(n=st.integers(0, 9), act=acts())
    def do_anything_as_administrator(self, n: int, act: dict[str, Any]) -> None:
        self.attempt(self.pick(n), act, ADMINISTRATOR)

    @rule(n=st.integers(0, 9), steps=st.integers(1, 9), turn=st.integers(0, 99))
    def carry_on(self, n: int, steps: int, turn: int) -> None:
        """Somebody does their work: one sensible act after the other, mostly forward, so that late states are reached."""
        for step in range(steps):
            ticket_id = self.pick(n)
            if ticket_id is None:
                return
            sensible = FORWARD.get(self.before[ticket_id]["state"], [])
            if sensible:
                act = sensible[(turn + step) % len(sensible)]
                self.attempt(ticket_id, act, GRID_WORKER if act["act"] == "self_handle" else ADMINISTRATOR)
                self.promises_are_kept()

    @rule(n=st.integers(0, 9), into=st.integers(0, 9))
    def merge(self, n: int, into: int) -> None:
        source, target = self.pick(n, {"candidate", "accepted"}), self.pick(into)
        if source is None or target is None:
            return
        told = len(self.run(self.office.events()))
        if not self.attempt(source, {"act": "merge", "into": target}, ADMINISTRATOR):
            return
        matter = TAXONOMY.matter(self.before[source]["category"] or "")
        if matter:  # the neighbour's matter is not handed down by way of a merge
            assert LEVELS.index(self.before[target]["level"]) >= LEVELS.index(matter.level)
        number = self.before[target]["number"]
        words = [event for event in self.run(self.office.events())[told:] if event.ticket.id == source and event.audience != "worker"]
        chats = [f"{event.audience}:{event.chat_id}" for event in words]
        assert len(chats) == len(set(chats)), "somebody was told of a merge twice"
        assert all(event.note == number for event in words)
        if not self.before[source]["delicate"]:
            assert {f"group:{chat.partition(':')[2]}" for chat in self.before[source]["chats"]} <= set(chats)

    @rule(matter=st.sampled_from(MATTERS[:4]), whose=st.permutations(PEOPLE), accepted=st.booleans(), undone=st.booleans())
    def two_reports_of_one_matter(self, matter: str, whose: list[str], accepted: bool, undone: bool) -> None:
        """Merged, joined by the old name, perhaps taken apart again."""
        pair = []
        for who in whose[:2]:
            self.report(who, matter, None, who == "li", "group1")
            self.promises_are_kept()
            pair.append(max(self.before, key=lambda ticket_id: str(self.before[ticket_id]["number"])))
        order = sorted(self.before, key=lambda ticket_id: str(self.before[ticket_id]["number"]))
        source, target = order.index(pair[0]), order.index(pair[1])
        if accepted:
            self.attempt(pair[1], {"act": "confirm"}, ADMINISTRATOR)
            self.promises_are_kept()
        assert self.attempt(pair[0], {"act": "merge", "into": pair[1]}, ADMINISTRATOR)
        self.promises_are_kept()
        self.report(whose[2], matter, source, False, "group2")
        self.report(whose[0], matter, target, False, "group2")
        self.promises_are_kept()
        if undone:
            assert self.attempt(pair[0], {"act": "unmerge"}, ADMINISTRATOR)
            self.promises_are_kept()

    def attempt(self, ticket_id: str | None, act: dict[str, Any], actor: Any, handle: str | None = None) -> bool:
        """Whether it was let through."""
        if ticket_id is None:
            return False
        act = dict(act)
        if "days" in act:
            base = self.before[ticket_id]["resolve_by"] or self.office.now
            act["until"] = base + timedelta(days=act.pop("days"))
        if handle and actor is ASSISTANT:
            act["as_handle"] = f"web:{handle}"
        refused = self.refusal(self.office.act(ticket_id, act.pop("act"), actor, **act))
        assert refused is None or refused.status in (403, 409, 422), refused.code
        return refused is None

    def refusal(self, deed: Any) -> ProblemError | None:
        try:
            self.run(deed)
        except ProblemError as refused:
            return refused
        return None

    @rule(hours=st.integers(1, 24 * 20))
    def time_passes(self, hours: int) -> None:
        self.office.later(hours=hours)
        self.run(ring_timers(self.office.db, self.office.settings, self.office.vault, self.office.now))

    # ---- what must hold
    @invariant()
    def promises_are_kept(self) -> None:
        tickets = {row.id: {c.key: getattr(row, c.key) for c in Ticket.__table__.columns} for row in self.run(self.office.rows(Ticket))}
        history: dict[str, list[History]] = {}
        for entry in self.run(self.office.rows(History)):
            history.setdefault(entry.ticket_id, []).append(entry)
        for ticket_id, now in tickets.items():
            before = self.before.get(ticket_id)
            chain = sorted(history[ticket_id], key=lambda entry: entry.seq)
            new = chain[before["history_seq"] if before else 0 :]
            self.moves_are_in_the_table(now, before, new)
            self.deadlines_move_for_a_reason(now, before, new)
            self.nothing_is_handed_down(now)
            self.only_reporters_or_a_call_back_say_solved(now, chain)
            if before:
                assert now["first_seen_at"] == before["first_seen_at"]
        self.reports_lie_where_they_belong(tickets)
        self.before = dict(sorted(tickets.items(), key=lambda one: str(one[1]["number"])))

    def moves_are_in_the_table(self, now: dict[str, Any], before: dict[str, Any] | None, new: list[History]) -> None:
        state = before["state"] if before else None
        for entry in new:
            assert entry.from_state == state
            if entry.act in MARKS:
                assert entry.to_state == entry.from_state
            else:
                assert entry.from_state in COMES_FROM[entry.to_state], f"{entry.act}: {entry.from_state} → {entry.to_state}"
            state = entry.to_state
        assert now["state"] == state
        assert now["history_seq"] == (before["history_seq"] if before else 0) + len(new)

    def deadlines_move_for_a_reason(self, now: dict[str, Any], before: dict[str, Any] | None, new: list[History]) -> None:
        for name in ("resolve_by", "respond_by"):
            if before and before[name] is not None and now[name] != before[name]:
                acts = [entry.act for entry in new if entry.act in MOVES_A_DEADLINE]
                assert acts, f"{name} moved by {[entry.act for entry in new]}"
                if acts == ["decide_extension"]:
                    assert new[0].data["granted"]
                    assert name == "resolve_by"
                if "confirm" in acts:
                    assert before["state"] in ("reopened", "callback"), "a clock starts once, and again after a reopening"

    def nothing_is_handed_down(self, now: dict[str, Any]) -> None:
        matter = TAXONOMY.matter(now["category"] or "")
        if now["state"] in HELD:
            assert matter is not None
            assert LEVELS.index(now["level"]) >= LEVELS.index(matter.level)
            if not matter.grid_duty:
                assert now["level"] != "grid"
        if now["state"] == "self_handled":
            assert matter is not None
            assert matter.grid_duty

    def only_reporters_or_a_call_back_say_solved(self, now: dict[str, Any], chain: list[History]) -> None:
        if now["rating"] is not None:
            done = max((entry.seq for entry in chain if entry.act == "finish"), default=0)
            said = [entry for entry in chain if entry.seq > done and entry.act in ("rate", "call_back")]
            assert said
            assert said[-1].data["solved"] == now["rating"]["solved"]
            assert all(entry.role not in ("assistant", "system") for entry in said)

    def reports_lie_where_they_belong(self, tickets: dict[str, dict[str, Any]]) -> None:
        def stands_for(ticket_id: str) -> str:
            while tickets[ticket_id]["duplicate_of"]:
                ticket_id = tickets[ticket_id]["duplicate_of"]
            return ticket_id

        messages = self.run(self.office.rows(Message))
        reporters = self.run(self.office.rows(Reporter))
        assert len({message.external_id for message in messages}) == len(messages)
        for row in (*messages, *reporters):
            assert row.ticket_id == stands_for(row.home_ticket_id)
        lying = {message.external_id: message for message in messages}
        there = {(row.home_ticket_id, row.person) for row in reporters}
        for external_id, (who, home) in self.filed.items():
            assert lying[external_id].home_ticket_id == home
            assert (home, who) in there
        for ticket_id, ticket in tickets.items():
            people = {row.person for row in reporters if row.ticket_id == ticket_id}
            assert ticket["affected_people"] == max(1, len(people)) or ticket["state"] == "merged"
