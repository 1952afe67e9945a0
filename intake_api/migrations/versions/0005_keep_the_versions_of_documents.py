"""keep the editions of documents, what lists ask them by, and where those are who asked"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_WORDS = {"title": 300, "number": 300, "issuer": 300, "date": 10, "valid_from": 10, "valid_until": 10, "area": 300, "audience": 300}
_NEW = {**_WORDS, "heir": 200, "heir_from": 10, "file_digest": 64}
_NUMBERS = {"changed_in": 0, "edition": 1, "pairs": 0, "chars": 0}


def upgrade() -> None:
    op.create_table(
        "knowledge_editions",
        sa.Column("document_id", sa.String(length=200), nullable=False),
        sa.Column("edition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "edition", name=op.f("pk_knowledge_editions")),
    )
    with op.batch_alter_table("knowledge_documents") as table:
        for name, length in _NEW.items():
            table.add_column(sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
        for name, first in _NUMBERS.items():
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default=str(first)))
        table.add_column(sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("supersedes", _JSON, nullable=False, server_default="[]"))
        table.add_column(sa.Column("by_hand", _JSON, nullable=False, server_default="[]"))
        table.create_index(op.f("ix_knowledge_documents_changed_in_id"), ["changed_in", "id"])
        table.create_index(op.f("ix_knowledge_documents_file_digest"), ["file_digest"])
    with op.batch_alter_table("knowledge_questions") as table:
        table.add_column(sa.Column("given", sa.String(length=4000), nullable=False, server_default=""))
        table.add_column(sa.Column("given_doc", sa.String(length=200), nullable=False, server_default=""))
        table.add_column(sa.Column("answered_at", sa.DateTime(timezone=True)))
        table.add_column(sa.Column("pair", sa.String(length=200), nullable=False, server_default=""))
    with op.batch_alter_table("knowledge_asked") as table:
        table.add_column(sa.Column("person", sa.String(length=24), nullable=False, server_default=""))
        table.add_column(sa.Column("address", sa.LargeBinary()))
        table.create_index(op.f("ix_knowledge_asked_person"), ["person"])
    _describe()


def _describe() -> None:
    """What the new columns say of the documents that are there already, each in its first edition."""
    from nlp.documents import document, heirs_of

    documents = sa.table(
        "knowledge_documents",
        *(sa.column(name) for name in ("id", "changed_in", "pairs", "chars", "heir", "heir_from", "added_at", "added_by", *_WORDS)),
        sa.column("body", _JSON),
        sa.column("supersedes", _JSON),
    )
    editions = sa.table(
        "knowledge_editions", *(sa.column(name) for name in ("document_id", "edition", "act", "at", "by")), sa.column("body", _JSON)
    )
    connection = op.get_bind()
    version = connection.scalar(sa.text("SELECT max(version) FROM knowledge_versions")) or 0
    rows = connection.execute(sa.select(documents.c.id, documents.c.body, documents.c.added_at, documents.c.added_by)).all()
    read = {row.id: document({k: v for k, v in row.body.items() if v}) for row in rows}
    heirs = heirs_of(list(read.values()))
    for row in rows:
        one, heir = read[row.id], heirs.get(row.id)
        told = {name: getattr(one, name)[:length] for name, length in _WORDS.items()}
        about = {"pairs": len(one.pairs), "chars": len(one.text), "supersedes": list(one.supersedes), "changed_in": version}
        follows = {"heir": heir.id, "heir_from": heir.valid_from or heir.date} if heir else {}
        connection.execute(sa.update(documents).where(documents.c.id == row.id).values(**told, **about, **follows))
        first = {"document_id": row.id, "edition": 1, "act": "added", "body": row.body, "at": row.added_at, "by": row.added_by}
        connection.execute(sa.insert(editions).values(first))


def downgrade() -> None:
    with op.batch_alter_table("knowledge_asked") as table:
        table.drop_index(op.f("ix_knowledge_asked_person"))
        table.drop_column("address")
        table.drop_column("person")
    with op.batch_alter_table("knowledge_questions") as table:
        for name in ("pair", "answered_at", "given_doc", "given"):
            table.drop_column(name)
    with op.batch_alter_table("knowledge_documents") as table:
        table.drop_index(op.f("ix_knowledge_documents_file_digest"))
        table.drop_index(op.f("ix_knowledge_documents_changed_in_id"))
        for name in (*_NEW, *_NUMBERS, "withdrawn", "supersedes", "by_hand"):
            table.drop_column(name)
    op.drop_table("knowledge_editions")
