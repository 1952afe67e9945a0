"""The doors to subscriptions and their deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from intake_api.contracts import DeliveryView, WebhookIn, WebhookView
from intake_api.deps import Administrator, Config, Now, Safe, Session
from intake_api.problems import not_found
from intake_api.webhooks import queries, service
from intake_api.webhooks.tables import Delivery, DeliveryState, Webhook

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Id = Annotated[str, Path(max_length=36)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("", summary="List subscriptions")
async def list_webhooks(_: Administrator, session: Session) -> list[WebhookView]:
    """With how many deliveries wait and how many were given up."""
    counts = await queries.counts(session)
    return [
        _webhook(row, failed=counts.get((row.id, "failed"), 0), pending=counts.get((row.id, "pending"), 0))
        for row in await queries.webhooks(session)
    ]


@router.post("", summary="Subscribe", status_code=201)
async def subscribe(body: WebhookIn, who: Administrator, session: Session, vault: Safe, settings: Config, now: Now) -> WebhookView:
    """Every change of a ticket is sent as JSON, signed in Minhu-Signature with the secret that is in this answer only.

    The signature is HMAC-SHA256 over "<t>.<body>"; refuse what is older than five minutes. Deliveries may repeat (the id in
    Minhu-Delivery stays) and may overtake each other (`ticket.version` tells).
    """
    row, secret = await service.subscribe(session, vault, body, settings.webhook_hosts, who.id, now)
    return _webhook(row, secret=secret)


@router.delete("/{id}", summary="Unsubscribe", status_code=204)
async def unsubscribe(id: Id, _: Administrator, session: Session) -> None:
    """Waiting deliveries are dropped."""
    await service.unsubscribe(session, id)


@router.get("/{id}/deliveries", summary="Deliveries of a subscription")
async def list_deliveries(
    id: Id, _: Administrator, session: Session, state: DeliveryState | None = None, limit: Limit = 50
) -> list[DeliveryView]:
    """The newest first, with their tries and the last error."""
    if await session.get(Webhook, id) is None:
        raise not_found("This subscription")
    return [_delivery(row) for row in await queries.deliveries(session, id, state, limit)]


@router.post("/{id}/deliveries/{delivery}/retry", summary="Send a delivery again")
async def retry_delivery(id: Id, delivery: Id, _: Administrator, session: Session, now: Now) -> DeliveryView:
    """Also one that arrived: a replay. 409 while it is still being tried."""
    return _delivery(await service.retry(session, id, delivery, now))


@router.post("/{id}/retry-failed", summary="Send everything given up again")
async def retry_failed(id: Id, _: Administrator, session: Session, now: Now) -> list[DeliveryView]:
    """The deliveries that wait now, the newest first."""
    await service.retry_failed(session, id, now)
    return [_delivery(row) for row in await queries.deliveries(session, id, "pending", 200)]


def _webhook(row: Webhook, *, failed: int = 0, pending: int = 0, secret: str = "") -> WebhookView:
    return WebhookView(
        id=row.id,
        url=row.url,
        unit=row.unit,
        states=list(row.states),
        active=row.active,
        created_at=row.created_at,
        failed=failed,
        pending=pending,
        secret=secret,
    )


def _delivery(row: Delivery) -> DeliveryView:
    shown = {name: getattr(row, name) for name in DeliveryView.model_fields}
    return DeliveryView(**shown)
