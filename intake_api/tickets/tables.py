"""How tickets lie in the database: the ticket, what was said about it, who reported it, its history, its corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.contracts import ClosingCode, Level, State, TicketKind, Urgency
from intake_api.db import Base, Instant, Json
from nlp.schema import Role


class Ticket(Base):
    """One matter. `first_seen_at` is when the resident said it, `received_at` when we stored it; neither ever changes.

    `timer` names the one thing the jobs role has to do about it next (confirm, callback), at `timer_at`, on rung `timer_step`.
    `chats`: groups where it was reported, `asked`: workers' chats that hold a card of it, both as channel:id.
    `unlike`: words of tickets that were merged with it and taken apart again, the newest last.
    `history_seq` and `history_head` are the end of its chain, so that a cut-off tail is noticed.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_updated", "updated_at", "id"),
        Index("ix_tickets_state_updated", "state", "updated_at", "id"),
        Index("ix_tickets_grid_updated", "grid", "updated_at", "id"),
        Index("ix_tickets_community_updated", "community", "updated_at", "id"),
        Index("ix_tickets_street_updated", "street", "updated_at", "id"),
        Index("ix_tickets_unit_updated", "lead_unit", "updated_at", "id"),
        Index("ix_tickets_category_updated", "category", "updated_at", "id"),
        Index("ix_tickets_timer", "timer_at"),
        Index("ix_tickets_duplicate_of", "duplicate_of"),
        Index("ix_tickets_incident", "incident"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[State] = mapped_column(String(24))
    state_note: Mapped[str] = mapped_column(String(1000), default="")
    held: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[TicketKind] = mapped_column(String(20))
    category: Mapped[str | None] = mapped_column(String(100))
    category_version: Mapped[int] = mapped_column(Integer, default=1)
    decided_by: Mapped[str] = mapped_column(String(120), default="model")
    judgement: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    title: Mapped[str] = mapped_column(String(60), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    place: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    grid: Mapped[str] = mapped_column(String(100))
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    urgency: Mapped[Urgency] = mapped_column(String(12), default="normal")
    delicate: Mapped[bool] = mapped_column(default=False)
    confidential: Mapped[bool] = mapped_column(default=False)
    level: Mapped[Level] = mapped_column(String(12))
    lead_unit: Mapped[str] = mapped_column(String(200), default="")
    assist_units: Mapped[list[str]] = mapped_column(Json, default=list)
    assignee: Mapped[str] = mapped_column(String(120), default="")
    grid_duty: Mapped[bool] = mapped_column(default=True)
    first_seen_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    accepted_at: Mapped[datetime | None] = mapped_column(Instant)
    dispatched_at: Mapped[datetime | None] = mapped_column(Instant)
    paused_at: Mapped[datetime | None] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    respond_by: Mapped[datetime | None] = mapped_column(Instant)
    resolve_by: Mapped[datetime | None] = mapped_column(Instant)
    extension_until: Mapped[datetime | None] = mapped_column(Instant)
    returns: Mapped[int] = mapped_column(Integer, default=0)
    before_merge: Mapped[str] = mapped_column(String(24), default="")
    affected_people: Mapped[int] = mapped_column(Integer, default=1)
    affected_households: Mapped[int] = mapped_column(Integer, default=1)
    affected_buildings: Mapped[int] = mapped_column(Integer, default=1)
    duplicate_of: Mapped[str | None] = mapped_column(ForeignKey("tickets.id"))
    incident: Mapped[str | None] = mapped_column(String(36))
    recurs_from: Mapped[str | None] = mapped_column(String(36))
    suggestions: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    unlike: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")
    closing_code: Mapped[ClosingCode | None] = mapped_column(String(20))
    public_reply: Mapped[str] = mapped_column(Text, default="")
    rating: Mapped[dict[str, Any] | None] = mapped_column(Json)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    chats: Mapped[list[str]] = mapped_column(Json, default=list)
    asked: Mapped[list[str]] = mapped_column(Json, default=list)
    media: Mapped[list[str]] = mapped_column(Json, default=list)
    timer: Mapped[str] = mapped_column(String(12), default="")
    timer_at: Mapped[datetime | None] = mapped_column(Instant)
    timer_step: Mapped[int] = mapped_column(Integer, default=0)
    history_seq: Mapped[int] = mapped_column(Integer, default=0)
    history_head: Mapped[str] = mapped_column(String(64), default="")


def fresh_ticket(**columns: Any) -> Ticket:
    """A ticket with its columns' defaults filled in already, so that rules can look at it before it is written."""
    return Ticket(**{**_DEFAULTS, **{name: [] for name in _LISTS}, **columns})


_LISTS = ("assist_units", "suggestions", "unlike", "chats", "asked", "media")
_DEFAULTS = {
    column.key: column.default.arg for column in Ticket.__table__.columns if column.default is not None and column.default.is_scalar
}


class Message(Base):
    """Something said about a ticket. `external_id` makes it count once. `home_ticket_id` is the ticket it was first filed
    under; a merge moves `ticket_id` only, so that an unmerge can give each its own back.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_ticket", "ticket_id", "at"),
        Index("ix_messages_home", "home_ticket_id"),
        Index("ix_messages_chat", "chat", "ticket_id"),
        Index("ix_messages_original_until", "original_until"),
        Index("ix_messages_person", "person"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    external_id: Mapped[str] = mapped_column(String(300), unique=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", deferrable=True, initially="DEFERRED"))
    home_ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", deferrable=True, initially="DEFERRED"))
    kind: Mapped[str] = mapped_column(String(12))
    chat: Mapped[str] = mapped_column(String(301), default="")
    private: Mapped[bool] = mapped_column(default=False)
    message_ids: Mapped[list[str]] = mapped_column(Json, default=list)
    edit_of: Mapped[str] = mapped_column(String(200), default="")
    person: Mapped[str] = mapped_column(String(32))
    role: Mapped[Role] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    masked: Mapped[str] = mapped_column(Text, default="")
    place: Mapped[dict[str, Any] | None] = mapped_column(Json)
    original: Mapped[bytes | None] = mapped_column(LargeBinary)
    original_until: Mapped[datetime | None] = mapped_column(Instant)


class Reporter(Base):
    """A person who reported a ticket or joined it. `person` is a pseudonym; the channel handle is sealed and shown to nobody."""

    __tablename__ = "reporters"
    __table_args__ = (
        UniqueConstraint("home_ticket_id", "person"),
        Index("ix_reporters_ticket", "ticket_id"),
        Index("ix_reporters_person", "person", "ticket_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", deferrable=True, initially="DEFERRED"))
    home_ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", deferrable=True, initially="DEFERRED"))
    person: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(100))
    chat: Mapped[str] = mapped_column(String(301))
    private: Mapped[bool] = mapped_column(default=False)
    handle: Mapped[bytes | None] = mapped_column(LargeBinary)
    handle_until: Mapped[datetime | None] = mapped_column(Instant)
    role: Mapped[Role] = mapped_column(String(16))
    household: Mapped[str] = mapped_column(String(64), default="")
    building: Mapped[str] = mapped_column(String(200), default="")
    anonymous: Mapped[bool] = mapped_column(default=False)
    confidential: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[dict[str, Any] | None] = mapped_column(Json)


class History(Base):
    """The append-only chain of a ticket; triggers refuse every change and removal. `key` makes an act count once."""

    __tablename__ = "history"
    __table_args__ = (UniqueConstraint("key"),)

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", deferrable=True, initially="DEFERRED"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(20))
    act: Mapped[str] = mapped_column(String(24))
    from_state: Mapped[State | None] = mapped_column(String(24))
    to_state: Mapped[State] = mapped_column(String(24))
    reason: Mapped[str] = mapped_column(String(1000), default="")
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    key: Mapped[str | None] = mapped_column(String(300))
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Correction(Base):
    """What a person changed of what the model had said: the next training data."""

    __tablename__ = "corrections"
    __table_args__ = (Index("ix_corrections_at", "at"), Index("ix_corrections_ticket", "ticket_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    at: Mapped[datetime] = mapped_column(Instant)
    field: Mapped[str] = mapped_column(String(20))
    before: Mapped[dict[str, Any]] = mapped_column(Json)
    after: Mapped[dict[str, Any]] = mapped_column(Json)
    by: Mapped[str] = mapped_column(String(300))
    model_version: Mapped[str] = mapped_column(String(100), default="")


class Parting(Base):
    """Two tickets that a person merged and took apart again; `one` is the smaller id. Nothing joins them again by itself."""

    __tablename__ = "partings"
    __table_args__ = (Index(None, "other"),)

    one: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    other: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(300))


class Sequence(Base):
    """The last number given out for a prefix on a day; taken in the ticket's own transaction, so numbers have no gaps."""

    __tablename__ = "number_sequences"

    prefix: Mapped[str] = mapped_column(String(20), primary_key=True)
    day: Mapped[str] = mapped_column(String(8), primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
