"""The application: every domain's doors, one error family, one lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
from fastapi import APIRouter, FastAPI
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry
from redis.asyncio import Redis

from intake_api import health, http, openapi, problems
from intake_api.catalogue.api import router as catalogue_router
from intake_api.catalogue.service import ensure_default
from intake_api.console.pages import router as console_router
from intake_api.db import Database
from intake_api.grids.api import router as grids_router
from intake_api.incidents.api import router as incidents_router
from intake_api.knowledge.api import router as knowledge_router
from intake_api.media.api import router as media_router
from intake_api.people.api import router as people_router
from intake_api.people.service import first_administrator
from intake_api.security import Sealer, token_digest
from intake_api.settings import Settings
from intake_api.tickets.api import router as tickets_router
from intake_api.topics.api import router as topics_router
from intake_api.vault import Vault
from intake_api.webhooks.api import router as webhooks_router

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    catalogue_router,
    grids_router,
    people_router,
    tickets_router,
    incidents_router,
    media_router,
    knowledge_router,
    topics_router,
    webhooks_router,
    console_router,
)
log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> FastAPI:
    """The intake API over an up-to-date database (see intake_api.migrations.upgrade). `now` is the clock of everything in it."""
    app = FastAPI(
        title="民呼 intake API",
        version="1",
        description=openapi.DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.settings = settings
    app.state.now = now
    app.state.vault = Vault(settings.secret())
    app.state.sealer = Sealer(settings.secret(), settings.session_hours)
    token = settings.api_token.get_secret_value()
    app.state.own_token_digest = token_digest(token) if token else ""
    app.state.registry = _registry()
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.add_middleware(http.CleanText)
    app.add_middleware(http.Observed, metrics=http.Metrics(app.state.registry))
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]
    return app


def _registry() -> CollectorRegistry:
    """A registry of this app alone, so that two apps in one process (tests) do not clash."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    app.state.db = Database(settings.database())
    app.state.redis = Redis.from_url(settings.redis_url)
    try:
        async with app.state.db.writing() as session:
            if await ensure_default(session, app.state.now()):
                log.info("catalogue.loaded")
            if await first_administrator(session, settings.administrator_password.get_secret_value(), app.state.now()):
                log.info("administrator.made")
        log.info("api.started")
        yield
    finally:
        await app.state.redis.aclose()
        await app.state.db.close()
        log.info("api.stopped")
