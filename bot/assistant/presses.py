"""A pressed button: workers confirm, correct, merge, reject; residents join and rate. The API decides what may be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.assistant import questions
from bot.assistant.assemble import household_of
from bot.assistant.memory import Awaited
from bot.assistant.progress import draw_worker_card, refused_words, remember_ticket
from bot.assistant.turn import Turn
from bot.cards import actions, group_card, worker_card
from bot.cards.phrases import filled, state_name
from bot.wording import choose, say
from intake_api.client import IntakeError
from intake_api.contracts import (
    Act,
    Confirm,
    Merge,
    Rate,
    Recategorise,
    Reject,
    SelfHandle,
    Sign,
    Start,
    SupplementIn,
    TicketView,
)

Handler = Callable[[Turn, actions.Action], Awaitable[None]]


async def press(turn: Turn) -> None:
    """Do what the button says. A button that is not ours, or of a ticket that is gone, does nothing harmful."""
    action = actions.read(turn.message.action)
    handler = _HANDLERS.get(action.verb) if action else None
    if action is None or handler is None or (turn.in_group and action.verb not in _FOR_EVERYBODY):
        return
    try:
        await handler(turn, action)
    except IntakeError as error:
        if error.retryable:
            raise
        await _refused(turn, action, error)


async def _refused(turn: Turn, action: actions.Action, error: IntakeError) -> None:
    """Say why in words and draw the card as the ticket stands now, so that a stale button is gone."""
    key = f"press:{turn.message.key}"
    if action.verb == "rate" and error.code == "not_staff_here":
        await turn.say(say("callback/only_reporters"), key=f"rate:{action.ticket}:{turn.person}", reply=False)
        return
    if action.verb in _FOR_EVERYBODY or error.status == 404:
        return
    try:
        ticket = await _as_staff(turn, action.ticket)
    except IntakeError as worse:
        if worse.retryable:
            raise
        await turn.say(say("prompt/not_staff"), key=key, reply=False)
        return
    hint = say("prompt/gone", state=state_name(ticket.state)) if error.code == "no_such_move" else refused_words(error)
    await draw_worker_card(turn, ticket, key=key, hint=hint, menu=worker_card.buttons(ticket))


async def _as_staff(turn: Turn, ticket_id: str) -> TicketView:
    """The ticket with this worker's moves. Raises IntakeError `not_staff_here` for anybody whose card it is not: a button's
    words can be forged, and the card shows what only staff may see."""
    ticket = await turn.ports.intake.ticket(ticket_id, as_handle=turn.person)
    if "note" not in ticket.moves:
        raise IntakeError("not_staff_here", status=403)
    return ticket


async def _act(turn: Turn, ticket_id: str, act: Act) -> TicketView:
    done = act.model_copy(update={"key": turn.message.key, "as_handle": turn.person})
    return await turn.ports.intake.act(ticket_id, done)


def _simple(make: Callable[[], Act]) -> Handler:
    async def handle(turn: Turn, action: actions.Action) -> None:
        await draw_worker_card(turn, await _act(turn, action.ticket, make()), key=f"press:{turn.message.key}")

    return handle


async def _reject(turn: Turn, action: actions.Action) -> None:
    reason = choose("rejected", action.argument)
    if reason:
        ticket, menu = await _act(turn, action.ticket, Reject(act="reject", reason=reason)), None
    else:
        ticket = await _as_staff(turn, action.ticket)
        menu = worker_card.reject_menu(ticket)
    await draw_worker_card(turn, ticket, key=f"press:{turn.message.key}", menu=menu)


async def _category(turn: Turn, action: actions.Action) -> None:
    taxonomy, chosen = turn.ports.taxonomy, action.argument
    menu = None
    if taxonomy.matter(chosen):
        ticket = await _act(turn, action.ticket, Recategorise(act="recategorise", category=chosen))
    else:
        ticket = await _as_staff(turn, action.ticket)
        in_domain = chosen in taxonomy.domains
        menu = worker_card.domain_menu(ticket, chosen, taxonomy) if in_domain else worker_card.category_menu(ticket, taxonomy)
    await draw_worker_card(turn, ticket, key=f"press:{turn.message.key}", menu=menu)


async def _place(turn: Turn, action: actions.Action) -> None:
    await _await_words(turn, action, "place", "prompt/place")


async def _finish(turn: Turn, action: actions.Action) -> None:
    await _await_words(turn, action, "finish", "prompt/finish")


async def _await_words(turn: Turn, action: actions.Action, what: str, hint: str) -> None:
    """The worker's next message is the place, or the result. A newer wish replaces the older one."""
    ticket = await _as_staff(turn, action.ticket)
    turn.memory.awaited = [a for a in turn.memory.awaited if a.person != turn.person]
    awaited = Awaited.model_validate({"what": what, "ticket": action.ticket, "person": turn.person, "since": turn.now, "asked": True})
    turn.memory.awaited.append(awaited)
    await draw_worker_card(turn, ticket, key=f"press:{turn.message.key}", hint=say(hint), menu=worker_card.words_menu(ticket))


async def _merge(turn: Turn, action: actions.Action) -> None:
    ticket = await _act(turn, action.ticket, Merge(act="merge", into=actions.long(action.argument)))
    await draw_worker_card(turn, ticket, key=f"press:{turn.message.key}")


async def _show(turn: Turn, action: actions.Action) -> None:
    """Back to the card: nothing is awaited any more."""
    turn.memory.awaited = [a for a in turn.memory.awaited if (a.person, a.ticket) != (turn.person, action.ticket)]
    ticket = await _as_staff(turn, action.ticket)
    await draw_worker_card(turn, ticket, key=f"press:{turn.message.key}", menu=worker_card.buttons(ticket))


async def _me_too(turn: Turn, action: actions.Action) -> None:
    """One tap joins (DD3). The card shows the new count through the API's event; a second tap of the same person changes nothing."""
    joins = SupplementIn(
        external_id=f"metoo:{turn.person}:{action.ticket}", kind="join", at=turn.message.at, reporter=turn.reporter(household_of(turn))
    )
    ticket = await turn.ports.intake.add_supplement(action.ticket, joins)
    known = remember_ticket(turn, ticket)
    if turn.person not in known.senders:
        known.senders = [*known.senders, turn.person]


async def _rate(turn: Turn, action: actions.Action) -> None:
    """One reporter's answer. While others of this chat have not answered the question stays, with its buttons."""
    solved = action.argument == "1"
    ticket = await _act(turn, action.ticket, Rate(act="rate", solved=solved, satisfied=solved))
    words, buttons = filled("callback/thanks" if solved else "callback/reopened", ticket, turn.ports.zone), group_card.NO_BUTTONS
    if ticket.state == "callback" and turn.in_group:
        words, buttons = group_card.ask_back(ticket, turn.ports.zone, answered=True)
    key, card = f"rated:{ticket.id}:{ticket.version}", f"r:{ticket.id}"
    await turn.say(words, key=key, card_id=card, version=ticket.version, buttons=buttons, reply=False, drawn=ticket)


async def _vote(turn: Turn, action: actions.Action) -> None:
    await questions.vote(turn, action.ticket, action.argument == "1")


async def _whole(turn: Turn, action: actions.Action) -> None:
    await questions.send_whole(turn, action.ticket)


_FOR_EVERYBODY = frozenset({"me", "rate", "vote", "full"})
_HANDLERS: dict[str, Handler] = {
    "ok": _simple(lambda: Confirm(act="confirm")),
    "self": _simple(lambda: SelfHandle(act="self_handle")),
    "sign": _simple(lambda: Sign(act="sign")),
    "start": _simple(lambda: Start(act="start")),
    "no": _reject,
    "cat": _category,
    "pl": _place,
    "fin": _finish,
    "mg": _merge,
    "show": _show,
    "me": _me_too,
    "rate": _rate,
    "vote": _vote,
    "full": _whole,
}
