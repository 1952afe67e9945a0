"""What the mind needs from outside: the intake API, a voice, and the policy base. Each has a twin in memory for replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from bot.channels.contract import Fetch, Speech
from intake_api.contracts import (
    Act,
    BindIn,
    ChatSettings,
    ChatView,
    GridView,
    IncidentView,
    LinkIn,
    MigrateIn,
    QuestionIn,
    QuestionView,
    Receipt,
    ReportIn,
    StaffView,
    SupplementIn,
    TicketView,
    VoteIn,
    VotesView,
)
from nlp.schema import Answer


class Intake(Protocol):
    """The front door of the intake API. Raises intake_api.client.IntakeError (`retryable`, `code`, `detail`)."""

    async def create_report(self, report: ReportIn) -> Receipt: ...

    async def add_supplement(self, ticket_id: str, supplement: SupplementIn) -> TicketView: ...

    async def act(self, ticket_id: str, act: Act) -> TicketView: ...

    async def ticket(self, ticket_id: str, as_handle: str = "") -> TicketView: ...

    async def open_tickets(self, channel: str, chat_id: str) -> list[TicketView]: ...

    async def open_incidents(self, channel: str, chat_id: str) -> list[IncidentView]: ...

    async def grid(self, code: str) -> GridView: ...

    async def chat(self, channel: str, chat_id: str) -> ChatView: ...

    async def set_chat_settings(self, channel: str, chat_id: str, settings: ChatSettings) -> ChatView: ...

    async def bind_chat(self, bind: BindIn) -> ChatView: ...

    async def migrate_chat(self, migrate: MigrateIn) -> ChatView: ...

    async def link_staff(self, link: LinkIn) -> StaffView: ...

    async def tickets_of(self, handle: str) -> list[TicketView]: ...

    async def forget(self, handle: str) -> int: ...

    async def queue_question(self, question: QuestionIn) -> QuestionView: ...

    async def vote(self, vote: VoteIn) -> VotesView: ...


class Voice(Protocol):
    """Where speeches go. False when the same key was said before."""

    async def say(self, item: Speech | Fetch) -> bool: ...


class PolicyDesk(Protocol):
    """Answers from documents, or None: nothing was good enough.

    `earlier`: the questions before it in its thread, oldest first; `for_staff`: also from what is for staff only.
    """

    async def answer(
        self, question: str, *, earlier: Sequence[str] = (), today: date, area: str, for_staff: bool = False
    ) -> Answer | None: ...


class NoPolicy:
    """No base: every question goes to a person."""

    async def answer(self, question: str, *, earlier: Sequence[str] = (), today: date, area: str, for_staff: bool = False) -> Answer | None:
        return None
