"""What each act asks for beyond the table, and the columns it changes; pure, called by rules.py alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from intake_api import contracts as c
from intake_api.contracts import Level
from intake_api.dispatch.rules import lead_at, working_day_later
from intake_api.tickets.moves import LAID_DOWN, Actor, Catalogue, MatterOf, TicketFacts, covers, floor_of, rank
from intake_api.tickets.reply import answers

MAX_RETURNS = 2
# with a unit or a reporter: nobody may lift such a ticket to another level by renaming its matter
_IN_HANDS_OF_THE_CENTRE = ("candidate", "accepted", "reopened", "returned", "escalated")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not. `code` is stable; `detail` says the fact and the remedy."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Columns to change, what the history shall remember, and whether `reopen` follows."""

    changes: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    reopen: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a rule looks at. `into` is the ticket a merge goes to."""

    ticket: TicketFacts
    actor: Actor
    now: datetime
    catalogue: Catalogue
    into: TicketFacts | None = None

    @property
    def matter(self) -> MatterOf | None:
        return self.catalogue.matter(self.ticket.category) if self.ticket.category else None


# ---- guards: limits that do not depend on what the act says ---------------------------------------------------------
_NO_CATEGORY = Refusal("category_missing", "The ticket has no category that the catalogue knows; choose one first.")


def _guard_confirm(case: Case) -> Refusal | None:
    if case.actor.role == "assistant" and case.ticket.urgency != "emergency":
        return Refusal("needs_a_person", "Only emergencies are accepted without a person; ask a worker.")
    return None if case.matter else _NO_CATEGORY


def _guard_self_handle(case: Case) -> Refusal | None:
    if case.matter is None or floor_of(case.matter) != "grid" or case.ticket.level != "grid":
        return Refusal("not_a_grid_duty", "This matter is not for the grid to handle; it goes to its lead unit.")
    return None


def _guard_category(case: Case) -> Refusal | None:
    return None if case.matter else _NO_CATEGORY


def _guard_return(case: Case) -> Refusal | None:
    if case.ticket.returns >= MAX_RETURNS:
        return Refusal("returned_too_often", f"It was returned {MAX_RETURNS} times already; escalate it instead.")
    if case.ticket.dispatched_at and case.now > working_day_later(case.ticket.dispatched_at):
        return Refusal("return_too_late", "A ticket can be returned within one working day only; escalate it instead.")
    return None


def _guard_extension(case: Case) -> Refusal | None:
    if case.ticket.resolve_by is None or case.now >= case.ticket.resolve_by:
        return Refusal("deadline_passed", "An extension must be asked for before the deadline; escalate it instead.")
    return None


def _guard_escalate(case: Case) -> Refusal | None:
    if case.ticket.level == "department":
        return Refusal("top_of_the_ladder", "There is no level above; supervise it instead.")
    return None if case.matter else _NO_CATEGORY


def _guard_answer(case: Case) -> Refusal | None:
    if case.ticket.kind != "enquiry":
        return Refusal("not_an_enquiry", "Only what was asked is answered; a matter is finished with its result.")
    return None


GUARDS: dict[str, Callable[[Case], Refusal | None]] = {
    "confirm": _guard_confirm,
    "self_handle": _guard_self_handle,
    "dispatch": _guard_category,
    "return": _guard_return,
    "request_extension": _guard_extension,
    "escalate": _guard_escalate,
    "answer": _guard_answer,
}


# ---- effects --------------------------------------------------------------------------------------------------------
def no_effect(case: Case, act: Any) -> Effect | Refusal:
    """Of acts that change nothing but the state, or nothing at all (supervise)."""
    return Effect()


def _deadlines(matter: MatterOf, now: datetime) -> dict[str, Any]:
    return {"respond_by": now + timedelta(seconds=matter.respond_s), "resolve_by": now + timedelta(seconds=matter.resolve_s)}


def _held_at(case: Case, matter: MatterOf, level: Level) -> dict[str, Any]:
    """The columns that say who holds a matter at a level."""
    return {
        "level": level,
        "lead_unit": lead_at(matter, level, case.ticket),
        "assist_units": list(matter.assist),
        "grid_duty": matter.grid_duty,
    }


def _at_least(case: Case, matter: MatterOf) -> Level:
    """The level the ticket has reached, and never below its matter's."""
    return max(floor_of(matter), case.ticket.level, key=rank)


def _confirm(case: Case, act: Any) -> Effect | Refusal:
    matter = case.matter
    if matter is None:
        return _NO_CATEGORY
    level = _at_least(case, matter) if case.ticket.state == "reopened" else floor_of(matter)
    return Effect(
        {
            **_deadlines(matter, case.now),
            **_held_at(case, matter, level),
            "accepted_at": case.ticket.accepted_at or case.now,
            "assignee": case.actor.name if level == "grid" else "",
            "closing_code": None,
            "rating": None,
        }
    )


def _merge(case: Case, act: Any) -> Effect | Refusal:
    into, matter = case.into, case.matter
    if into is None or into.id == case.ticket.id:
        return Refusal("merge_into_itself", "Choose another ticket to merge into.")
    if into.state in LAID_DOWN or into.state in ("self_handled", "done", "callback"):
        return Refusal("target_is_closed", f"The other ticket is {into.state}; only open matters can take others in.")
    if not covers(case.actor, into):
        return Refusal("not_yours", "The other ticket is not in your area; ask one level up.")
    if matter and rank(floor_of(matter)) > rank(into.level):
        return Refusal("below_its_level", f"{matter.name} belongs to level {floor_of(matter)}; the other ticket is lower.")
    changes = {"duplicate_of": into.id, "before_merge": case.ticket.state, "closing_code": "duplicate"}
    return Effect(changes, {"into": into.id})


def _unmerge(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"duplicate_of": None, "before_merge": "", "closing_code": None})


def _recategorise(case: Case, act: Any) -> Effect | Refusal:
    matter, ticket = case.catalogue.matter(act.category), case.ticket
    if matter is None:
        return Refusal("unknown_category", f"The catalogue has no matter {act.category}; choose one of its ids.")
    changes = {"category": matter.id, "category_version": case.catalogue.version, "decided_by": case.actor.name}
    if matter.emergency:
        changes["urgency"] = "emergency"
    data, floor = {"before": ticket.category, "after": matter.id}, floor_of(matter)
    if ticket.state not in _IN_HANDS_OF_THE_CENTRE:
        if rank(floor) > rank(ticket.level):
            return Refusal("level_rises", f"{matter.name} belongs to level {floor}; return or escalate the ticket first.")
        return Effect(changes, data)
    climbed = ticket.state in ("escalated", "reopened")
    where = _held_at(case, matter, _at_least(case, matter) if climbed else floor)
    return Effect({**changes, **where, **({} if where["level"] == "grid" else {"assignee": ""})}, data)


def _correct_place(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"place": act.place.model_dump(exclude_none=True)})


def _dispatch(case: Case, act: Any) -> Effect | Refusal:
    matter = case.matter
    if matter is None:
        return _NO_CATEGORY
    floor = _at_least(case, matter) if case.ticket.state == "escalated" else floor_of(matter)
    level: Level = act.level or _at_least(case, matter)
    if rank(level) < rank(floor):
        return Refusal("below_its_level", f"{matter.name} belongs to level {floor} or above; it is never handed down.")
    where = _held_at(case, matter, level)
    where["lead_unit"] = act.unit.strip() or where["lead_unit"]
    where["assist_units"] = list(dict.fromkeys([*where["assist_units"], *case.ticket.assist_units]))
    data = {"unit": where["lead_unit"], "level": level}
    return Effect({**where, "assignee": "", "dispatched_at": case.now}, data)


def _take(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"assignee": case.actor.name})


def _ask_info(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"paused_at": case.now, "state_note": act.question, "assignee": case.actor.name})


def _give_info(case: Case, act: Any) -> Effect | Refusal:
    ticket = case.ticket
    paused = max(case.now - ticket.paused_at, timedelta()) if ticket.paused_at else timedelta()
    shifted: dict[str, Any] = {"paused_at": None}
    if ticket.respond_by:
        shifted["respond_by"] = ticket.respond_by + paused
    if ticket.resolve_by:
        shifted["resolve_by"] = ticket.resolve_by + paused
    return Effect(shifted, {"paused_s": round(paused.total_seconds())})


def _request_extension(case: Case, act: Any) -> Effect | Refusal:
    if case.ticket.resolve_by is None or act.until <= case.ticket.resolve_by:
        return Refusal("not_later", "The new deadline must be later than the one that stands.")
    return Effect({"extension_until": act.until}, {"until": act.until.isoformat()})


def _decide_extension(case: Case, act: Any) -> Effect | Refusal:
    granted = act.granted and case.ticket.extension_until is not None
    return Effect({"extension_until": None, **({"resolve_by": case.ticket.extension_until} if granted else {})}, {"granted": act.granted})


def _return(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"returns": case.ticket.returns + 1, "assignee": ""}, {"unit": case.ticket.lead_unit})


def _escalate(case: Case, act: Any) -> Effect | Refusal:
    matter = case.matter
    if matter is None:
        return _NO_CATEGORY
    level = c.LEVELS[rank(_at_least(case, matter)) + 1] if _at_least(case, matter) != "department" else "department"
    changes = {**_deadlines(matter, case.now), **_held_at(case, matter, level), "assignee": "", "extension_until": None}
    return Effect(changes, {"level": level})


def _finish(case: Case, act: Any) -> Effect | Refusal:
    if act.closing_code in ("duplicate", "transferred"):
        return Refusal("wrong_closing_code", f"{act.closing_code} is not a result; merge or transfer the ticket instead.")
    if act.closing_code == "withdrawn" and not case.ticket.withdrawn:
        return Refusal("not_withdrawn", "The reporters have not withdrawn it; choose the result that was reached.")
    if not answers(act.public_reply):
        detail = "The reply does not say what was found and done; write it so that the resident knows."
        return Refusal("reply_does_not_answer", detail)
    changes = {"closing_code": act.closing_code, "public_reply": act.public_reply.strip(), "done_at": case.now}
    return Effect({**changes, "assignee": case.actor.name}, {"closing_code": act.closing_code})


def _answer(case: Case, act: Any) -> Effect | Refusal:
    words = act.public_reply.strip()
    if not words:
        return Refusal("text_missing", "Write the answer.")
    changes = {"closing_code": "solved", "public_reply": words, "done_at": case.now, "assignee": case.actor.name}
    return Effect({**changes, "paused_at": None, "extension_until": None, "rating": None}, {"closing_code": "solved"})


def _judge_result(case: Case, act: Any) -> Effect | Refusal:
    """The reporters' answer, or a person's call-back: the only two that may say solved."""
    said = {"solved": act.solved, "satisfied": act.satisfied, "reasons": list(getattr(act, "reasons", []))[:10]}
    by = "reporter" if act.act == "rate" else "call_back"
    return Effect({"rating": {**said, "by": by}, "held": ""}, said, reopen=not (act.solved and act.satisfied))


def _reopen(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"respond_by": None, "resolve_by": None, "assignee": "", "held": "", "returns": 0})


def _decline(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"closing_code": "out_of_scope"})


def _transfer(case: Case, act: Any) -> Effect | Refusal:
    return Effect({"closing_code": "transferred", "lead_unit": act.to}, {"to": act.to})


def _words(case: Case, act: Any) -> Effect | Refusal:
    if not act.text.strip():
        return Refusal("text_missing", f"{act.act} needs words; write them.")
    return Effect({"public_reply": act.text.strip()} if act.act == "reply" else {}, {"text": act.text.strip()})


def _add_unit(case: Case, act: Any) -> Effect | Refusal:
    unit = act.unit.strip()
    if not unit:
        return Refusal("unit_missing", "Name the unit to add.")
    return Effect({"assist_units": list(dict.fromkeys([*case.ticket.assist_units, unit]))}, {"unit": unit})


EFFECTS: dict[str, Callable[[Case, Any], Effect | Refusal]] = {
    "confirm": _confirm,
    "merge": _merge,
    "unmerge": _unmerge,
    "recategorise": _recategorise,
    "correct_place": _correct_place,
    "self_handle": _take,
    "dispatch": _dispatch,
    "sign": _take,
    "start": _take,
    "ask_info": _ask_info,
    "give_info": _give_info,
    "request_extension": _request_extension,
    "decide_extension": _decide_extension,
    "return": _return,
    "escalate": _escalate,
    "finish": _finish,
    "answer": _answer,
    "rate": _judge_result,
    "call_back": _judge_result,
    "reopen": _reopen,
    "decline": _decline,
    "transfer": _transfer,
    "note": _words,
    "reply": _words,
    "add_unit": _add_unit,
}
