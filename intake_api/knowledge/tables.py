"""The documents of the policy base, and one row for every time the base changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.db import Base, Instant, Json


class KnowledgeDocument(Base):
    """A document as it was handed in (see nlp.documents.Document). `digest` tells whether another hand-in changes anything."""

    __tablename__ = "knowledge_documents"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(Instant)
    added_by: Mapped[str] = mapped_column(String(100))


class KnowledgeVersion(Base):
    """A change of the base. The number is its key, so that two changes at once cannot take the same one."""

    __tablename__ = "knowledge_versions"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(100))
    changed: Mapped[int] = mapped_column()
