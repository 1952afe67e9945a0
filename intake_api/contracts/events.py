"""What chats learn of a ticket: outbox → stream → progress."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from intake_api.contracts.tickets import TicketView
from intake_api.contracts.words import Audience, Wire

EventType = Literal[
    "card.requested", "ticket.changed", "ticket.joined", "ticket.asked", "ticket.callback", "ticket.closed", "incident.announced"
]


class Event(Wire):
    """Something a chat should learn. One event a destination chat; `id` is its idempotency key.

    audience worker: (re)draw the card with buttons. group: edit the acknowledgement. reporter: private chat of one reporter.
    """

    id: str
    type: EventType
    channel: str
    chat_id: str
    audience: Audience
    ticket: TicketView
    at: AwareDatetime
    note: str = ""
