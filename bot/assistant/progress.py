"""What the intake API tells a chat: cards drawn anew, the group's card edited, the reporters asked whether it is solved."""

from __future__ import annotations

from dataclasses import replace

from bot.assistant.memory import GONE_STATES, SETTLED_STATES, Awaited, ChatMemory, MergedMatter, OpenMatter, matter_from_ticket
from bot.assistant.turn import Turn
from bot.cards import group_card, worker_card
from bot.cards.phrases import deadline, filled, state_name
from bot.channels.contract import Speech
from bot.wording import choose, say
from intake_api.client import IntakeError
from intake_api.contracts import Event, SurgeTold, TicketView
from nlp.schema import Place

# a card's menus count up between two versions of its ticket
STEPS = 1000


def place_of(ticket: TicketView) -> Place:
    p = ticket.place
    return Place(estate=p.estate, building=p.building, unit=p.unit, floor=p.floor, room=p.room, road=p.road, spot=p.spot, text=p.text)


def remember_ticket(turn: Turn, ticket: TicketView) -> OpenMatter:
    """Bring this chat's memory of a ticket up to date with what the API says; never back to an older version."""
    if ticket.state != "merged":
        _take_back(turn.memory, ticket)
    known = turn.memory.matters.get(ticket.id)
    if known is None:
        known = turn.memory.matters[ticket.id] = matter_from_ticket(ticket, place_of(ticket))
    if ticket.version < known.version:
        return known
    known.version, known.state = ticket.version, ticket.state
    known.category, known.number = ticket.category, ticket.number
    known.settled = ticket.state in SETTLED_STATES
    known.affected = ticket.affected_people
    known.unlike = ticket.unlike
    known.pinned = ticket.place.lat is not None
    known.place = place_of(ticket)
    if ticket.state == "merged" and ticket.duplicate_of:
        _hand_on(turn.memory, known, ticket.duplicate_of)
    if ticket.state in GONE_STATES:
        turn.memory.matters.pop(ticket.id, None)
    return known


def _hand_on(memory: ChatMemory, merged: OpenMatter, into_id: str) -> None:
    """DD4: late words about a merged matter find the one it went into, and who followed its card follows that one's."""
    into = memory.matters.get(into_id)
    if merged.id not in memory.merged:  # else this is news told twice
        messages = [i for i in merged.message_ids if into is None or i not in into.message_ids]
        senders = [one for one in merged.senders if into is None or one not in into.senders]
        kept = merged.model_copy(deep=True)
        memory.merged[merged.id] = MergedMatter(matter=kept, into=into_id, messages=messages, senders=senders)
    if into is None:
        memory.matters[into_id] = merged.model_copy(update={"id": into_id, "version": 0, "settled": False})
    else:
        into.message_ids = list(dict.fromkeys([*merged.message_ids, *into.message_ids]))
        into.senders = list(dict.fromkeys([*merged.senders, *into.senders]))
        into.alarmed = list(dict.fromkeys([*merged.alarmed, *into.alarmed]))
    memory.recent = [replace(e, matters=_instead(e.matters, merged.id, into_id)) for e in memory.recent]
    for awaited in memory.awaited:
        awaited.ticket = into_id if awaited.ticket == merged.id else awaited.ticket


def _take_back(memory: ChatMemory, ticket: TicketView) -> None:
    """A person said that they are two after all: words about the one find it again, and not the other."""
    merged = memory.merged.get(ticket.id)
    if merged is None or ticket.version <= merged.matter.version:
        return
    memory.merged.pop(ticket.id)
    memory.matters[ticket.id] = merged.matter
    into_id = merged.into
    while into_id in memory.merged:  # what it went into was itself merged
        _take_from(memory.merged[into_id].matter, merged)
        into_id = memory.merged[into_id].into
    into = memory.matters.get(into_id)
    if into is not None:
        _take_from(into, merged)
        if not into.message_ids:
            memory.matters.pop(into_id)  # this group knew it by the merge alone
    back = set(merged.matter.message_ids)
    memory.recent = [replace(e, matters=_instead(e.matters, into_id, ticket.id)) if e.message_id in back else e for e in memory.recent]


def _take_from(into: OpenMatter, merged: MergedMatter) -> None:
    into.message_ids = [i for i in into.message_ids if i not in merged.messages]
    into.senders = [one for one in into.senders if one not in merged.senders]


def _instead(matters: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if i == old else i for i in matters)


async def learn(turn: Turn, event: Event) -> None:
    """One event of the outbox, for this chat. Redelivered events say nothing twice: the event's id is the speech's key."""
    ticket = event.ticket
    if event.audience == "worker":
        await draw_worker_card(turn, ticket, key=f"ev:{event.id}")
        return
    known = remember_ticket(turn, ticket)
    turn.message = turn.message.model_copy(update={"thread_id": known.thread_id})
    if event.type == "ticket.callback":
        await _ask_back(turn, event)
    elif event.type == "ticket.asked":
        await _ask_for_more(turn, event)
    elif event.type == "ticket.closed":
        await turn.say(filled("callback/thanks", ticket, turn.ports.zone), key=f"ev:{event.id}", reply=False)
    elif known.doubtful and ticket.state != "candidate" and not (turn.in_group and ticket.delicate):
        if ticket.state not in GONE_STATES and ticket.state not in SETTLED_STATES:
            turn.message = turn.message.model_copy(update={"message_id": known.reply_to})
            await show_card(turn, ticket, known, key=f"ev:{event.id}")
            known.doubtful = not known.carded  # kept back by the manners: the next change shows it
    else:
        await edit_group_card(turn, ticket, known, key=f"ev:{event.id}")


async def warn_of_surge(turn: Turn, event: SurgeTold) -> None:
    """AN3: a worker learns once that many tell of one thing where few usually do."""
    surge = event.surge
    place, usual = surge.area or say("surge/everywhere"), max(1, round(surge.expected))
    words = say("surge/noticed", area=place, matter=surge.category_name, voices=surge.voices, usual=usual)
    await turn.say(words, key=f"ev:{event.id}", reply=False)


async def _ask_for_more(turn: Turn, event: Event) -> None:
    """TK10: what is missing is asked under a card of its own, so that a quote of it finds the ticket. In private the next words
    are the answer."""
    ticket = event.ticket
    if not turn.in_group:
        person = f"{event.channel}:{event.chat_id}"
        turn.memory.awaited.append(Awaited(what="info", ticket=ticket.id, person=person, since=turn.now, asked=True))
    words = filled("state/need_info", ticket, turn.ports.zone)
    await turn.say(words, key=f"ev:{event.id}", reply=False, card_id=f"a:{ticket.id}", version=ticket.version, drawn=ticket)


async def _ask_back(turn: Turn, event: Event) -> None:
    words, buttons = group_card.ask_back(event.ticket, turn.ports.zone)
    known = turn.memory.matters.get(event.ticket.id)
    if known:
        await edit_group_card(turn, event.ticket, known, key=f"ev:{event.id}:card")
    await turn.say(
        words, key=f"ev:{event.id}", buttons=buttons, card_id=f"r:{event.ticket.id}", version=event.ticket.version, reply=False,
        drawn=event.ticket,
    )  # fmt: skip


async def show_card(
    turn: Turn, ticket: TicketView, matter: OpenMatter, *, key: str, before: OpenMatter | None = None, question: str = "", words: str = ""
) -> None:
    """The acknowledgement: the matter's one card in this chat. `words` in place of those the ticket's state asks for."""
    if question:
        words = say("ack/ask_place", title=ticket.title, number=ticket.number, question=question)
    elif before is not None and not words:
        words = say("ack/recurs", title=ticket.title, number=ticket.number, before=before.number)
    matter.carded = await turn.say(
        words or group_card.text(ticket, turn.ports.zone), key=key, buttons=group_card.buttons(ticket) if turn.in_group else (),
        card_id=group_card.card_id(ticket.id), version=ticket.version, drawn=ticket,
    )  # fmt: skip


async def edit_group_card(turn: Turn, ticket: TicketView, known: OpenMatter, *, key: str = "") -> None:
    """Edit the matter's card in place, once a version if no `key` is given. A matter that never spoke here (kept back by the manners) is
    not started now."""
    if not known.carded or (ticket.delicate and turn.in_group):
        return
    await turn.ports.voice.say(
        Speech(
            key=key or f"card:{ticket.id}:{ticket.version}:{turn.message.chat_id}",
            channel=turn.message.channel,
            chat_id=turn.message.chat_id,
            thread_id=known.thread_id,
            text=group_card.text(ticket, turn.ports.zone),
            buttons=group_card.buttons(ticket) if turn.in_group else (),
            card_id=group_card.card_id(ticket.id),
            version=ticket.version,
            state=ticket.state,
            urgency=ticket.urgency,
        )
    )


async def draw_worker_card(turn: Turn, ticket: TicketView, *, key: str, menu: worker_card.Rows | None = None, hint: str = "") -> None:
    """Draw or redraw the worker's card; `menu` in place of its buttons, `hint` under its text."""
    step = 0
    if menu is not None or hint:
        step = turn.memory.steps[ticket.id] = turn.memory.steps.get(ticket.id, 0) % (STEPS - 1) + 1
    else:
        turn.memory.steps.pop(ticket.id, None)
    text = worker_card.text(ticket, turn.ports.zone)
    await turn.ports.voice.say(
        Speech(
            key=key,
            channel=turn.message.channel,
            chat_id=turn.message.chat_id,
            text=f"{text}\n\n{hint}" if hint else text,
            buttons=worker_card.buttons(ticket) if menu is None else menu,
            card_id=worker_card.card_id(ticket.id),
            version=ticket.version * STEPS + step,
            urgent=ticket.urgency == "emergency",
            state=ticket.state,
            urgency=ticket.urgency,
        )
    )
    turn.outcome.spoke = True


def refused_words(error: IntakeError) -> str:
    """Why the API said no, in words for a worker."""
    return say("prompt/refused", why=choose("refused", error.code, say("refused/other")))


def progress_words(turn: Turn, ticket: TicketView) -> str:
    """One line on where a ticket stands, for who asks."""
    return say(
        "progress/answer", title=ticket.title, number=ticket.number, state=state_name(ticket.state),
        deadline=deadline(ticket.resolve_by, turn.ports.zone),
    )  # fmt: skip
