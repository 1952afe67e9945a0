"""Evidence: what was sent along with a report. The bytes lie in files named by their digest; here is whose they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.db import Base, Instant


class Evidence(Base):
    """A file of a ticket. `sha256` is of the stored bytes (metadata removed); private unless a person makes it public."""

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("ticket_id", "sha256"), UniqueConstraint("ticket_id", "upload_key"), Index(None, "sha256"))

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(36))
    sha256: Mapped[str] = mapped_column(String(64))
    mime: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column()
    width: Mapped[int | None] = mapped_column()
    height: Mapped[int | None] = mapped_column()
    message_id: Mapped[str] = mapped_column(String(200), default="")
    upload_key: Mapped[str | None] = mapped_column(String(300))
    public: Mapped[bool] = mapped_column(default=False)
    added_by: Mapped[str] = mapped_column(String(100))
    added_at: Mapped[datetime] = mapped_column(Instant)
