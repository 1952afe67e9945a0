"""The words every wire shape is made of: states, roles, bounded strings, moments; and the shape of a problem."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zlib import crc32

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict

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


def _of_our_time(value: datetime) -> datetime:
    """Years at the rim of the calendar cannot be told in another time zone: a clock that says so is broken."""
    if not 1970 <= value.year <= 2200:
        raise ValueError("the year must lie between 1970 and 2200")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_no_bare_number), AfterValidator(_of_our_time)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]


class Wire(BaseModel):
    """Unknown fields are refused, so that a misspelt field is an error and not a loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(min_length=1, max_length=100)]
ChatId = Annotated[str, Field(min_length=1, max_length=200)]


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
