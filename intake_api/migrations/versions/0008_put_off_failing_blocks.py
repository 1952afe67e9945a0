"""Put off blocks of topics that cannot be gathered"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("topic_dirty_blocks", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("topic_dirty_blocks", sa.Column("error", sa.String(length=100), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("topic_dirty_blocks", "error")
    op.drop_column("topic_dirty_blocks", "failures")
