"""The language values every room shares: what a message is, where it points, how urgent it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["report", "supplement", "follow_up", "question", "reply", "notice", "chat"]
KINDS: tuple[Kind, ...] = ("report", "supplement", "follow_up", "question", "reply", "notice", "chat")

Role = Literal["resident", "micro_worker", "grid_worker", "community", "property", "department"]
STAFF_ROLES: frozenset[Role] = frozenset({"micro_worker", "grid_worker", "community", "property", "department"})


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range `[start, end)` of code points in the ORIGINAL text, never in the normalised one."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Estate:
    """An estate (小区) of a grid with the other names residents give it."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """What a grid is made of: estates, spots (南门快递柜, 人民路小学) and roads, with aliases (alias → name)."""

    grid: str = ""
    name: str = ""
    estates: tuple[Estate, ...] = ()
    spots: tuple[str, ...] = ()
    roads: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    official_phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is. Numbers are normalised to Arabic digits and upper-case letters (三号楼 → "3", b座 → "B").

    A field is None where the text is silent. `text` is the wording as written (masked), `spans` point at it.
    """

    estate: str | None = None
    building: str | None = None
    unit: str | None = None
    floor: str | None = None
    room: str | None = None
    road: str | None = None
    spot: str | None = None
    text: str = ""
    spans: tuple[Span, ...] = ()

    def is_empty(self) -> bool:
        return not any((self.estate, self.building, self.unit, self.floor, self.room, self.road, self.spot))


@dataclass(frozen=True, slots=True)
class RankedCategory:
    """Matter ids with calibrated probabilities, best first (at most five).

    `accepted` is the abstention: False means a person must decide, and only `domain` may be believed.
    """

    top: tuple[tuple[str, float], ...] = ()
    accepted: bool = False

    @property
    def best(self) -> str | None:
        return self.top[0][0] if self.top else None

    @property
    def confidence(self) -> float:
        return self.top[0][1] if self.top else 0.0

    @property
    def domain(self) -> str | None:
        return self.best.split(".")[0] if self.best else None


@dataclass(frozen=True, slots=True)
class Emergency:
    """Somebody could be hurt now if nobody acts. `cues` are the words that said so, for the worker's card."""

    matter: str
    call: str
    cues: tuple[str, ...] = ()


PersonalKind = Literal["phone", "id_number", "bank_card", "plate", "name", "wechat", "email", "home"]


@dataclass(frozen=True, slots=True)
class PersonalDatum:
    """One piece of personal data and the placeholder that stands for it (〔手机号〕)."""

    kind: PersonalKind
    span: Span
    placeholder: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without personal data. Masking a masked text changes nothing."""

    text: str
    found: tuple[PersonalDatum, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message said before this one in the same group, as context."""

    message_id: str
    sender: str
    role: Role
    at: datetime
    text: str
    kind: Kind | None = None
    matters: tuple[str, ...] = ()
    media: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message to understand, with what was known when it came.

    `previous`: earlier messages of the group, oldest first (at most 30). `quoted`: the message it replies to.
    `home`: what is known of the sender's own building ("3栋老张" → building 3), for "我们楼".
    """

    text: str
    role: Role = "resident"
    sender: str = ""
    sender_name: str = ""
    at: datetime | None = None
    media: str | None = None
    quoted: Earlier | None = None
    quotes_assistant: bool = False
    previous: tuple[Earlier, ...] = ()
    home: Place | None = None
    open_matters: int = 0

    @property
    def in_talk(self) -> bool:
        """Whether anything was said before: of words alone an encoder of situations has mostly read small talk."""
        return bool(self.previous or self.quoted)


@dataclass(frozen=True, slots=True)
class Understanding:
    """Everything the assistant believes about one message.

    `kind_scores` sums to 1 over KINDS. `place` is the place of the first matter, `places` every place named.
    `also` holds further (category, clause) pairs when a message tells of several matters. `delicate`: belongs in private chat.
    `certain` is False when rules or a missing model decided and a person should look.
    """

    kind: Kind
    kind_scores: dict[str, float]
    category: RankedCategory
    masked: Masked
    place: Place = Place()
    places: tuple[Place, ...] = ()
    emergency: Emergency | None = None
    delicate: bool = False
    injection: bool = False
    also: tuple[tuple[RankedCategory, str], ...] = ()
    certain: bool = True
    model_version: str = "rules"

    @property
    def kind_confidence(self) -> float:
        return self.kind_scores.get(self.kind, 0.0)


@dataclass(frozen=True, slots=True)
class MatterSketch:
    """What matching needs to know of an open or recent matter. `texts`: masked words of its messages, oldest first.

    `unlike`: words of matters that a person took apart from this one again.
    """

    id: str
    category: str | None
    place: Place
    texts: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    senders: frozenset[str] = frozenset()
    settled: bool = False
    grid: str = ""
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """How likely a message belongs to a matter, why in words for the worker's card, and what to do about it."""

    matter: str
    probability: float
    reasons: tuple[str, ...]
    verdict: Literal["join", "suggest", "recurs", "none"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that can be cited. `clause` is the path of headings (第三章 › 第十二条). `staff_only`: not for residents."""

    id: str
    doc: str
    text: str
    title: str = ""
    number: str = ""
    issuer: str = ""
    date: str = ""
    clause: str = ""
    link: str = ""
    valid_from: str = ""
    valid_until: str = ""
    superseded_by: str = ""
    area: str = ""
    staff_only: bool = False
    curated_answer: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer's words stand: `quote` is verbatim in the passage, whole sentences that can be read alone."""

    doc: str
    title: str
    number: str
    clause: str
    date: str
    link: str
    quote: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be checked. None in place of an Answer means: refused, nothing was good enough.

    `passages`: what it may be phrased anew from, the quoted one first; none for a curated answer, which is given word for word.
    """

    text: str
    citation: Citation
    confidence: float
    passages: tuple[Passage, ...] = ()
