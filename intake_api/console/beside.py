"""What stands beside a ticket on its page: the incident it belongs to, or those it may be put into."""

from __future__ import annotations

from typing import Any

from intake_api.contracts import Reach, TicketDetail
from intake_api.incidents import queries, service
from intake_api.incidents.rules import Scope, may_lead
from intake_api.incidents.tables import Incident
from intake_api.security import Principal
from intake_api.tickets.desk import Desk

_REACHES: tuple[Reach, ...] = ("grid", "community", "street")


def reaches_of(who: Principal) -> list[Reach]:
    """How far this person may speak: their own area and what lies within it."""
    here = Scope(who.area.grid, who.area.community, who.area.street, who.area.district)
    return [reach for reach in _REACHES if may_lead(who, here, reach)]


async def beside(desk: Desk, ticket: TicketDetail, who: Principal) -> dict[str, Any]:
    """What the page of a ticket shows of incidents: its own with the other tickets, else those it may be put into."""
    row = await queries.one(desk.session, ticket.incident, who.area) if ticket.incident else None
    open_here: list[Incident] = []
    if row is None and ticket.history:
        street = await queries.incidents(desk.session, who.area, "open")
        open_here = [one for one in street if one.street == ticket.place.street]
    return {
        "incident": await service.detail_of(desk, row, who) if row else None,
        "open_incidents": [service.view_of(desk, one) for one in open_here],
        "reaches": reaches_of(who),
    }
