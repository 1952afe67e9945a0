"""The documents of the policy base, one row for every time it changed, the questions it left open, and votes on its answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.contracts import QuestionState
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


class OpenQuestion(Base):
    """A question nobody could answer well (未答好的问题).

    The same words in their plain spelling are one question of a grid; asked again after it was settled they open another `round`.
    """

    __tablename__ = "knowledge_questions"
    __table_args__ = (UniqueConstraint("words_digest", "grid", "round"), Index(None, "state", "last_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    words_digest: Mapped[str] = mapped_column(String(64))
    grid: Mapped[str] = mapped_column(String(100))
    round: Mapped[int] = mapped_column(default=0)
    question: Mapped[str] = mapped_column(String(500))
    reason: Mapped[str] = mapped_column(String(20))
    ticket_id: Mapped[str] = mapped_column(String(36), default="")
    state: Mapped[QuestionState] = mapped_column(String(20), default="open")
    asked: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[datetime] = mapped_column(Instant)
    last_at: Mapped[datetime] = mapped_column(Instant)
    answer: Mapped[str] = mapped_column(String(4000), default="")
    answered_by: Mapped[str] = mapped_column(String(100), default="")


class Asked(Base):
    """Which message asked which question, so that a repeated call counts once."""

    __tablename__ = "knowledge_asked"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    question_id: Mapped[int] = mapped_column(index=True)


class Vote(Base):
    """One person's 👍 or 👎 on one answer; who it was is a digest."""

    __tablename__ = "knowledge_votes"
    __table_args__ = (Index(None, "doc"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    doc: Mapped[str] = mapped_column(String(200))
    helpful: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(Instant)
