"""Carrying out a decision: columns, one history entry, and the moves that follow by themselves."""

from __future__ import annotations

from datetime import timedelta

from intake_api.contracts import ActBase, Archive, AskBack, Dispatch, Reopen
from intake_api.dispatch.service import ask_next
from intake_api.problems import ProblemError
from intake_api.tickets import history
from intake_api.tickets.desk import Desk, facts_of
from intake_api.tickets.moves import SYSTEM, Actor, TicketFacts
from intake_api.tickets.rules import Decision, Refusal, decide, follows
from intake_api.tickets.tables import Ticket

_FOLLOWING: dict[str, type[ActBase]] = {"dispatch": Dispatch, "ask_back": AskBack, "archive": Archive}
_STATUS = {"not_yours": 403, "not_staff_here": 403, "needs_a_person": 403, "no_such_move": 409}
_CONTENT = frozenset(
    {"reason_missing", "unknown_category", "reply_does_not_answer", "wrong_closing_code", "not_later", "text_missing", "unit_missing"}
)


def refuse(refusal: Refusal) -> ProblemError:
    """403 for who asks, 422 for what is said, 409 for how the ticket stands."""
    status = _STATUS.get(refusal.code, 422 if refusal.code in _CONTENT else 409)
    return ProblemError(status, refusal.code, refusal.detail)


async def carry_out(
    desk: Desk, ticket: Ticket, act: ActBase, actor: Actor, *, into: TicketFacts | None = None, key: str | None = None
) -> Decision:
    """Decide and apply one act: exactly one history entry. Raises ProblemError when the rules refuse."""
    before = ticket.state
    verdict = decide(facts_of(ticket), act, actor, desk.now, desk.taxonomy, into)  # type: ignore[arg-type]  # every ActBase is an Act
    if isinstance(verdict, Refusal):
        raise refuse(verdict)
    apply(desk, ticket, verdict, actor, key)
    if verdict.to != before:
        await _set_timer(desk, ticket)
    return verdict


async def _set_timer(desk: Desk, ticket: Ticket) -> None:
    """What the jobs role shall come back for: a reopened ticket is asked for like a new one, a call-back has fourteen days."""
    ticket.timer, ticket.timer_at, ticket.timer_step = "", None, 0
    if ticket.state in ("candidate", "reopened"):
        await ask_next(desk, ticket)
    elif ticket.state == "callback":
        ticket.timer, ticket.timer_at = "callback", desk.now + timedelta(days=desk.settings.callback_days)


def apply(desk: Desk, ticket: Ticket, decision: Decision, actor: Actor, key: str | None = None) -> None:
    before = ticket.state
    for column, value in decision.changes.items():
        setattr(ticket, column, value)
    ticket.state = decision.to
    ticket.version += 1
    ticket.updated_at = desk.now
    history.append(
        desk.session, ticket, decision.act, decision.to, actor, desk.now,
        before=before, reason=decision.reason, data=decision.data, key=key,
    )  # fmt: skip


async def follow_up(desk: Desk, ticket: Ticket) -> None:
    """The moves that come by themselves, one after the other, by the system."""
    while act := follows(facts_of(ticket)):
        await carry_out(desk, ticket, _FOLLOWING[act].model_validate({"act": act}), SYSTEM)


async def reopen_after(desk: Desk, ticket: Ticket, decision: Decision, actor: Actor) -> None:
    """A result that did not hold: the ticket goes back to work, in the name of who said so."""
    if decision.reopen:
        reasons = "; ".join(decision.data.get("reasons", [])) or "not solved"
        await carry_out(desk, ticket, Reopen(act="reopen", reason=reasons[:1000]), actor)
