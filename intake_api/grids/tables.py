"""Grids with their gazetteer and roster, the chats bound to them, and the one-time codes that bind them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.db import Base, Instant, Json
from nlp.schema import Role


class Grid(Base):
    """A grid. `gazetteer`: estates, spots, roads, aliases, official_phones as in contracts.GridIn. A change raises `version`."""

    __tablename__ = "grids"
    __table_args__ = (Index(None, "street", "community"),)

    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    community: Mapped[str] = mapped_column(String(100))
    street: Mapped[str] = mapped_column(String(100))
    district: Mapped[str] = mapped_column(String(100), default="")
    gazetteer: Mapped[dict[str, Any]] = mapped_column(Json)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class Staff(Base):
    """A person on a grid's roster; `place` is their turn among those of the same role."""

    __tablename__ = "staff"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    grid: Mapped[str] = mapped_column(ForeignKey("grids.code"), index=True)
    name: Mapped[str] = mapped_column(String(50))
    role: Mapped[Role] = mapped_column(String(20))
    place: Mapped[int] = mapped_column(default=0)


class StaffHandle(Base):
    """An account of a staff member in a channel. One account may serve several grids."""

    __tablename__ = "staff_handles"
    __table_args__ = (UniqueConstraint("staff", "channel", "handle"), Index(None, "channel", "handle"))

    id: Mapped[int] = mapped_column(primary_key=True)
    staff: Mapped[str] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(100))
    handle: Mapped[str] = mapped_column(String(200))


class OneTimeCode(Base):
    """A start link of a worker (`staff`) or a bind code of a group (`grid`); only the digest of the code is kept."""

    __tablename__ = "one_time_codes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    grid: Mapped[str] = mapped_column(ForeignKey("grids.code"))
    staff: Mapped[str | None] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    made_by: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    used_by: Mapped[str] = mapped_column(String(300), default="")


class Chat(Base):
    """A group as the assistant sees it: its grid and its settings. `moved_to` is its new id after a migration."""

    __tablename__ = "chats"

    channel: Mapped[str] = mapped_column(String(100), primary_key=True)
    chat_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    grid: Mapped[str | None] = mapped_column(ForeignKey("grids.code"), index=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    bound_by: Mapped[str] = mapped_column(String(300), default="")
    bound_at: Mapped[datetime | None] = mapped_column(Instant)
    moved_to: Mapped[str] = mapped_column(String(200), default="")
