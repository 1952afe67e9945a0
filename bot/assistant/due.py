"""What has become due in a chat: a question for a missing place, words that waited for the morning."""

from __future__ import annotations

from bot.assistant.filing import place_question
from bot.assistant.memory import Timer
from bot.assistant.progress import remember_ticket, show_card
from bot.assistant.turn import Turn
from bot.cards import group_card
from bot.channels.contract import Speech


async def ring(turn: Turn, timer: Timer) -> None:
    """Do one thing that is due. Raises IntakeError."""
    if timer.what == "ask_place":
        await _card(turn, timer.ticket, f"asked:{timer.ticket}")
        return
    speech = Speech.model_validate_json(timer.speech)
    ticket_id = group_card.ticket_of(speech.card_id)
    if ticket_id:
        await _card(turn, ticket_id, speech.key)
    else:
        await turn.ports.voice.say(speech)


async def _card(turn: Turn, ticket_id: str, key: str) -> None:
    """Show the card of a matter that has none yet, as its ticket stands now. A matter that is gone needs none."""
    matter = turn.memory.matters.get(ticket_id)
    if matter is None or matter.carded:
        return
    ticket = await turn.ports.intake.ticket(ticket_id)
    matter = remember_ticket(turn, ticket)
    if ticket.delicate and turn.in_group:
        return
    question = "" if matter.is_placed() else place_question(turn, ticket.category)
    turn.message = turn.message.model_copy(update={"message_id": matter.reply_to, "thread_id": matter.thread_id})
    await show_card(turn, ticket, matter, key=key, question=question)
