"""Who wants to be told about tickets, and every delivery with its tries, so that a failure is seen and can be replayed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.db import Base, Instant, Json

DeliveryState = Literal["pending", "delivered", "failed"]


class Webhook(Base):
    """A subscription. `unit` empty: tickets of every unit. `sealed_secret` signs deliveries and is stored encrypted."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    unit: Mapped[str] = mapped_column(String(100), default="")
    states: Mapped[list[str]] = mapped_column(Json, default=list)
    sealed_secret: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(String(100))


class Delivery(Base):
    """One message to one subscriber. `next_at` is when it is tried next; None once it was delivered or given up."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "webhook", "created_at"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    webhook: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    ticket_id: Mapped[str] = mapped_column(String(36))
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[DeliveryState] = mapped_column(String(20), default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(Instant)
    last_status: Mapped[int | None] = mapped_column()
    last_error: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(Instant)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)
