"""The one table of moves: every state a ticket can be in, what leads there, who may do it, and what it does to the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from intake_api.contracts import LEVELS, Level, PersonRole, State
from intake_api.security import Area

Who = Literal["assistant", "system", "reporter", "worker", "grid", "unit", "holder", "above", "centre"]
Clock = Literal["waits", "starts", "runs", "pauses", "resumes", "extends", "rung", "stops"]
ActorRole = PersonRole | Literal["property", "assistant", "system", "reporter"]


@dataclass(frozen=True, slots=True)
class Move:
    """`to` has two states only where the act goes back to what was before. `reason`: refused without one."""

    comes_from: tuple[State, ...]
    to: tuple[State, ...]
    who: tuple[Who, ...]
    clock: Clock
    reason: bool = False


RUNNING: tuple[State, ...] = ("accepted", "dispatched", "signed", "in_progress", "extension_requested", "returned", "escalated")

# act: (states it may come from, state it leads to, who may, what it does to the clock, whether a reason must be given)
MOVES: dict[str, Move] = {
    "reject": Move(("candidate",), ("rejected",), ("worker",), "waits", reason=True),
    "confirm": Move(("candidate", "reopened"), ("accepted",), ("worker", "assistant"), "starts"),
    "merge": Move(("candidate", "accepted"), ("merged",), ("worker",), "runs"),
    "unmerge": Move(("merged",), ("candidate", "accepted"), ("worker",), "runs"),
    "self_handle": Move(("accepted",), ("self_handled",), ("grid",), "stops"),
    "dispatch": Move(("accepted", "returned", "escalated"), ("dispatched",), ("system", "centre"), "runs"),
    "sign": Move(("dispatched",), ("signed",), ("unit",), "runs"),
    "start": Move(("signed",), ("in_progress",), ("unit",), "runs"),
    "ask_info": Move(("accepted", "dispatched", "signed", "in_progress"), ("need_info",), ("holder",), "pauses"),
    "give_info": Move(("need_info",), ("in_progress",), ("reporter", "unit"), "resumes"),
    "request_extension": Move(("in_progress",), ("extension_requested",), ("unit",), "runs"),
    "decide_extension": Move(("extension_requested",), ("in_progress",), ("above",), "extends"),
    "return": Move(("dispatched", "signed"), ("returned",), ("unit",), "runs", reason=True),
    "escalate": Move(RUNNING, ("escalated",), ("system", "holder", "centre", "above"), "rung", reason=True),
    "finish": Move(("in_progress", "self_handled"), ("done",), ("unit",), "stops"),
    "answer": Move(("candidate", "need_info", "reopened", *RUNNING), ("done",), ("centre",), "stops"),
    "ask_back": Move(("done",), ("callback",), ("assistant", "system", "centre"), "waits"),
    "reopen": Move(("callback",), ("reopened",), ("reporter", "centre"), "waits", reason=True),
    "archive": Move(("callback",), ("archived",), ("system",), "stops"),
    "decline": Move(("accepted",), ("declined",), ("centre",), "stops", reason=True),
    "transfer": Move(("accepted",), ("transferred",), ("centre",), "stops", reason=True),
}

LAID_DOWN: frozenset[State] = frozenset({"rejected", "merged", "archived", "declined", "transferred"})
OPEN: tuple[State, ...] = ("candidate", *RUNNING, "self_handled", "need_info", "done", "callback", "reopened")
_BEFORE_DONE: tuple[State, ...] = ("candidate", *RUNNING, "self_handled", "need_info", "reopened")


@dataclass(frozen=True, slots=True)
class Mark:
    """An act that is not a move: the state stays, the history says it happened. No clock moves."""

    comes_from: tuple[State, ...]
    who: tuple[Who, ...]


# `rate` and `call_back` are marks when they say solved; when they do not, `reopen` follows from them
MARKS: dict[str, Mark] = {
    "recategorise": Mark(_BEFORE_DONE, ("worker", "holder", "centre")),
    "correct_place": Mark(_BEFORE_DONE, ("worker", "holder", "centre")),
    "rate": Mark(("callback",), ("reporter",)),
    "call_back": Mark(("callback",), ("centre", "worker")),
    "withdraw": Mark(_BEFORE_DONE, ("reporter",)),
    "note": Mark((*OPEN, *LAID_DOWN), ("worker", "holder", "centre", "unit")),
    "urge": Mark(RUNNING, ("reporter", "worker", "centre", "above")),
    "supervise": Mark(RUNNING, ("above",)),
    "reply": Mark(_BEFORE_DONE, ("worker", "holder", "centre", "unit")),
    "add_unit": Mark(RUNNING, ("centre", "holder")),
}


class MatterOf(Protocol):
    """What the rules need to know of a matter of the catalogue."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def level(self) -> Level: ...
    @property
    def lead(self) -> str: ...
    @property
    def assist(self) -> Sequence[str]: ...
    @property
    def respond_s(self) -> int: ...
    @property
    def resolve_s(self) -> int: ...
    @property
    def grid_duty(self) -> bool: ...
    @property
    def emergency(self) -> bool: ...


ANYWHERE = Area()


class Catalogue(Protocol):
    @property
    def version(self) -> int: ...
    def matter(self, matter_id: str, /) -> MatterOf | None: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `reports`: this person is among the ticket's reporters. A service that acts by itself is the assistant."""

    name: str
    role: ActorRole
    area: Area = ANYWHERE
    reports: bool = False


ASSISTANT = Actor("assistant", "assistant")
SYSTEM = Actor("system", "system")


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What a decision rests on; a copy of the ticket's columns of the same names."""

    id: str
    state: State
    category: str | None
    urgency: str
    level: Level
    lead_unit: str
    assist_units: tuple[str, ...]
    grid: str
    community: str
    street: str
    district: str
    accepted_at: datetime | None = None
    dispatched_at: datetime | None = None
    paused_at: datetime | None = None
    respond_by: datetime | None = None
    resolve_by: datetime | None = None
    extension_until: datetime | None = None
    returns: int = 0
    before_merge: str = ""
    withdrawn: bool = False
    kind: str = ""


def rank(level: Level) -> int:
    """grid 0 … department 3."""
    return LEVELS.index(level)


def floor_of(matter: MatterOf) -> Level:
    """The lowest level that may ever hold this matter: its own, and never a grid when it is no grid duty."""
    return "community" if matter.level == "grid" and not matter.grid_duty else matter.level


_RANK_OF_ROLE = {"micro_worker": 0, "grid": 0, "property": 1, "community": 1, "street": 2, "department": 3, "administrator": 4}


def covers(actor: Actor, ticket: TicketFacts) -> bool:
    """Whether the ticket lies in the actor's area (or is held by the actor's unit)."""
    place = {"grid": ticket.grid, "community": ticket.community, "street": ticket.street, "district": ticket.district}
    return actor.area.covers(**place, units=(ticket.lead_unit, *ticket.assist_units))


def stands_as(actor: Actor, ticket: TicketFacts) -> frozenset[Who]:
    """Everything this actor is to this ticket, in the words of the table."""
    if actor.role in ("assistant", "system"):
        return frozenset({actor.role})
    found: set[Who] = {"reporter"} if actor.reports else set()
    mine = _RANK_OF_ROLE.get(actor.role)
    if mine is None or not covers(actor, ticket):
        return frozenset(found)
    if actor.role not in ("department", "property"):
        found.add("worker")
    if actor.role in ("micro_worker", "grid"):
        found.add("grid")
    if actor.role in ("community", "street", "administrator"):
        found.add("centre")
    if mine > rank(ticket.level):
        found.add("above")
    if _is_unit(actor, ticket, mine):
        found.add("unit")
    held_by: Who = "unit"
    if ticket.state in ("accepted", "candidate", "reopened", "returned", "escalated"):
        held_by = "worker" if ticket.level == "grid" and ticket.state in ("accepted", "candidate") else "centre"
    if held_by in found:
        found.add("holder")
    return frozenset(found)


def _is_unit(actor: Actor, ticket: TicketFacts, mine: int) -> bool:
    if actor.role == "administrator":
        return True
    if actor.role == "department":  # its area has let through only what this unit leads or helps with
        return bool(actor.area.unit)
    return mine == rank(ticket.level)
