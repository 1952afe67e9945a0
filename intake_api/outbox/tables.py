"""How what must be told lies in the database, until it is told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.db import Base, Instant


class Outbox(Base):
    """One thing to tell one receiver. Rows of a ticket are written under the ticket's lock, so `seq` is their order.

    `kind` chat: an Event for one chat, taken by the relay. `kind` ticket: the same change once, without a chat, taken by the
    webhook worker, which fans it out. `event` is the Event's JSON, sealed where it carries a person's private handle.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_waiting", "kind", "seq", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
        Index("ix_outbox_sent", "sent_at"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    ticket_id: Mapped[str] = mapped_column(String(36))
    type: Mapped[str] = mapped_column(String(32))
    chat: Mapped[str] = mapped_column(String(301), default="")
    event: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)


class Lease(Base):
    """Who does a job that only one process may do at a time; taken over when `until` has passed."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime] = mapped_column(Instant)
