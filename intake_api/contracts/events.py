"""What chats learn of a ticket, of a question of theirs, or of an incident: outbox → stream → assistant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from intake_api.contracts.incidents import IncidentView
from intake_api.contracts.tickets import TicketView
from intake_api.contracts.topics import SurgeView
from intake_api.contracts.words import Audience, Wire

EventType = Literal[
    "card.requested",
    "ticket.changed",
    "ticket.joined",
    "ticket.asked",
    "ticket.callback",
    "ticket.closed",
    "surge.noticed",
]


class Event(Wire):
    """Something a chat should learn. One event a destination chat; `id` is its idempotency key.

    A surge's (for subscribers alone) carry `surge` and the matter most people told of.
    audience worker: (re)draw the card with buttons. group: edit the acknowledgement. reporter: private chat of one reporter.
    """

    id: str
    type: EventType
    channel: str
    chat_id: str
    audience: Audience
    ticket: TicketView
    surge: SurgeView | None = None
    at: AwareDatetime
    note: str = ""


class QuestionAnswered(Wire):
    """A person answered what was asked in vain. One a chat (and thread) that asked; `id` is its idempotency key.

    `message_id` is the first message that asked, to be quoted, `askers` how many people did. Audience reporter: it was asked in
    private, the chat's id is the person's.
    """

    id: str
    type: Literal["question.answered"] = "question.answered"
    channel: str
    chat_id: str
    audience: Audience
    at: AwareDatetime
    message_id: str = ""
    thread_id: str = ""
    askers: int = 1
    question: str
    answer: str


class IncidentTold(Wire):
    """An incident is announced to a group, goes on, or is over: said once. `note`: the words that are new, "" where there are none."""

    id: str
    type: Literal["incident.announced", "incident.told", "incident.closed"]
    channel: str
    chat_id: str
    audience: Audience = "group"
    at: AwareDatetime
    incident: IncidentView
    note: str = ""


class SurgeTold(Wire):
    """AN3: an alert, told once to somebody who answers for its place."""

    id: str
    type: Literal["surge.told"] = "surge.told"
    channel: str
    chat_id: str
    audience: Audience = "worker"
    at: AwareDatetime
    surge: SurgeView


News = Event | QuestionAnswered | IncidentTold | SurgeTold
NEWS: TypeAdapter[News] = TypeAdapter(Annotated[News, Field(discriminator="type")])
