"""Putting what must be told into the outbox, in the transaction of the change it tells of."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import Event
from intake_api.outbox.tables import Outbox
from intake_api.vault import Vault

POKE = "outbox:poke"  # a Redis list; whoever commits pushes one word onto it, the relay sleeps on it


def new_event_id() -> str:
    return str(uuid.uuid4())


def post(session: AsyncSession, vault: Vault, events: Iterable[Event], kind: Literal["chat", "ticket"] = "chat") -> None:
    """Events to a private chat carry a person's handle and lie sealed until they are sent."""
    for event in events:
        private = event.audience == "reporter"
        words = event.model_dump_json()
        row = Outbox(
            id=event.id,
            kind=kind,
            ticket_id=event.ticket.id,
            type=event.type,
            chat="" if private else f"{event.channel}:{event.chat_id}",
            event=vault.seal(words) if private else words.encode(),
            sealed=private,
            created_at=event.at,
        )
        session.add(row)
        session.info["told"] = True
