"""Wire shapes of the intake API: what the assistant, departments and pages send and receive."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zlib import crc32

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StrictBool, StrictInt

from nlp.schema import Role

State = Literal[
    "candidate",
    "rejected",
    "merged",
    "accepted",
    "self_handled",
    "dispatched",
    "signed",
    "in_progress",
    "need_info",
    "extension_requested",
    "returned",
    "escalated",
    "done",
    "callback",
    "reopened",
    "archived",
    "declined",
    "transferred",
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
Handle = Annotated[str, Field(min_length=3, max_length=300, pattern=r"^[A-Za-z0-9._\-]+:.+$")]


def _no_bare_number(value: Any) -> Any:
    """A number, or a string of digits, is no date: which clock and which unit would be a guess."""
    if isinstance(value, int | float) or (isinstance(value, str) and "-" not in value[1:]):
        raise ValueError("write the moment as ISO 8601 with a time zone, like 2026-06-02T08:30:00+08:00")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_no_bare_number)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]


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
    until: Moment


class DecideExtension(ActBase):
    act: Literal["decide_extension"]
    granted: StrictBool


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
    solved: StrictBool
    satisfied: StrictBool = True
    reasons: list[str] = []


class CallBack(ActBase):
    """A person's call-back where the reporters stay silent."""

    act: Literal["call_back"]
    solved: StrictBool
    satisfied: StrictBool = True


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
    Confirm
    | Reject
    | Recategorise
    | CorrectPlace
    | Merge
    | Unmerge
    | SelfHandle
    | Dispatch
    | Sign
    | Start
    | AskInfo
    | GiveInfo
    | Return
    | RequestExtension
    | DecideExtension
    | Escalate
    | Finish
    | AskBack
    | Rate
    | CallBack
    | Archive
    | Reopen
    | Decline
    | Transfer
    | Withdraw
    | Note,
    Field(discriminator="act"),
]


# ---- catalogue, grids, people ---------------------------------------------------------------------------------------
Name = Annotated[str, Field(min_length=1, max_length=100)]
Duration = Annotated[str, Field(pattern=r"^[0-9]{1,5}(min|h|d)$")]


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
    replaced_by: str | None = None


class CatalogueView(Wire):
    version: int
    matters: list[MatterView]
    domains: dict[str, str] = {}


class MatterIn(Wire):
    """A matter as an administrator writes it. Durations are like 15min, 4h, 3d. A retired one names its heir in `replaced_by`."""

    id: Annotated[str, Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,60}$")]
    name: Name
    level: Level
    lead: Name
    assist: list[Name] = []
    says: list[Name] = []
    respond: Duration = "24h"
    resolve: Duration = "5d"
    grid_duty: StrictBool = True
    counted: StrictBool = True
    emergency: StrictBool = False
    call: Annotated[str, Field(max_length=20)] = ""
    replaced_by: str | None = None


class CatalogueIn(Wire):
    """The next version, whole. `based_on` is the version it was edited from: when another came between, it is refused."""

    based_on: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    domains: Annotated[dict[str, Name], Field(min_length=1, max_length=100)]
    matters: Annotated[list[MatterIn], Field(min_length=1, max_length=1000)]


class EstateIn(Wire):
    name: Name
    aliases: list[Name] = []


class StaffIn(Wire):
    """A person on a grid's roster. `handles` are channel:id of their accounts, filled by the personal start link."""

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=50)]
    role: Role
    order: Annotated[StrictInt, Field(ge=0, le=10_000)] = 0
    handles: list[Handle] = []


class GridIn(Wire):
    code: Slug
    name: Name
    community: Name
    street: Name
    district: Annotated[str, Field(max_length=100)] = ""
    estates: Annotated[list[EstateIn], Field(max_length=500)] = []
    spots: Annotated[list[Name], Field(max_length=2000)] = []
    roads: Annotated[list[Name], Field(max_length=500)] = []
    aliases: Annotated[dict[str, Name], Field(max_length=2000)] = {}
    official_phones: Annotated[list[Name], Field(max_length=100)] = []
    staff: Annotated[list[StaffIn], Field(max_length=200)] = []


class GridView(GridIn):
    version: int = 1


ChatId = Annotated[str, Field(min_length=1, max_length=200)]
Hour = Annotated[StrictInt, Field(ge=0, le=23)]


class ChatSettings(Wire):
    """Per group: `muted` (listens, files, says nothing), quiet hours in local time, `off` (kill switch: not even read)."""

    muted: StrictBool = False
    off: StrictBool = False
    quiet_from: Hour = 22
    quiet_to: Hour = 7


class BindIn(Wire):
    """Bind a group to a grid. `code` is the one-time bind code an administrator got from the console."""

    channel: Slug
    chat_id: ChatId
    title: Annotated[str, Field(max_length=200)] = ""
    code: Annotated[str, Field(min_length=1, max_length=100)]
    by_handle: Annotated[str, Field(max_length=300)]


class ChatView(Wire):
    channel: str
    chat_id: str
    grid: GridView | None
    settings: ChatSettings = ChatSettings()
    title: str = ""


class MigrateIn(Wire):
    channel: Slug
    from_chat_id: ChatId
    to_chat_id: ChatId


class LinkIn(Wire):
    """A worker opened their personal start link: `token` is in it, `handle` is the account that opened it."""

    token: Annotated[str, Field(min_length=1, max_length=100)]
    channel: Slug
    handle: Annotated[str, Field(min_length=1, max_length=200)]


class StaffView(Wire):
    id: str
    name: str
    role: Role
    grid: str
    order: int = 0
    handles: list[str] = []


class OneTimeCodeView(Wire):
    """A code shown once: for `/bind` in a group, or inside a worker's personal start link (`url` where the channel has one)."""

    code: str
    grid: str
    staff: str | None = None
    expires_at: AwareDatetime
    url: str = ""


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


# ---- sign-in, tokens, webhooks --------------------------------------------------------------------------------------
class AreaIn(Wire):
    """Empty fields restrict nothing; `grid` is a grid's code, `unit` a department's name."""

    grid: Annotated[str, Field(max_length=100)] = ""
    community: Annotated[str, Field(max_length=100)] = ""
    street: Annotated[str, Field(max_length=100)] = ""
    district: Annotated[str, Field(max_length=100)] = ""
    unit: Annotated[str, Field(max_length=100)] = ""


class SignInIn(Wire):
    login: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class PersonView(Wire):
    """Who is signed in. `csrf` goes back in the X-CSRF-Token header with everything that changes something."""

    login: str
    name: str
    role: PersonRole
    area: AreaIn = AreaIn()
    csrf: str = ""


class AccountIn(Wire):
    login: Slug
    name: Name
    role: PersonRole
    area: AreaIn = AreaIn()
    password: Annotated[str, Field(min_length=10, max_length=200)]


class AccountChange(Wire):
    """What is left out stays. A new password, a new role or `active: false` ends every session of the account."""

    name: Name | None = None
    role: PersonRole | None = None
    area: AreaIn | None = None
    password: Annotated[str, Field(min_length=10, max_length=200)] | None = None
    active: StrictBool | None = None


class AccountView(Wire):
    login: str
    name: str
    role: PersonRole
    area: AreaIn
    active: bool
    created_at: AwareDatetime


class TokenIn(Wire):
    name: Slug
    scopes: Annotated[list[Literal["assistant", "channel", "reader"]], Field(min_length=1, max_length=3)]
    area: AreaIn = AreaIn()


class TokenView(Wire):
    """`token` is shown once, when it is made; only its digest is kept."""

    name: str
    scopes: list[str]
    area: AreaIn
    created_at: AwareDatetime
    token: str = ""


class WebhookIn(Wire):
    """A subscription: `unit` empty means every unit, `states` empty means every state."""

    url: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^https?://[!-~]+$")]
    unit: Annotated[str, Field(max_length=100)] = ""
    states: Annotated[list[State], Field(max_length=18)] = []


class WebhookView(Wire):
    """`secret` signs the deliveries and is shown once, when the subscription is made."""

    id: str
    url: str
    unit: str
    states: list[str]
    active: bool
    created_at: AwareDatetime
    failed: int = 0
    pending: int = 0
    secret: str = ""


class DeliveryView(Wire):
    id: str
    webhook: str
    ticket_id: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    next_at: AwareDatetime | None = None
    last_status: int | None = None
    last_error: str = ""
    created_at: AwareDatetime
    delivered_at: AwareDatetime | None = None


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
