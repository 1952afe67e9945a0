"""The database itself refuses to change or remove history"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQLITE = """CREATE TRIGGER history_no_{verb} BEFORE {VERB} ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"""
_POSTGRES = """CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_SQLITE.format(verb=verb, VERB=verb.upper()))
        return
    op.execute(_POSTGRES)
    for verb in ("update", "delete", "truncate"):
        each = "STATEMENT" if verb == "truncate" else "ROW"
        when = f"BEFORE {verb.upper()} ON history FOR EACH {each}"
        op.execute(f"CREATE TRIGGER history_no_{verb} {when} EXECUTE FUNCTION refuse_history_change()")


def downgrade() -> None:
    on = "" if op.get_bind().dialect.name == "sqlite" else " ON history"
    for verb in ("update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER IF EXISTS history_no_{verb}{on}")
    if on:
        op.execute("DROP FUNCTION refuse_history_change()")
