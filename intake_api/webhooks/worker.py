"""Sending what is due: at least once, signed, to public addresses only, and every failure kept where a person sees it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Event
from intake_api.db import Database
from intake_api.outbox.tables import Outbox
from intake_api.settings import Settings
from intake_api.vault import Vault
from intake_api.webhooks import queries, rules, service
from intake_api.webhooks.tables import Delivery

CLAIM = timedelta(minutes=2)  # longer than the slowest try; after it another worker may take over
TRY_TIMEOUT_S = 15.0
BATCH = 100
KEPT = timedelta(days=30)
Resolve = Callable[[str, int], Awaitable[list[str]]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery on its way."""

    id: str
    webhook: str
    url: str
    body: bytes
    secret: str | None


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def new_http() -> httpx.AsyncClient:
    """The client deliveries go out with: no redirects (they could lead inwards), no proxy or credentials of the environment."""
    return httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=5.0), follow_redirects=False, trust_env=False)


async def take_from_outbox(db: Database, now: datetime) -> int:
    """Turn changes of tickets in the outbox into deliveries; how many changes were taken."""
    waiting = select(Outbox).where(Outbox.kind == "ticket", Outbox.sent_at.is_(None)).order_by(Outbox.seq)
    async with db.reading() as session:  # an idle worker must not keep writers waiting
        if await session.scalar(waiting.limit(1)) is None:
            return 0
    async with db.writing() as session:
        rows = list(await session.scalars(waiting.limit(BATCH).with_for_update(skip_locked=True)))
        for row in rows:
            await service.plan_deliveries(session, Event.model_validate_json(row.event), now)
            row.sent_at = now
        return len(rows)


async def deliver_due(db: Database, settings: Settings, vault: Vault, http: httpx.AsyncClient, clock: Callable[[], datetime],
                      resolving: Resolve = resolve) -> int:  # fmt: skip
    """Try what is due, receivers side by side, each receiver's in order; how many tries. A receiver that fails is left for now."""
    async with db.reading() as session:
        if not await queries.due(session, clock(), 1):
            return 0
    async with db.writing() as session:
        parcels = await _claim(session, vault, clock())
    by_receiver: dict[str, list[Parcel]] = defaultdict(list)
    for parcel in parcels:
        by_receiver[parcel.webhook].append(parcel)

    async def serve(queue: list[Parcel]) -> int:
        for done, parcel in enumerate(queue, 1):
            status, error = await _send(parcel, settings, http, clock(), resolving)
            async with db.writing() as session:
                await _note(session, parcel, status, error, clock())
                if error:
                    await _release(session, queue[done:], clock())
                    return done
        return len(queue)

    return sum(await asyncio.gather(*(serve(queue) for queue in by_receiver.values())))


async def prune(db: Database, now: datetime) -> None:
    """Forget deliveries that arrived a month ago; what was given up stays until somebody looks."""
    async with db.writing() as session:
        await session.execute(delete(Delivery).where(Delivery.state == "delivered", Delivery.delivered_at < now - KEPT))


async def _claim(session: AsyncSession, vault: Vault, now: datetime) -> list[Parcel]:
    parcels = []
    for delivery, webhook in await queries.due(session, now, BATCH, claim=True):
        delivery.next_at = now + CLAIM
        body = json.dumps(delivery.body, ensure_ascii=False, sort_keys=True).encode()
        parcels.append(Parcel(delivery.id, webhook.id, webhook.url, body, service.secret_of(webhook, vault)))
    return parcels


async def _release(session: AsyncSession, parcels: list[Parcel], now: datetime) -> None:
    for parcel in parcels:
        row = await session.get(Delivery, parcel.id)
        if row is not None and row.state == "pending":
            row.next_at = now + rules.BACKOFF[0]


async def _note(session: AsyncSession, parcel: Parcel, status: int | None, error: str, now: datetime) -> None:
    row = await session.get(Delivery, parcel.id)
    if row is None:  # unsubscribed meanwhile
        return
    row.attempts += 1
    row.last_status, row.last_error = status, error
    if not error:
        row.state, row.next_at, row.delivered_at = "delivered", None, now
        log.info("webhook.delivered", webhook=parcel.webhook, delivery=parcel.id)
        return
    row.next_at = rules.next_try(row.attempts, now)
    row.state = "pending" if row.next_at else "failed"
    log.warning("webhook.failed" if row.next_at is None else "webhook.postponed", webhook=parcel.webhook, status=status, error=error)


async def _send(parcel: Parcel, settings: Settings, http: httpx.AsyncClient, now: datetime, resolving: Resolve) -> tuple[int | None, str]:
    """(status, error); an empty error means the receiver took it (2xx)."""
    if parcel.secret is None:
        return None, "secret_lost"
    try:
        async with asyncio.timeout(TRY_TIMEOUT_S):
            url, extensions, host = await _aim(httpx.URL(parcel.url), settings, resolving)
            headers = {
                "Host": host,
                "Content-Type": "application/json",
                "User-Agent": "minhu",
                "Minhu-Delivery": parcel.id,
                "Minhu-Signature": rules.sign(parcel.secret, parcel.body, now),
            }
            async with http.stream("POST", url, content=parcel.body, headers=headers, extensions=extensions) as answer:
                return answer.status_code, "" if answer.is_success else f"http_{answer.status_code}"
    except rules.UnsafeTargetError:
        return None, "unsafe_target"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
        return None, type(error).__name__


async def _aim(url: httpx.URL, settings: Settings, resolving: Resolve) -> tuple[httpx.URL, dict[str, str], str]:
    """The address to call, with the checked number in place of the name, so that the name cannot point elsewhere meanwhile."""
    host = rules.check_url(str(url), settings.webhook_hosts)
    named = url.netloc.decode("ascii")
    if host in settings.webhook_hosts:
        return url, {}, named
    checked = rules.check_addresses(await resolving(host, url.port or 443))
    return url.copy_with(host=checked), {"sni_hostname": host}, named
