"""Reading subscriptions and their deliveries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.webhooks.tables import Delivery, DeliveryState, Webhook


async def webhooks(session: AsyncSession) -> list[Webhook]:
    return list(await session.scalars(select(Webhook).order_by(Webhook.created_at, Webhook.id)))


async def active_webhooks(session: AsyncSession) -> list[Webhook]:
    return list(await session.scalars(select(Webhook).where(Webhook.active).order_by(Webhook.id)))


async def counts(session: AsyncSession) -> dict[tuple[str, str], int]:
    """(webhook, state) → how many deliveries."""
    grouped = select(Delivery.webhook, Delivery.state, func.count()).group_by(Delivery.webhook, Delivery.state)
    return {(webhook, state): count for webhook, state, count in await session.execute(grouped)}


async def deliveries(session: AsyncSession, webhook: str, state: DeliveryState | None, limit: int) -> list[Delivery]:
    """The newest first."""
    found = select(Delivery).where(Delivery.webhook == webhook).order_by(Delivery.created_at.desc(), Delivery.id).limit(limit)
    return list(await session.scalars(found.where(Delivery.state == state) if state else found))


async def due(session: AsyncSession, now: datetime, limit: int, claim: bool = False) -> list[tuple[Delivery, Webhook]]:
    """What should be tried now, the oldest first, of subscriptions that are not switched off.

    `claim` holds the rows until the end of the transaction; what another worker holds is left out.
    """
    found = (
        select(Delivery, Webhook)
        .join(Webhook, Webhook.id == Delivery.webhook)
        .where(Delivery.state == "pending", Delivery.next_at <= now, Webhook.active)
        .order_by(Delivery.next_at, Delivery.created_at, Delivery.id)
        .limit(limit)
    )
    return [(delivery, webhook) for delivery, webhook in await session.execute(found.with_for_update(skip_locked=True) if claim else found)]
