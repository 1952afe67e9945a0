"""Schema changes, the same on SQLite and PostgreSQL; `upgrade` brings a database to the newest."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, make_url, text

_LOCK_KEY = 0x6D696E6875  # "minhu": one migration at a time on a PostgreSQL server


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema of `database_url` (sqlite+aiosqlite or postgresql+psycopg) up to date. Blocking; any number of
    processes may call it at once: they take turns, and the later ones find nothing to do.
    """
    engine = create_engine(database_url.replace("+aiosqlite", ""))
    try:
        with _one_at_a_time(database_url), engine.connect() as connection:
            _advisory_lock(connection)
            command.upgrade(config_for(connection), revision)
    finally:
        engine.dispose()


def config_for(connection: Connection) -> Config:
    """Alembic's configuration, made here because there is no ini file to find."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _one_at_a_time(database_url: str) -> Iterator[None]:
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".migrate").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _advisory_lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
        connection.commit()  # the lock belongs to the session and goes with the connection
