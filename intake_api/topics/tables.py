"""How topics lie in the database: topics, what belongs to them, their days, the volume by hour, and the surges seen.

Everything here is derived: emptied, it is gathered again from the tickets (and the letters, which are kept here).
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.contracts.topics import AreaLevel
from intake_api.db import Base, Instant, Json


class Topic(Base):
    """What several matters and letters are about. `block`: part of the city and domain within which it was gathered."""

    __tablename__ = "topics"
    __table_args__ = (Index("ix_topics_block", "block", "last_at"), Index("ix_topics_category", "category", "last_at"))

    id: Mapped[str] = mapped_column(String(70), primary_key=True)
    block: Mapped[str] = mapped_column(String(250))
    category: Mapped[str] = mapped_column(String(100), default="")
    first_at: Mapped[datetime] = mapped_column(Instant)
    last_at: Mapped[datetime] = mapped_column(Instant)


class Member(Base):
    """A ticket (its id) or a letter (`l:` and its id) as it was last counted. `topic` is None while it counts for nothing or waits.

    `counted`: what it added to the volume, as {"category", "area": [grid, community, street, district], "hours": {hour: voices}}:
    taken back before it is counted again.
    """

    __tablename__ = "topic_members"
    __table_args__ = (Index("ix_topic_members_block", "block", "at"), Index("ix_topic_members_topic", "topic", "at"))

    id: Mapped[str] = mapped_column(String(70), primary_key=True)
    topic: Mapped[str | None] = mapped_column(String(70))
    block: Mapped[str] = mapped_column(String(250))
    at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(Integer)
    counted: Mapped[dict[str, object]] = mapped_column(Json, default=dict)


class DirtyBlock(Base):
    """A block whose members changed since it was gathered. `failures`: how often in a row gathering it failed, lastly with `error`
    (a type's name); it is tried again at `since`, and after TRIES of them (see gathering.py) set aside until a person says so."""

    __tablename__ = "topic_dirty_blocks"

    block: Mapped[str] = mapped_column(String(250), primary_key=True)
    since: Mapped[datetime] = mapped_column(Instant)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(String(100), default="")


class Day(Base):
    """What one grid and lead unit added to a topic on one day: everything that is shown is a sum of these.

    `people` are counted on the day and in the grid where they first spoke of the topic, so that sums count nobody twice.
    `central` is the member there that says best what it is about.
    """

    __tablename__ = "topic_days"
    __table_args__ = (
        Index("ix_topic_days_day", "day", "topic"),
        Index("ix_topic_days_grid", "grid", "day"),
        Index("ix_topic_days_community", "community", "day"),
        Index("ix_topic_days_street", "street", "day"),
        Index("ix_topic_days_unit", "unit", "day"),
    )

    topic: Mapped[str] = mapped_column(String(70), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    grid: Mapped[str] = mapped_column(String(100), primary_key=True)
    unit: Mapped[str] = mapped_column(String(200), primary_key=True)
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    assist_units: Mapped[list[str]] = mapped_column(Json, default=list)
    matters: Mapped[int] = mapped_column(Integer, default=0)
    people: Mapped[int] = mapped_column(Integer, default=0)
    urgent: Mapped[int] = mapped_column(Integer, default=0)
    likes: Mapped[int] = mapped_column(Integer, default=0)
    against: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime] = mapped_column(Instant)
    central: Mapped[str] = mapped_column(String(70), default="")


class Volume(Base):
    """How many voices a grid raised about a matter in an hour; the baseline of surges. Kept for some weeks."""

    __tablename__ = "topic_volumes"
    __table_args__ = (Index("ix_topic_volumes_category", "category", "hour"),)

    hour: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    category: Mapped[str] = mapped_column(String(100), primary_key=True)
    grid: Mapped[str] = mapped_column(String(100), primary_key=True)
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    voices: Mapped[int] = mapped_column(Integer, default=0)


class Surge(Base):
    """An alert: unusually many voices of an area about a matter. Told once; open until `ended_at`.

    The columns of a place are filled down to `level`: a community's surge names no grid, the city's nothing.
    """

    __tablename__ = "topic_surges"
    __table_args__ = (Index("ix_topic_surges_open", "ended_at", "opened_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    level: Mapped[AreaLevel] = mapped_column(String(12))
    category: Mapped[str] = mapped_column(String(100))
    grid: Mapped[str] = mapped_column(String(100), default="")
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    opened_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    voices: Mapped[int] = mapped_column(Integer)
    expected: Mapped[float] = mapped_column()
    ticket_id: Mapped[str] = mapped_column(String(36), default="")


class Mark(Base):
    """How far the tickets have been read; written with what was made of them."""

    __tablename__ = "topic_marks"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)


class TopicLetter(Base):
    """A letter to the authority, masked; `person` is the writer's pseudonym. `version` rises when it is sent again, changed."""

    __tablename__ = "topic_letters"
    __table_args__ = (Index("ix_topic_letters_updated", "updated_at", "id"),)

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    person: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(300))
    detail: Mapped[str] = mapped_column(Text, default="")
    category: Mapped[str | None] = mapped_column(String(100))
    grid: Mapped[str] = mapped_column(String(100), default="")
    community: Mapped[str] = mapped_column(String(100), default="")
    street: Mapped[str] = mapped_column(String(100), default="")
    district: Mapped[str] = mapped_column(String(100), default="")
    likes: Mapped[int] = mapped_column(Integer, default=0)
    against: Mapped[int] = mapped_column(Integer, default=0)
    at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
