"""Keeping the house: what could not be read, what could not be delivered, the catalogue, and whether everything lives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from redis.asyncio import Redis

from intake_api import health
from intake_api.catalogue.service import current_catalogue
from intake_api.console import poison
from intake_api.console import queries as console_queries
from intake_api.console.frame import AdministratorHere, PageRoute, SignedIn, back, render
from intake_api.contracts import WebhookIn
from intake_api.deps import Config, Now, Safe, Session
from intake_api.security import Area
from intake_api.tickets import queries as ticket_queries
from intake_api.tickets import service as ticket_service
from intake_api.tickets.history import Break
from intake_api.topics import gathering
from intake_api.webhooks import queries as webhook_queries
from intake_api.webhooks import service as webhook_service

router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
EntryId = Annotated[str, Path(pattern=r"^\d{1,20}-\d{1,20}$")]
Id = Annotated[str, Path(max_length=36)]


@router.get("/poison")
async def poison_page(request: Request, _: AdministratorHere, session: Session) -> Response:
    """Messages nobody could read, and parts of the city whose topics could not be gathered."""
    redis: Redis = request.app.state.redis
    blocks, domains = await gathering.set_aside(session), (await current_catalogue(session)).domains
    return render(request, "poison.html", "main", entries=await poison.poisoned(redis), blocks=blocks, domains=domains)


@router.post("/poison/blocks")
async def gather_again(block: Annotated[str, Form(max_length=250)], _: AdministratorHere, session: Session, now: Now) -> Response:
    done = await gathering.try_again(session, block, now)
    return back("/console/poison", **({"notice": "retried"} if done else {"refused": "not_found"}))


@router.post("/poison/{entry}/retry")
async def put_back(request: Request, entry: EntryId, _: AdministratorHere) -> Response:
    done = await poison.put_back(request.app.state.redis, entry)
    return back("/console/poison", **({"notice": "retried"} if done else {"refused": "not_found"}))


@router.post("/poison/{entry}/discard")
async def discard(request: Request, entry: EntryId, _: AdministratorHere) -> Response:
    done = await poison.discard(request.app.state.redis, entry)
    return back("/console/poison", **({"notice": "discarded"} if done else {"refused": "not_found"}))


# ---- webhooks -------------------------------------------------------------------------------------------------------
@router.get("/webhooks")
async def webhooks_page(request: Request, _: AdministratorHere, session: Session) -> Response:
    return await _webhooks(request, session)


async def _webhooks(request: Request, session: Session, secret: str = "") -> Response:
    counts = await webhook_queries.counts(session)
    rows = await webhook_queries.webhooks(session)
    deliveries = {row.id: await webhook_queries.deliveries(session, row.id, None, 20) for row in rows}
    return render(request, "webhooks.html", "main", webhooks=rows, counts=counts, deliveries=deliveries, secret=secret)


@router.post("/webhooks")
async def subscribe(
    request: Request,
    who: AdministratorHere,
    session: Session,
    vault: Safe,
    settings: Config,
    now: Now,
    url: Annotated[str, Form(max_length=2000)],
    unit: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """The secret is on this one page and nowhere else."""
    wanted = WebhookIn(url=url.strip(), unit=unit.strip())
    _row, secret = await webhook_service.subscribe(session, vault, wanted, settings.webhook_hosts, who.id, now)
    return await _webhooks(request, session, secret)


@router.post("/webhooks/{id}/remove")
async def unsubscribe(id: Id, _: AdministratorHere, session: Session) -> Response:
    await webhook_service.unsubscribe(session, id)
    return back("/console/webhooks", notice="unsubscribed")


@router.post("/webhooks/{id}/retry")
async def retry_failed(id: Id, _: AdministratorHere, session: Session, now: Now) -> Response:
    await webhook_service.retry_failed(session, id, now)
    return back("/console/webhooks", notice="resent")


@router.post("/webhooks/{id}/deliveries/{delivery}/retry")
async def retry(id: Id, delivery: Id, _: AdministratorHere, session: Session, now: Now) -> Response:
    await webhook_service.retry(session, id, delivery, now)
    return back("/console/webhooks", notice="resent")


# ---- catalogue, health ----------------------------------------------------------------------------------------------
@router.get("/catalogue")
async def catalogue(request: Request, _: SignedIn, session: Session) -> Response:
    return render(request, "catalogue.html", "main", taxonomy=await current_catalogue(session))


@router.get("/health")
async def health_page(request: Request, who: AdministratorHere, session: Session, settings: Config) -> Response:
    return await _health(request, session, settings)


@router.post("/health/verify")
async def verify(request: Request, _: AdministratorHere, session: Session, settings: Config) -> Response:
    """Checks the chains of all histories."""
    return await _health(request, session, settings, breaks=await ticket_service.verify(session))


async def _health(request: Request, session: Session, settings: Config, breaks: list[Break] | None = None) -> Response:
    parts = await health.parts_of(request)
    waiting = await poison.backlog(request.app.state.redis, settings.shards) if parts.redis == "ok" else None
    counts = await ticket_queries.count_by_state(session, ticket_queries.Wanted(), Area())
    unsent = await console_queries.unsent(session)
    return render(request, "health.html", "main", parts=parts, waiting=waiting, counts=counts, unsent=unsent, breaks=breaks)
