"""Reports in, tickets out, and the evidence that hangs on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, Strict, StrictBool

from intake_api.contracts.words import ClosingCode, Level, Moment, Share, Slug, State, TicketKind, Urgency, Wire, Words
from nlp.schema import Role


class PlaceIn(Wire):
    text: Annotated[str, Field(max_length=500)] = ""
    estate: str | None = None
    building: str | None = None
    unit: str | None = None
    floor: str | None = None
    room: str | None = None
    road: str | None = None
    spot: str | None = None
    lat: Annotated[float, Strict(), Field(ge=-90, le=90)] | None = None
    long: Annotated[float, Strict(), Field(ge=-180, le=180)] | None = None


class ReporterIn(Wire):
    """Who spoke. `handle` is the channel's id of the person; it is stored encrypted and shown to nobody."""

    channel: Slug
    handle: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(max_length=200)] = ""
    role: Role = "resident"
    household: Annotated[str, Field(max_length=100)] = ""
    anonymous: StrictBool = False
    confidential: StrictBool = False


class Suggestion(Wire):
    """An open ticket that may be the same matter; `reasons` are words for the worker's card."""

    ticket_id: str
    number: str = ""
    probability: Share
    reasons: list[str] = []


class Judgement(Wire):
    """What the model said, kept beside what was decided."""

    category: str | None = None
    confidence: Share = 0.0
    top: Annotated[list[tuple[str, Share]], Field(max_length=20)] = []
    accepted: StrictBool = False
    emergency: StrictBool = False
    cues: list[str] = []
    call: str = ""
    delicate: StrictBool = False
    model_version: str = "rules"


class ReportIn(Wire):
    """One report heard. `external_id` (channel:chat:message) makes it idempotent: the same id is the same ticket, always.

    `text` is the original (stored encrypted, with a retention date), `masked` is what people see. `join` names the ticket this
    report belongs to; when that ticket cannot take it any more, merge links are followed, else a new ticket is opened.
    """

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    channel: Slug
    chat_id: Annotated[str, Field(min_length=1, max_length=200)]
    message_ids: Annotated[list[str], Field(min_length=1, max_length=50)]
    grid: Slug
    at: Moment
    reporter: ReporterIn
    kind: TicketKind = "complaint"
    text: Words
    masked: Words
    title: Annotated[str, Field(max_length=60)] = ""
    place: PlaceIn = PlaceIn()
    judgement: Judgement = Judgement()
    join: str | None = None
    suggestions: list[Suggestion] = []
    recurs_from: str | None = None
    private: StrictBool = False


class SupplementIn(Wire):
    """Words, a place or a correction added to a ticket. `edit_of`: the message this is a new version of."""

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    kind: Literal["supplement", "follow_up", "reply", "edit", "join"] = "supplement"
    message_id: str = ""
    at: Moment
    reporter: ReporterIn
    text: Words = ""
    masked: Words = ""
    place: PlaceIn | None = None
    edit_of: str = ""
    judgement: Judgement | None = None


class HistoryEntry(Wire):
    seq: int
    at: AwareDatetime
    actor: str
    role: str
    act: str
    from_state: State | None
    to_state: State
    reason: str = ""
    data: dict[str, Any] = {}
    previous_hash: str
    hash: str


class MessageView(Wire):
    """A source message as staff see it: masked, with every version kept."""

    message_id: str
    at: AwareDatetime
    who: str
    role: Role
    kind: str
    text: str
    versions: list[str] = []
    media: list[str] = []


class PlaceView(PlaceIn):
    grid: str = ""
    community: str = ""
    street: str = ""


class TicketView(Wire):
    """A ticket as staff of its area and services see it: personal data masked. `unlike`: words a person took apart from it."""

    id: str
    number: str
    version: int
    state: State
    state_note: str = ""
    kind: TicketKind
    category: str | None
    category_name: str = ""
    category_version: int = 1
    category_confidence: float = 0.0
    decided_by: str = "model"
    judgement: Judgement = Judgement()
    title: str
    description: str
    place: PlaceView
    urgency: Urgency
    level: Level
    lead_unit: str = ""
    assist_units: list[str] = []
    assignee: str = ""
    grid_duty: bool = True
    first_seen_at: AwareDatetime
    accepted_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    respond_by: AwareDatetime | None = None
    resolve_by: AwareDatetime | None = None
    affected_people: int = 1
    affected_households: int = 1
    affected_buildings: int = 1
    duplicate_of: str | None = None
    incident: str | None = None
    recurs_from: str | None = None
    suggestions: list[Suggestion] = []
    unlike: list[str] = []
    closing_code: ClosingCode | None = None
    public_reply: str = ""
    rating: dict[str, Any] | None = None
    held: str = ""
    delicate: bool = False
    chats: list[str] = []
    media: list[str] = []
    moves: list[str] = []


class TicketDetail(TicketView):
    messages: list[MessageView] = []
    history: list[HistoryEntry] = []
    reporters: list[str] = []


class Receipt(Wire):
    """What became of a report: `opened` a ticket, `joined` one, or was `already` known under this external id."""

    outcome: Literal["opened", "joined", "already"]
    ticket: TicketView
    first_of_person: bool = True


class TicketPage(Wire):
    """`cursor` asks for the next page; empty at the end."""

    tickets: list[TicketView]
    cursor: str = ""


class MediaView(Wire):
    """Evidence as stored: `sha256` of the cleaned bytes names it; `public` only when a person said so."""

    sha256: str
    ticket_id: str
    mime: str
    size: int
    width: int | None = None
    height: int | None = None
    message_id: str = ""
    public: bool = False


class MediaChange(Wire):
    public: StrictBool


class Broken(Wire):
    """Where a chain of history does not hold. `seq` 0: its end, or tickets that are gone; `ticket` is a number."""

    ticket: str
    seq: int
    fact: str


class Verification(Wire):
    """`breaks` lists at most two hundred places."""

    intact: bool
    breaks: list[Broken] = []


class Forgotten(Wire):
    """How many reports of this person were made anonymous, and of how many tickets."""

    reports: int
    tickets: int
