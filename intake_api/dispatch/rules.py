"""Who leads a matter, whom a candidate is shown to, and when the next one is asked; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from intake_api.contracts import GridView, Level, StaffIn
from intake_api.tickets.moves import MatterOf, TicketFacts
from nlp.schema import Role

# WK6: first the micro-grid worker, then the grid worker, then the community; the rung is what `timer_step` counts
CONFIRM_LADDER: tuple[Role, ...] = ("micro_worker", "grid_worker", "community")
# whose card shows a ticket that is held at a level; street and department have no chat of the grid, they work on the console
HOLDERS: dict[Level, tuple[Role, ...]] = {
    "grid": ("micro_worker", "grid_worker"),
    "community": ("community", "property"),
    "street": (),
    "department": ("department",),
}
# a matter nobody could name still needs a lead when it is an emergency
FALLBACK_MATTER = "civic.other"


def lead_at(matter: MatterOf, level: Level, ticket: TicketFacts) -> str:
    """The unit that leads `matter` at `level`: the catalogue's lead at the matter's own level and at the departments,
    the area itself on the rungs between (an escalated matter goes to the community, then the street office).
    """
    if level == "community" and matter.level != "community":
        return ticket.community or matter.lead
    if level == "street" and matter.level != "street":
        return ticket.street or matter.lead
    return matter.lead


def linked(grid: GridView | None, roles: Sequence[Role]) -> list[StaffIn]:
    """Staff of these roles whom a chat can reach, in the order of the roster."""
    staff = grid.staff if grid else []
    return sorted((person for person in staff if person.role in roles and person.handles), key=lambda person: person.order)


def next_asked(grid: GridView | None, step: int) -> tuple[int, list[StaffIn]]:
    """The first rung from `step` on where somebody can be reached, and who stands there; (len(ladder), []) when nobody is left."""
    for rung in range(step, len(CONFIRM_LADDER)):
        found = linked(grid, (CONFIRM_LADDER[rung],))
        if found:
            return rung, found
    return len(CONFIRM_LADDER), []


def working_day_later(at: datetime) -> datetime:
    """The same time on the next day that is not Saturday or Sunday. Public holidays come with the calendar."""
    later = at + timedelta(days=1)
    while later.weekday() >= 5:
        later += timedelta(days=1)
    return later
