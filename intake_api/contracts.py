"""Wire shapes of the intake API: what the assistant, departments and pages send and receive."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zlib import crc32

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from nlp.schema import Role

State = Literal[
    "candidate", "rejected", "merged", "accepted", "self_handled", "dispatched", "signed", "in_progress", "need_info",
    "extension_requested", "returned", "escalated", "done", "callback", "reopened", "archived", "declined", "transferred",
]
Level = Literal["grid", "community", "street", "department"]
LEVELS: tuple[Level, ...] = ("grid", "community", "street", "department")
Urgency = Literal["emergency", "urgent", "normal"]
PersonRole = Literal["micro_worker", "grid", "community", "street", "department", "administrator"]
TicketKind = Literal["complaint", "tip", "help", "enquiry", "suggestion", "praise", "wish"]
ClosingCode = Literal["solved", "partly", "not_solved", "unfounded", "out_of_scope", "transferred", "duplicate", "withdrawn"]
Audience = Literal["group", "worker", "reporter"]

Slug = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:\-]+$")]
Words = Annotated[str, Field(max_length=4000)]


class Wire(BaseModel):
    """Unknown fields are refused, so that a misspelt field is an error and not a loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceIn(Wire):
    text: Annotated[str, Field(max_length=500)] = ""
    estate: str | None = None
    building: str | None = None
    unit: str | None = None
    floor: str | None = None
    room: str | None = None
    road: str | None = None
    spot: str | None = None
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    long: Annotated[float, Field(ge=-180, le=180)] | None = None


class ReporterIn(Wire):
    """Who spoke. `handle` is the channel's id of the person; it is stored encrypted and shown to nobody."""

    channel: Slug
    handle: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(max_length=200)] = ""
    role: Role = "resident"
    household: Annotated[str, Field(max_length=100)] = ""
    anonymous: bool = False
    confidential: bool = False


class Suggestion(Wire):
    """An open ticket that may be the same matter; `reasons` are words for the worker's card."""

    ticket_id: str
    number: str = ""
    probability: Annotated[float, Field(ge=0, le=1)]
    reasons: list[str] = []


class Judgement(Wire):
    """What the model said, kept beside what was decided."""

    category: str | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    top: list[tuple[str, float]] = []
    accepted: bool = False
    emergency: bool = False
    cues: list[str] = []
    call: str = ""
    delicate: bool = False
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
    at: AwareDatetime
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
    private: bool = False


class SupplementIn(Wire):
    """Words, a place or a correction added to a ticket. `edit_of`: the message this is a new version of."""

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    kind: Literal["supplement", "follow_up", "reply", "edit", "join"] = "supplement"
    message_id: str = ""
    at: AwareDatetime
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
    """A ticket as staff of its area and services see it: personal data masked."""

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


# ---- acts: everything that moves or marks a ticket ------------------------------------------------------------------
class ActBase(Wire):
    """`key` makes the act idempotent: the same key is done once. `as_handle` names the person pressing in a chat (channel:id),
    resolved against the staff register; services acting by themselves leave it empty.
    """

    key: Annotated[str, Field(max_length=300)] = ""
    as_handle: Annotated[str, Field(max_length=300)] = ""
    reason: Annotated[str, Field(max_length=1000)] = ""


class Confirm(ActBase):
    act: Literal["confirm"]


class Reject(ActBase):
    act: Literal["reject"]


class Recategorise(ActBase):
    act: Literal["recategorise"]
    category: str


class CorrectPlace(ActBase):
    act: Literal["correct_place"]
    place: PlaceIn


class Merge(ActBase):
    act: Literal["merge"]
    into: str


class Unmerge(ActBase):
    act: Literal["unmerge"]


class SelfHandle(ActBase):
    act: Literal["self_handle"]


class Dispatch(ActBase):
    act: Literal["dispatch"]
    unit: str = ""
    level: Level | None = None


class Sign(ActBase):
    act: Literal["sign"]


class Start(ActBase):
    act: Literal["start"]


class AskInfo(ActBase):
    act: Literal["ask_info"]
    question: Annotated[str, Field(min_length=1, max_length=500)]


class GiveInfo(ActBase):
    act: Literal["give_info"]
    text: Words = ""


class Return(ActBase):
    act: Literal["return"]


class RequestExtension(ActBase):
    act: Literal["request_extension"]
    until: AwareDatetime


class DecideExtension(ActBase):
    act: Literal["decide_extension"]
    granted: bool


class Escalate(ActBase):
    act: Literal["escalate"]


class Finish(ActBase):
    act: Literal["finish"]
    closing_code: ClosingCode
    public_reply: Words


class AskBack(ActBase):
    """Begin the call-back: the reporters are asked whether it is solved."""

    act: Literal["ask_back"]


class Rate(ActBase):
    """The reporter's answer (as_handle is the reporter)."""

    act: Literal["rate"]
    solved: bool
    satisfied: bool = True
    reasons: list[str] = []


class CallBack(ActBase):
    """A person's call-back where the reporters stay silent."""

    act: Literal["call_back"]
    solved: bool
    satisfied: bool = True


class Archive(ActBase):
    act: Literal["archive"]


class Reopen(ActBase):
    act: Literal["reopen"]


class Decline(ActBase):
    act: Literal["decline"]


class Transfer(ActBase):
    act: Literal["transfer"]
    to: Annotated[str, Field(min_length=1, max_length=200)]


class Withdraw(ActBase):
    act: Literal["withdraw"]


class Note(ActBase):
    """Acts that are not moves: note, urge (催办), supervise (督办), public reply, add a unit."""

    act: Literal["note", "urge", "supervise", "reply", "add_unit"]
    text: Words = ""
    unit: str = ""


Act = Annotated[
    Confirm | Reject | Recategorise | CorrectPlace | Merge | Unmerge | SelfHandle | Dispatch | Sign | Start | AskInfo | GiveInfo
    | Return | RequestExtension | DecideExtension | Escalate | Finish | AskBack | Rate | CallBack | Archive | Reopen | Decline
    | Transfer | Withdraw | Note,
    Field(discriminator="act"),
]


# ---- catalogue, grids, people ---------------------------------------------------------------------------------------
class MatterView(Wire):
    id: str
    name: str
    domain: str
    domain_name: str
    level: Level
    lead: str
    assist: list[str] = []
    says: list[str] = []
    respond_s: int
    resolve_s: int
    grid_duty: bool
    counted: bool
    emergency: bool
    call: str = ""


class CatalogueView(Wire):
    version: int
    matters: list[MatterView]


class EstateIn(Wire):
    name: str
    aliases: list[str] = []


class StaffIn(Wire):
    """A person on a grid's roster. `handles` are channel:id of their accounts, filled by the personal start link."""

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=50)]
    role: Role
    order: int = 0
    handles: list[str] = []


class GridIn(Wire):
    code: Slug
    name: str
    community: str
    street: str
    district: str = ""
    estates: list[EstateIn] = []
    spots: list[str] = []
    roads: list[str] = []
    aliases: dict[str, str] = {}
    official_phones: list[str] = []
    staff: list[StaffIn] = []


class GridView(GridIn):
    version: int = 1


class ChatSettings(Wire):
    """Per group: `muted` (listens, files, says nothing), quiet hours in local time, `off` (kill switch: not even read)."""

    muted: bool = False
    off: bool = False
    quiet_from: Annotated[int, Field(ge=0, le=23)] = 22
    quiet_to: Annotated[int, Field(ge=0, le=23)] = 7


class BindIn(Wire):
    """Bind a group to a grid. `code` is the one-time bind code an administrator got from the console."""

    channel: Slug
    chat_id: str
    title: str = ""
    code: str
    by_handle: str


class ChatView(Wire):
    channel: str
    chat_id: str
    grid: GridView | None
    settings: ChatSettings = ChatSettings()


class MigrateIn(Wire):
    channel: Slug
    from_chat_id: str
    to_chat_id: str


class LinkIn(Wire):
    """A worker opened their personal start link: `token` is in it, `handle` is the account that opened it."""

    token: str
    channel: Slug
    handle: str


class StaffView(Wire):
    id: str
    name: str
    role: Role
    grid: str
    handles: list[str] = []


# ---- events: outbox → stream → progress ------------------------------------------------------------------------------
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


class Problem(BaseModel):
    """RFC 9457 problem+json. `code` is stable, `detail` says the fact and the remedy, `retryable` whether trying again helps."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    code: str
    retryable: bool = False


def shard_of(channel: str, chat_id: str, shards: int) -> int:
    """The shard a chat is read on: the same on both sides of the streams, whatever the process."""
    return crc32(f"{channel}:{chat_id}".encode()) % shards
