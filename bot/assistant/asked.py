"""Words that somebody was asked for in private: a worker's place or result, what a reporter left out."""

from __future__ import annotations

from bot.assistant.assemble import household_of
from bot.assistant.memory import Awaited
from bot.assistant.progress import draw_worker_card, refused_words, remember_ticket
from bot.assistant.turn import Turn, gazetteer_of
from bot.wording import say
from intake_api.client import IntakeError
from intake_api.contracts import CorrectPlace, Finish, PlaceIn, SupplementIn, TicketView
from nlp.privacy import mask
from nlp.schema import Gazetteer


async def asked_words(turn: Turn) -> bool:
    """Take the words this person was asked for. False when nothing was asked, or nothing was said."""
    awaited = next((a for a in reversed(turn.memory.awaited) if a.person == turn.person and a.asked), None)
    if awaited is None or not turn.message.text.strip():
        return False
    key = f"words:{turn.message.key}"
    try:
        if awaited.what == "info":
            ticket = await _give_info(turn, awaited)
            await turn.say(say("ack/noted", number=ticket.number), key=key)
        else:
            ticket = await (_correct_place if awaited.what == "place" else _finish)(turn, awaited)
            await draw_worker_card(turn, ticket, key=key, hint=say("prompt/done"))
    except _UnreadError:
        await turn.say(say("prompt/place_unread"), key=key)
        return True
    except IntakeError as error:
        if error.retryable:
            raise
        await turn.say(refused_words(error), key=key)
        if error.code == "reply_does_not_answer":
            return True
    turn.memory.stop_awaiting(awaited)
    return True


class _UnreadError(Exception):
    """No place in these words; they may be said again."""


async def _correct_place(turn: Turn, awaited: Awaited) -> TicketView:
    text = turn.message.text[:4000]
    found = turn.ports.understander.places(text, await _gazetteer(turn, awaited.ticket), None)
    if not found:
        raise _UnreadError
    p = found[0]
    place = PlaceIn(
        text=p.text[:500], estate=p.estate, building=p.building, unit=p.unit, floor=p.floor, room=p.room, road=p.road, spot=p.spot
    )
    act = CorrectPlace(act="correct_place", place=place, key=turn.message.key, as_handle=turn.person)
    return await turn.ports.intake.act(awaited.ticket, act)


async def _gazetteer(turn: Turn, ticket_id: str) -> Gazetteer:
    """That of the ticket's grid: a worker's private chat may belong to no group."""
    if turn.chat.grid is not None:
        return turn.gazetteer
    ticket = await turn.ports.intake.ticket(ticket_id)
    return gazetteer_of(await turn.ports.intake.grid(ticket.place.grid))


async def _finish(turn: Turn, awaited: Awaited) -> TicketView:
    words = turn.message.text.strip()[:4000]
    act = Finish(act="finish", closing_code="solved", public_reply=words, key=turn.message.key, as_handle=turn.person)
    return await turn.ports.intake.act(awaited.ticket, act)


async def _give_info(turn: Turn, awaited: Awaited) -> TicketView:
    """Kept as a message of the ticket, so that the words are there to read; the API lets the clock run again."""
    message = turn.message
    said = SupplementIn(
        external_id=message.key, message_id=message.message_id, at=message.at, reporter=turn.reporter(household_of(turn)),
        text=message.text[:4000], masked=mask(message.text, turn.gazetteer.official_phones).text[:4000],
    )  # fmt: skip
    ticket = await turn.ports.intake.add_supplement(awaited.ticket, said)
    remember_ticket(turn, ticket)
    return ticket
