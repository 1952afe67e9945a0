"""Whether this process lives, whether it may be given work, and its figures."""

from __future__ import annotations

import asyncio
from typing import Literal

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from intake_api.db import Database
from intake_api.migrations import config_for

router = APIRouter(tags=["health"])
CHECK_TIMEOUT_S = 3.0
Part = Literal["ok", "down", "old"]


class Ready(BaseModel):
    """Each part on its own; `database` is `old` while migrations are missing."""

    ready: bool
    database: Part
    redis: Part


class Alive(BaseModel):
    alive: Literal[True] = True


@router.get("/healthz", summary="Alive")
async def alive() -> Alive:
    """Answers while the process can answer at all; looks at nothing else."""
    return Alive()


@router.get("/readyz", summary="Ready for work", responses={503: {"model": Ready, "description": "Not ready; says which part."}})
async def ready(request: Request) -> JSONResponse:
    """The database answers and has every migration, Redis answers. Tickets are kept without Redis; progress waits for it."""
    state = await parts_of(request)
    return JSONResponse(state.model_dump(), 200 if state.ready else 503)


async def parts_of(request: Request) -> Ready:
    database, redis = await asyncio.gather(_database(request.app.state.db), _redis(request.app.state.redis))
    return Ready(ready=database == "ok" and redis == "ok", database=database, redis=redis)


async def _database(db: Database) -> Part:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S), db.reading() as session:
            await session.execute(text("SELECT 1"))
            return "ok" if await (await session.connection()).run_sync(_is_current) else "old"
    except (SQLAlchemyError, OSError, TimeoutError):
        return "down"


def _is_current(connection: Connection) -> bool:
    newest = ScriptDirectory.from_config(config_for(connection)).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(newest)


async def _redis(redis: Redis) -> Part:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await redis.ping()
            return "ok"
    except (RedisError, OSError, TimeoutError):
        return "down"


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Counts and times; no residents' data, no ids."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
