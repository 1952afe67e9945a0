"""The documents of the policy base with their editions, a row for every change, the questions left open, and votes on answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.contracts import QuestionState
from intake_api.db import Base, Instant, Json


class KnowledgeDocument(Base):
    """A document as it stands (see nlp.documents.Document). `digest` tells whether another hand-in changes anything.

    The columns beside `body` say again what lists, filters and heirs are asked by. `changed_in`: the base's version that last
    changed anything that is cited from it. `heir`, `heir_from`: what supersedes it, and since when. `by_hand`: fields that a
    person wrote, which a new edition of the file does not undo. A withdrawn document stays, so that it can come back.
    """

    __tablename__ = "knowledge_documents"
    __table_args__ = (Index(None, "changed_in", "id"), Index(None, "file_digest"))

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(Json, deferred=True)
    digest: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(Instant)
    added_by: Mapped[str] = mapped_column(String(100))
    changed_in: Mapped[int] = mapped_column(default=0)
    edition: Mapped[int] = mapped_column(default=1)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    title: Mapped[str] = mapped_column(String(300), default="")
    number: Mapped[str] = mapped_column(String(300), default="")
    issuer: Mapped[str] = mapped_column(String(300), default="")
    date: Mapped[str] = mapped_column(String(10), default="")
    valid_from: Mapped[str] = mapped_column(String(10), default="")
    valid_until: Mapped[str] = mapped_column(String(10), default="")
    supersedes: Mapped[list[str]] = mapped_column(Json, default=list)
    area: Mapped[str] = mapped_column(String(300), default="")
    audience: Mapped[str] = mapped_column(String(300), default="")
    pairs: Mapped[int] = mapped_column(default=0)
    chars: Mapped[int] = mapped_column(default=0)
    heir: Mapped[str] = mapped_column(String(200), default="")
    heir_from: Mapped[str] = mapped_column(String(10), default="")
    by_hand: Mapped[list[str]] = mapped_column(Json, default=list)
    file_digest: Mapped[str] = mapped_column(String(64), default="")


class Edition(Base):
    """A document as it was after a change, for looking back and for going back. Withdrawing and restoring are editions, too."""

    __tablename__ = "knowledge_editions"

    document_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    edition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    act: Mapped[str] = mapped_column(String(20))
    body: Mapped[dict[str, Any]] = mapped_column(Json, deferred=True)
    at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(100))


class KnowledgeVersion(Base):
    """A change of the base. The number is its key, so that two changes at once cannot take the same one."""

    __tablename__ = "knowledge_versions"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(100))
    changed: Mapped[int] = mapped_column()


class OpenQuestion(Base):
    """A question nobody could answer well (未答好的问题). `given` is the answer that somebody found no help, `pair` the curated
    pair that a person's answer became.

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
    given: Mapped[str] = mapped_column(String(4000), default="")
    given_doc: Mapped[str] = mapped_column(String(200), default="")
    answer: Mapped[str] = mapped_column(String(4000), default="")
    answered_by: Mapped[str] = mapped_column(String(100), default="")
    answered_at: Mapped[datetime | None] = mapped_column(Instant)
    pair: Mapped[str] = mapped_column(String(200), default="")


class Asked(Base):
    """Which message asked which question, so that a repeated call counts once and its answer finds the way back.

    `address` (sealed) is kept until the asker was told; `person` is a pseudonym, so that who wants to be forgotten is.
    """

    __tablename__ = "knowledge_asked"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    question_id: Mapped[int] = mapped_column(index=True)
    person: Mapped[str] = mapped_column(String(24), default="", index=True)
    address: Mapped[bytes | None] = mapped_column(LargeBinary)


class Vote(Base):
    """One person's 👍 or 👎 on one answer; who it was is a digest."""

    __tablename__ = "knowledge_votes"
    __table_args__ = (Index(None, "doc"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    doc: Mapped[str] = mapped_column(String(200))
    helpful: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(Instant)
