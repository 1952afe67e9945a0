"""The one card a matter has in its group: acknowledged, then edited as things move. It shows no name, no room, no phone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.cards.actions import write
from bot.cards.phrases import filled
from bot.channels.contract import Button
from bot.wording import say
from intake_api.contracts import TicketView

# states in which another neighbour can still join with one tap
_JOINABLE = frozenset({"candidate", "accepted", "dispatched", "signed", "in_progress", "need_info", "extension_requested", "returned",
                       "escalated", "reopened", "self_handled"})  # fmt: skip

Rows = tuple[tuple[Button, ...], ...]
NO_BUTTONS: Rows = ()


def card_id(ticket_id: str) -> str:
    return f"t:{ticket_id}"


def ticket_of(card: str) -> str:
    """The ticket whose card this is; "" for anything else."""
    return card[2:] if card.startswith("t:") else ""


def text(ticket: TicketView, zone: ZoneInfo) -> str:
    return filled(f"state/{ticket.state}", ticket, zone)


def buttons(ticket: TicketView) -> Rows:
    if ticket.state not in _JOINABLE or ticket.delicate:
        return ()
    return ((Button(label=say("button/me_too"), action=write("me", ticket.id)),),)


def ask_back(ticket: TicketView, zone: ZoneInfo, answered: bool = False) -> tuple[str, Rows]:
    """The call-back question to the people who reported, with its two buttons; `answered`: one of them has said it is solved."""
    row = (
        Button(label=say("callback/solved"), action=write("rate", ticket.id, "1")),
        Button(label=say("callback/not_solved"), action=write("rate", ticket.id, "0")),
    )
    return filled("callback/ask_others" if answered else "callback/ask", ticket, zone), (row,)
