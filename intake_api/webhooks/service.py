"""Subscribing, and turning a change of a ticket into one delivery a subscriber."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Event, WebhookIn
from intake_api.problems import conflict, invalid, not_found
from intake_api.vault import Vault
from intake_api.webhooks import queries, rules
from intake_api.webhooks.tables import Delivery, Webhook

_NAMES = uuid.UUID("5a5f6e0c-6f2a-4d0e-9c3c-7f6f6b1e2a11")
log = structlog.get_logger()


async def subscribe(
    session: AsyncSession, vault: Vault, wanted: WebhookIn, allowed_hosts: Collection[str], by: str, now: datetime
) -> tuple[Webhook, str]:
    """A new subscription and the secret its receiver checks signatures with. Raises 422 `unsafe_target`."""
    try:
        rules.check_url(wanted.url, allowed_hosts)
    except rules.UnsafeTargetError as error:
        raise invalid("unsafe_target", str(error)) from error
    secret = secrets.token_urlsafe(32)
    row = Webhook(
        id=str(uuid.uuid4()),
        url=wanted.url,
        unit=wanted.unit,
        states=list(dict.fromkeys(wanted.states)),
        sealed_secret=base64.b64encode(vault.seal(secret)).decode(),
        active=True,
        created_at=now,
        created_by=by,
    )
    session.add(row)
    await session.flush()
    log.info("webhook.subscribed", webhook=row.id)
    return row, secret


def secret_of(row: Webhook, vault: Vault) -> str | None:
    """None when the installation's secret was changed without keeping the earlier one."""
    return vault.open(base64.b64decode(row.sealed_secret))


async def unsubscribe(session: AsyncSession, webhook: str) -> None:
    """Its deliveries go with it. Raises 404."""
    row = await session.get(Webhook, webhook)
    if row is None:
        raise not_found("This subscription")
    await session.delete(row)
    log.info("webhook.unsubscribed", webhook=webhook)


async def plan_deliveries(session: AsyncSession, event: Event, now: datetime) -> int:
    """One delivery of this change for every subscription that wants it; how many. The same event twice plans nothing new."""
    ticket, planned = event.ticket, 0
    for webhook in await queries.active_webhooks(session):
        if not rules.wants(webhook.unit, webhook.states, (ticket.lead_unit, *ticket.assist_units), ticket.state):
            continue
        delivery = str(uuid.uuid5(_NAMES, f"{webhook.id}:{event.id}"))
        if await session.get(Delivery, delivery) is None:
            body = body_of(delivery, event)
            session.add(Delivery(id=delivery, webhook=webhook.id, ticket_id=ticket.id, body=body, created_at=now, next_at=now))
            planned += 1
    await session.flush()
    return planned


def body_of(delivery: str, event: Event) -> dict[str, Any]:
    """What is sent: the change and the ticket after it, personal data masked. `ticket.version` says which of two is newer."""
    body = {"id": delivery, "type": event.type, "at": event.at.isoformat(), "ticket": event.ticket.model_dump(mode="json")}
    return body | ({"surge": event.surge.model_dump(mode="json")} if event.surge else {})


async def retry(session: AsyncSession, webhook: str, delivery: str, now: datetime) -> Delivery:
    """Try a delivery again from the start, also one that arrived before (a replay). Raises 404, 409 `still_trying`."""
    row = await session.get(Delivery, delivery)
    if row is None or row.webhook != webhook:
        raise not_found("This delivery")
    if row.state == "pending":
        raise conflict("still_trying", "This delivery is still being tried; its next try stands in next_at.")
    row.state, row.attempts, row.next_at, row.last_error = "pending", 0, now, ""
    return row


async def retry_failed(session: AsyncSession, webhook: str, now: datetime) -> int:
    """Try everything that was given up again; how many. Raises 404."""
    if await session.get(Webhook, webhook) is None:
        raise not_found("This subscription")
    failed = update(Delivery).where(Delivery.webhook == webhook, Delivery.state == "failed")
    ids = await session.scalars(failed.values(state="pending", attempts=0, next_at=now, last_error="").returning(Delivery.id))
    return len(list(ids))
