"""Twins in memory of what the mind needs from outside: for replay and for tests that want no process beside them."""

from __future__ import annotations

from typing import Any

from bot.assistant.memory import SETTLED_STATES
from bot.channels.contract import Channel, Fetch, Speech
from intake_api.client import IntakeError
from intake_api.contracts import (
    Act,
    BindIn,
    ChatSettings,
    ChatView,
    GridView,
    IncidentView,
    Judgement,
    LinkIn,
    MigrateIn,
    PlaceIn,
    PlaceView,
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
from intake_api.judgements import with_later
from nlp.match_rules import load_rules
from nlp.matter_place import Voice, completed
from nlp.place import FIELDS
from nlp.schema import Place
from nlp.taxonomy import Taxonomy
from nlp.thread import voice_of
from nlp.title import title_of


class LocalVoice:
    """Remembers what was said, each key once; with a channel it is said there at once, a card's next state in its place."""

    def __init__(self, channel: Channel | None = None) -> None:
        self.said: list[Speech | Fetch] = []
        self._channel = channel
        self._keys: set[str] = set()
        self._cards: dict[str, str] = {}

    async def say(self, item: Speech | Fetch) -> bool:
        if item.key in self._keys:
            return False
        self._keys.add(item.key)
        self.said.append(item)
        if self._channel and isinstance(item, Speech):
            spoken = await self._channel.speak(item, self._cards.get(item.card_id))
            if item.card_id:
                self._cards[item.card_id] = spoken.message_id
        return True


class LocalIntake:
    """The part of the intake API that hearing needs: reports, supplements, questions, tickets of a chat. No staff, so no acts."""

    def __init__(self, taxonomy: Taxonomy, chats: dict[str, ChatView]) -> None:
        self.taxonomy = taxonomy
        self.chats = chats
        self.tickets: dict[str, TicketView] = {}
        self._reports: dict[str, str] = {}
        self._people: dict[str, set[str]] = {}
        self.questions: dict[str, QuestionIn] = {}
        self.votes: dict[str, VoteIn] = {}

    async def create_report(self, report: ReportIn) -> Receipt:
        known = self._reports.get(report.external_id)
        if known:
            return Receipt(outcome="already", ticket=self.tickets[known], first_of_person=False)
        person = f"{report.reporter.channel}:{report.reporter.handle}"
        old = self.tickets.get(report.join or "")
        if old is not None and old.state not in SETTLED_STATES:
            self._reports[report.external_id] = old.id
            first = person not in self._people[old.id]
            voice = voice_of(person, self._people[old.id], reports=True)
            joined = self._placed(self._gathered(self._join(old, person), report.judgement), report.place, report.masked, voice)
            return Receipt(outcome="joined", ticket=joined, first_of_person=first)
        ticket = self._open(report)
        self._reports[report.external_id] = ticket.id
        self._people[ticket.id] = {person}
        return Receipt(outcome="opened", ticket=ticket)

    def _join(self, ticket: TicketView, person: str) -> TicketView:
        people = self._people[ticket.id] | {person}
        self._people[ticket.id] = people
        return self._update(ticket, affected_people=len(people), affected_households=len(people))

    def _open(self, report: ReportIn) -> TicketView:
        number = len(self.tickets) + 1
        matter = self.taxonomy.matter(report.judgement.category or "")
        ticket = TicketView(
            id=f"T{number}",
            number=f"CH-{report.at:%Y%m%d}-{number:04d}",
            version=1,
            state="accepted" if report.judgement.emergency else "candidate",
            kind=report.kind,
            category=report.judgement.category,
            category_name=matter.name if matter else "",
            category_confidence=report.judgement.confidence,
            judgement=report.judgement,
            title=report.title,
            description=report.masked,
            place=PlaceView(**report.place.model_dump(), grid=report.grid),
            urgency="emergency" if report.judgement.emergency else "normal",
            level=matter.level if matter else "community",
            first_seen_at=report.at,
            updated_at=report.at,
            recurs_from=report.recurs_from,
            delicate=report.judgement.delicate,
            chats=[] if report.private else [f"{report.channel}:{report.chat_id}"],
        )
        self.tickets[ticket.id] = ticket
        return ticket

    async def add_supplement(self, ticket_id: str, supplement: SupplementIn) -> TicketView:
        ticket = await self.ticket(ticket_id)
        if supplement.judgement:
            ticket = self._gathered(ticket, supplement.judgement)
        if supplement.place is None:
            return ticket
        person = f"{supplement.reporter.channel}:{supplement.reporter.handle}"
        voice: Voice = "staff" if supplement.kind == "reply" else voice_of(person, self._people[ticket.id], reports=False)
        return self._placed(ticket, supplement.place, supplement.masked, voice)

    def _gathered(self, ticket: TicketView, told: Judgement) -> TicketView:
        """As the API does: what is still open of a candidate's category; an emergency told later names it and waits for nobody."""
        known, open_still = ticket.judgement or told, ticket.state == "candidate"
        found = with_later(known, told) if open_still else known
        alarmed: dict[str, object] = {}
        if told.emergency and ticket.urgency != "emergency":
            alarmed = {"urgency": "emergency", "state": "accepted" if open_still else ticket.state}
            category = told.category if open_still and told.category else found.category
            found = found.model_copy(update={"emergency": True, "cues": told.cues, "call": told.call, "category": category})
        matter = self.taxonomy.matter(found.category or "")
        if found is known or matter is None:
            return self._update(ticket, **alarmed) if alarmed else ticket
        named = {"category": matter.id, "category_name": matter.name, "category_confidence": found.confidence, "level": matter.level}
        title = title_of(_as_place(ticket.place), matter.name, ticket.description)
        return self._update(ticket, judgement=found, title=title, **named, **alarmed)

    def _placed(self, ticket: TicketView, told: PlaceIn, text: str, voice: Voice) -> TicketView:
        place = completed(_as_place(ticket.place), _as_place(told), text, voice, ticket.category, load_rules())
        pinned = told.lat is not None and voice != "staff" and (voice == "only" or ticket.place.lat is None)
        pin = {"lat": told.lat, "long": told.long} if pinned else {}
        view = ticket.place.model_copy(update={f: getattr(place, f) for f in FIELDS} | pin)
        if view == ticket.place:
            return ticket
        return self._update(ticket, place=view, title=title_of(place, ticket.category_name, ticket.description))

    def _update(self, ticket: TicketView, **changes: object) -> TicketView:
        newer = ticket.model_copy(update={**changes, "version": ticket.version + 1})
        self.tickets[ticket.id] = newer
        return newer

    async def ticket(self, ticket_id: str, as_handle: str = "") -> TicketView:
        if ticket_id not in self.tickets:
            raise IntakeError("no_such_ticket", status=404, retryable=False, detail=ticket_id)
        return self.tickets[ticket_id]

    async def open_tickets(self, channel: str, chat_id: str) -> list[TicketView]:
        return [t for t in self.tickets.values() if f"{channel}:{chat_id}" in t.chats]

    async def open_incidents(self, channel: str, chat_id: str) -> list[IncidentView]:
        return []

    async def chat(self, channel: str, chat_id: str) -> ChatView:
        return self.chats.get(f"{channel}:{chat_id}", ChatView(channel=channel, chat_id=chat_id, grid=None))

    async def grid(self, code: str) -> GridView:
        found = next((c.grid for c in self.chats.values() if c.grid and c.grid.code == code), None)
        if found is None:
            raise IntakeError("not_found", status=404, retryable=False, detail=code)
        return found

    async def act(self, ticket_id: str, act: Act) -> TicketView:
        raise IntakeError("no_staff", status=409, retryable=False, detail="nobody works on tickets here")

    async def set_chat_settings(self, channel: str, chat_id: str, settings: ChatSettings) -> ChatView:
        view = (await self.chat(channel, chat_id)).model_copy(update={"settings": settings})
        self.chats[f"{channel}:{chat_id}"] = view
        return view

    async def bind_chat(self, bind: BindIn) -> ChatView:
        raise IntakeError("wrong_code", status=404, retryable=False, detail="there are no bind codes here")

    async def migrate_chat(self, migrate: MigrateIn) -> ChatView:
        view = await self.chat(migrate.channel, migrate.from_chat_id)
        moved = view.model_copy(update={"chat_id": migrate.to_chat_id})
        self.chats[f"{migrate.channel}:{migrate.to_chat_id}"] = moved
        return moved

    async def link_staff(self, link: LinkIn) -> StaffView:
        raise IntakeError("wrong_token", status=404, retryable=False, detail="there are no start links here")

    async def tickets_of(self, handle: str) -> list[TicketView]:
        return [self.tickets[i] for i, people in self._people.items() if handle in people]

    async def forget(self, handle: str) -> int:
        return sum(handle in people for people in self._people.values())

    async def queue_question(self, question: QuestionIn) -> QuestionView:
        self.questions.setdefault(question.external_id, question)
        q = question
        return QuestionView(
            id=1,
            question=q.question,
            reason=q.reason,
            grid=q.grid,
            ticket_id=q.ticket_id,
            state="open",
            asked=1,
            first_at=q.at,
            last_at=q.at,
        )

    async def vote(self, vote: VoteIn) -> VotesView:
        self.votes[vote.external_id] = vote
        on = [v.helpful for v in self.votes.values() if v.doc == vote.doc]
        return VotesView(doc=vote.doc, helpful=sum(on), not_helpful=len(on) - sum(on))


def _as_place(told: PlaceIn | PlaceView) -> Place:
    parts: dict[str, Any] = {f: getattr(told, f) for f in FIELDS}
    return Place(**parts, text=told.text)
