"""The one door to every change of a ticket: a decision with its changes, or a refusal with the fact and the remedy. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from intake_api.contracts import Act, State
from intake_api.tickets.effects import EFFECTS, GUARDS, Case, Refusal, no_effect
from intake_api.tickets.moves import MARKS, MOVES, Actor, Catalogue, TicketFacts, Who, covers, stands_as

__all__ = ["Decision", "Refusal", "decide", "follows", "may", "possible"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One history entry: the state it leads to and the columns it changes. `reopen` asks for that move to follow."""

    act: str
    to: State
    changes: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    reopen: bool = False


def may(
    ticket: TicketFacts, act: str, actor: Actor, now: datetime, catalogue: Catalogue, standing: frozenset[Who] | None = None
) -> Refusal | None:
    """Whether the table, the actor's standing and the ticket's own limits let `act` through, before looking at what it says.

    `standing` is what `stands_as` says of the two, where the caller knows it already.
    """
    rule = MOVES.get(act) or MARKS.get(act)
    if rule is None:
        return Refusal("unknown_act", f"There is no act {act}.")
    if ticket.state not in rule.comes_from:
        return Refusal("no_such_move", f"{act} is not possible while the ticket is {ticket.state}; load it again.")
    if (stands_as(actor, ticket) if standing is None else standing).isdisjoint(rule.who):
        if actor.role == "reporter":
            return Refusal("not_staff_here", f"{act} is not for residents who did not report this ticket.")
        remedy = f"it is for: {', '.join(rule.who)}" if covers(actor, ticket) else "the ticket is not in your area"
        return Refusal("not_yours", f"{act} is not for {actor.role}; {remedy}.")
    guard = GUARDS.get(act)
    return guard(Case(ticket, actor, now, catalogue)) if guard else None


def decide(
    ticket: TicketFacts, act: Act, actor: Actor, now: datetime, catalogue: Catalogue, into: TicketFacts | None = None
) -> Decision | Refusal:
    """What `act` does. `into` is the ticket a merge goes to. Nothing outside MOVES and MARKS passes."""
    refused = may(ticket, act.act, actor, now, catalogue)
    if refused:
        return refused
    move, reason = MOVES.get(act.act), act.reason.strip()
    if move and move.reason and not reason:
        return Refusal("reason_missing", f"{act.act} needs a reason; say why.")
    effect = EFFECTS.get(act.act, no_effect)(Case(ticket, actor, now, catalogue, into), act)
    if isinstance(effect, Refusal):
        return effect
    if move is None:
        return Decision(act.act, ticket.state, effect.changes, reason, effect.data, effect.reopen)
    return Decision(act.act, _goal(ticket, act), {"state_note": reason, **effect.changes}, reason, effect.data)


def _goal(ticket: TicketFacts, act: Act) -> State:
    """The state the move leads to; an unmerge goes back to where the ticket was."""
    goals = MOVES[act.act].to
    return next((state for state in goals if state == ticket.before_merge), goals[0])


def possible(ticket: TicketFacts, actor: Actor, now: datetime, catalogue: Catalogue) -> list[str]:
    """The acts this actor may do now, in the order of the table, for buttons."""
    standing = stands_as(actor, ticket)
    return [act for act in (*MOVES, *MARKS) if may(ticket, act, actor, now, catalogue, standing) is None]


def follows(ticket: TicketFacts) -> str:
    """The act that comes by itself after a move: the router sends out what is not for the grid, a result is asked back."""
    if ticket.state == "accepted" and ticket.level != "grid" and ticket.category:
        return "dispatch"
    return "ask_back" if ticket.state == "done" else ""
