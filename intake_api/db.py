"""Where the truth lives: one database, SQLite or PostgreSQL, behind the same sessions, types and migrations."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Dialect, Engine, MetaData, StaticPool, create_engine, event, make_url
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT_S = 30
_BUSY_PAUSE_S = 0.003
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-32000")
_to_json = partial(json.dumps, ensure_ascii=False)  # so that words inside JSON columns can be searched
Json = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """Every domain's tables hang here, so that one migration history holds them all."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC with microseconds; naive ones are refused, whatever the database would do with them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored; pass an aware datetime")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """An engine and its two doors. `writing` commits once at its end, or rolls everything back; `reading` changes nothing.

    On SQLite the writers of a process take turns here, and a writer's statements run on the event loop itself: they take some
    ten microseconds each, handing them to a thread takes ten times that. Readers, which may scan, have threads.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: AsyncEngine = _sqlite_readers(url) if self.is_sqlite else _postgres_engine(url)
        self._writer: AsyncEngine = _sqlite_writer(url) if self.is_sqlite else self.engine
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        if not self.is_sqlite:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
            return
        async with self._turn, self._writer.connect() as connection:
            await _begin_immediate(connection)
            async with AsyncSession(connection, expire_on_commit=False) as session:
                yield session
                await session.commit()
            await connection.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    async def close(self) -> None:
        await self.engine.dispose()
        await self._writer.dispose()


def _postgres_engine(url: str) -> AsyncEngine:
    return create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True, json_serializer=_to_json)


# ---- SQLite ---------------------------------------------------------------------------------------------------------
def _sqlite_readers(url: str) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, json_serializer=_to_json)
    _prepare(engine.sync_engine, "BEGIN")
    return engine


class _Cursor(sqlite3.Cursor):
    """What SQLAlchemy's asyncio side asks of a driver's cursor; there is nothing to wait for."""

    async def _async_soft_close(self) -> None:
        return


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


def _sqlite_writer(url: str) -> AsyncEngine:
    """One connection on the plain driver; the asyncio side of SQLAlchemy takes it once its dialect says that it may."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite+pysqlite"),
        poolclass=StaticPool,
        connect_args={"timeout": 0, "check_same_thread": False, "factory": _Connection},
        json_serializer=_to_json,
    )
    engine.dialect.is_async = True
    # a deferred transaction that reads first and writes later fails at once when another process wrote in between
    _prepare(engine, "BEGIN IMMEDIATE")
    return AsyncEngine(engine)


def _prepare(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


async def _begin_immediate(connection: AsyncConnection) -> None:
    """Wait for a writer of another process without holding up the event loop. Raises OperationalError after BUSY_TIMEOUT_S."""
    give_up = asyncio.get_running_loop().time() + BUSY_TIMEOUT_S
    while True:
        try:
            await connection.begin()
            return
        except OperationalError as error:
            if "locked" not in str(error.orig) or asyncio.get_running_loop().time() > give_up:
                raise
        await asyncio.sleep(_BUSY_PAUSE_S)
