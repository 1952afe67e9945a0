"""The clocks of tickets: a candidate nobody confirmed goes to the next worker, a call-back nobody answered to a person."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from intake_api.contracts import Archive
from intake_api.db import Database
from intake_api.dispatch.rules import linked
from intake_api.dispatch.service import ask_next
from intake_api.settings import Settings
from intake_api.tickets import queries
from intake_api.tickets.changing import carry_out
from intake_api.tickets.desk import Desk, open_desk
from intake_api.tickets.moves import SYSTEM
from intake_api.tickets.tables import Ticket
from intake_api.tickets.telling import ask_workers, tell_everyone
from intake_api.vault import Vault

log = structlog.get_logger()


async def ring_timers(db: Database, settings: Settings, vault: Vault, now: datetime) -> int:
    """Do what is due at `now`, one ticket a transaction; how many were dealt with. Two processes may do it at once: who comes
    second finds the timer already set on.
    """
    async with db.reading() as session:
        ids = await queries.due(session, now)
    rung = 0
    for ticket_id in ids:
        async with db.writing() as session:
            ticket = (await queries.locked(session, ticket_id)).get(ticket_id)
            if ticket is not None and ticket.timer_at is not None and ticket.timer_at <= now:
                await _ring(await open_desk(session, settings, vault, now), ticket)
                rung += 1
    return rung


async def _ring(desk: Desk, ticket: Ticket) -> None:
    log.info("timer.rang", timer=ticket.timer, ticket=ticket.number, step=ticket.timer_step)
    if ticket.timer == "confirm" and ticket.state in ("candidate", "reopened"):
        await ask_next(desk, ticket)
    elif ticket.timer == "callback" and ticket.state == "callback":
        await _call_back(desk, ticket)
    else:
        ticket.timer, ticket.timer_at, ticket.timer_step = "", None, 0


async def _call_back(desk: Desk, ticket: Ticket) -> None:
    """After fourteen days: somebody said it is solved, so it is laid down; all silent, so a person asks them. A second silence
    lays it down too, and nobody has said that it is solved.
    """
    if ticket.rating is None and ticket.timer_step == 0:
        ticket.held, ticket.timer_step = "call_back", 1
        ticket.timer_at = desk.now + timedelta(days=desk.settings.callback_days)
        ticket.version += 1
        ticket.updated_at = desk.now
        people = linked(await desk.grid(ticket.grid), ("community", "grid_worker"))
        await ask_workers(desk, ticket, people)
        return
    ticket.held = ""
    await carry_out(desk, ticket, Archive(act="archive"), SYSTEM)
    await tell_everyone(desk, ticket, "ticket.changed")
