"""Gather hot topics"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topic_days",
        sa.Column("topic", sa.String(length=70), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("grid", sa.String(length=100), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("community", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=100), nullable=False),
        sa.Column("district", sa.String(length=100), nullable=False),
        sa.Column("assist_units", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("matters", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Integer(), nullable=False),
        sa.Column("likes", sa.Integer(), nullable=False),
        sa.Column("against", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("central", sa.String(length=70), nullable=False),
        sa.PrimaryKeyConstraint("topic", "day", "grid", "unit", name=op.f("pk_topic_days")),
    )
    op.create_index("ix_topic_days_community", "topic_days", ["community", "day"], unique=False)
    op.create_index("ix_topic_days_day", "topic_days", ["day", "topic"], unique=False)
    op.create_index("ix_topic_days_grid", "topic_days", ["grid", "day"], unique=False)
    op.create_index("ix_topic_days_street", "topic_days", ["street", "day"], unique=False)
    op.create_index("ix_topic_days_unit", "topic_days", ["unit", "day"], unique=False)
    op.create_table(
        "topic_dirty_blocks",
        sa.Column("block", sa.String(length=250), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("block", name=op.f("pk_topic_dirty_blocks")),
    )
    op.create_table(
        "topic_letters",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=True),
        sa.Column("grid", sa.String(length=100), nullable=False),
        sa.Column("community", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=100), nullable=False),
        sa.Column("district", sa.String(length=100), nullable=False),
        sa.Column("likes", sa.Integer(), nullable=False),
        sa.Column("against", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_letters")),
    )
    op.create_index("ix_topic_letters_updated", "topic_letters", ["updated_at", "id"], unique=False)
    op.create_table(
        "topic_marks",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_topic_marks")),
    )
    op.create_table(
        "topic_members",
        sa.Column("id", sa.String(length=70), nullable=False),
        sa.Column("topic", sa.String(length=70), nullable=True),
        sa.Column("block", sa.String(length=250), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("counted", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_members")),
    )
    op.create_index("ix_topic_members_block", "topic_members", ["block", "at"], unique=False)
    op.create_index("ix_topic_members_topic", "topic_members", ["topic", "at"], unique=False)
    op.create_table(
        "topic_surges",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("level", sa.String(length=12), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("grid", sa.String(length=100), nullable=False),
        sa.Column("community", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=100), nullable=False),
        sa.Column("district", sa.String(length=100), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voices", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("ticket_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_surges")),
    )
    op.create_index("ix_topic_surges_open", "topic_surges", ["ended_at", "opened_at"], unique=False)
    op.create_table(
        "topic_volumes",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("grid", sa.String(length=100), nullable=False),
        sa.Column("community", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=100), nullable=False),
        sa.Column("district", sa.String(length=100), nullable=False),
        sa.Column("voices", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "category", "grid", name=op.f("pk_topic_volumes")),
    )
    op.create_index("ix_topic_volumes_category", "topic_volumes", ["category", "hour"], unique=False)
    op.create_table(
        "topics",
        sa.Column("id", sa.String(length=70), nullable=False),
        sa.Column("block", sa.String(length=250), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topics")),
    )
    op.create_index("ix_topics_block", "topics", ["block", "last_at"], unique=False)
    op.create_index("ix_topics_category", "topics", ["category", "last_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_topics_category", table_name="topics")
    op.drop_index("ix_topics_block", table_name="topics")
    op.drop_table("topics")
    op.drop_index("ix_topic_volumes_category", table_name="topic_volumes")
    op.drop_table("topic_volumes")
    op.drop_index("ix_topic_surges_open", table_name="topic_surges")
    op.drop_table("topic_surges")
    op.drop_index("ix_topic_members_topic", table_name="topic_members")
    op.drop_index("ix_topic_members_block", table_name="topic_members")
    op.drop_table("topic_members")
    op.drop_table("topic_marks")
    op.drop_index("ix_topic_letters_updated", table_name="topic_letters")
    op.drop_table("topic_letters")
    op.drop_table("topic_dirty_blocks")
    op.drop_index("ix_topic_days_unit", table_name="topic_days")
    op.drop_index("ix_topic_days_street", table_name="topic_days")
    op.drop_index("ix_topic_days_grid", table_name="topic_days")
    op.drop_index("ix_topic_days_day", table_name="topic_days")
    op.drop_index("ix_topic_days_community", table_name="topic_days")
    op.drop_table("topic_days")
