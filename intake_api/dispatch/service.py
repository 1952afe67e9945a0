"""Asking the next worker on the ladder, and showing a ticket to those who now hold it."""

from __future__ import annotations

from datetime import timedelta

from intake_api.dispatch.rules import CONFIRM_LADDER, HOLDERS, linked, next_asked
from intake_api.tickets.desk import Desk
from intake_api.tickets.tables import Ticket
from intake_api.tickets.telling import ask_workers, worker_moves


async def ask_next(desk: Desk, ticket: Ticket) -> None:
    """Show a candidate (or a reopened ticket) to the next rung of the ladder and set the timer for the one after (WK6).

    When nobody further up can be reached it waits in the console's queue, without a timer.
    """
    grid = await desk.grid(ticket.grid)
    rung, people = next_asked(grid, ticket.timer_step)
    await ask_workers(desk, ticket, people)
    _, later = next_asked(grid, rung + 1)
    ticket.timer, ticket.timer_step = "confirm", rung + 1
    ticket.timer_at = desk.now + timedelta(minutes=desk.settings.confirm_minutes) if later else None


async def alert_all(desk: Desk, ticket: Ticket) -> None:
    """An emergency goes to every worker of the grid at once."""
    await ask_workers(desk, ticket, linked(await desk.grid(ticket.grid), CONFIRM_LADDER))


async def show_holders(desk: Desk, ticket: Ticket) -> None:
    """Those who hold the ticket at its level get a card, where a chat can reach them."""
    people = linked(await desk.grid(ticket.grid), HOLDERS[ticket.level])
    await ask_workers(desk, ticket, [person for person in people if worker_moves(desk, ticket, person)])
