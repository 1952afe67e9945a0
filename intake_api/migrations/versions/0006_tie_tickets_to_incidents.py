"""Incidents over many tickets, what a person took apart, and the vectors that a rebuilt index starts from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reach", sa.String(length=12), nullable=False),
        sa.Column("grid", sa.String(length=100), nullable=False),
        sa.Column("community", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=100), nullable=False),
        sa.Column("district", sa.String(length=100), nullable=False),
        sa.Column("opened_by", sa.String(length=300), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("log", _JSON, nullable=False),
        sa.Column("told", _JSON, nullable=False),
        sa.Column("parted", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.create_index("ix_incidents_open", ["state", "street", "category"], unique=False)

    op.create_table(
        "partings",
        sa.Column("one", sa.String(length=36), nullable=False),
        sa.Column("other", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["one"], ["tickets.id"], name=op.f("fk_partings_one")),
        sa.ForeignKeyConstraint(["other"], ["tickets.id"], name=op.f("fk_partings_other")),
        sa.PrimaryKeyConstraint("one", "other", name=op.f("pk_partings")),
    )
    with op.batch_alter_table("partings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_partings_other"), ["other"], unique=False)

    op.create_table(
        "ticket_vectors",
        sa.Column("ticket_id", sa.String(length=36), nullable=False),
        sa.Column("encoder", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_vectors_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_vectors")),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unlike", _JSON, nullable=False, server_default="[]"))
        batch_op.create_index("ix_tickets_incident", ["incident"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index("ix_tickets_incident")
        batch_op.drop_column("unlike")
    op.drop_table("ticket_vectors")
    with op.batch_alter_table("partings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_partings_other"))
    op.drop_table("partings")
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.drop_index("ix_incidents_open")
    op.drop_table("incidents")
