"""How incidents lie in the database; a ticket names its incident in `tickets.incident`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.contracts.incidents import IncidentState, Reach
from intake_api.db import Base, Instant, Json


class Incident(Base):
    """`grid`, `community`, `street`, `district`: the area it covers, empty below its reach. `told`: groups told of it, as channel:id.

    `parted`: tickets that a person took out, which no rule may put back. `log`: who did what, the newest last.
    """

    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_open", "state", "street", "category"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    state: Mapped[IncidentState] = mapped_column(String(12), default="open")
    category: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(String(60))
    words: Mapped[str] = mapped_column(String(500), default="")
    until: Mapped[datetime | None] = mapped_column(Instant)
    reach: Mapped[Reach] = mapped_column(String(12))
    grid: Mapped[str] = mapped_column(String(100), default="")
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    opened_by: Mapped[str] = mapped_column(String(300))
    opened_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    log: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    told: Mapped[list[str]] = mapped_column(Json, default=list)
    parted: Mapped[list[str]] = mapped_column(Json, default=list)


class TicketVector(Base):
    """What a ticket's words mean, so that the index is rebuilt without encoding them again. `digest`: of the words it stands for."""

    __tablename__ = "ticket_vectors"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    encoder: Mapped[str] = mapped_column(String(100))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
