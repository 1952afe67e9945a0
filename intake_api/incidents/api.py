"""The doors to incidents, and to what people took apart."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from intake_api.contracts import (
    IncidentDetail,
    IncidentIn,
    IncidentPage,
    IncidentSay,
    IncidentState,
    IncidentTie,
    IncidentView,
    PartingPage,
    TicketView,
)
from intake_api.deps import Caller, Person, allow
from intake_api.incidents import queries, service
from intake_api.problems import invalid, not_found
from intake_api.security import Principal
from intake_api.tickets.api import OnDesk, Poke, TicketId
from intake_api.tickets.service import moves_for, viewed

router = APIRouter(prefix="/v1", tags=["incidents"])
IncidentId = Annotated[str, Path(min_length=1, max_length=36)]
Trainer = Annotated[Principal, Depends(allow("reader", people="administrators"))]


@router.get("/incidents", summary="List incidents")
async def list_incidents(
    who: Caller,
    desk: OnDesk,
    state: IncidentState | None = None,
    chat: Annotated[str, Query(max_length=301)] = "",
) -> IncidentPage:
    """Those that reach into the caller's area, the newest first. `chat` (channel:id): those this group was told of."""
    found = await queries.incidents(desk.session, who.area, state, chat)
    return IncidentPage(incidents=[service.view_of(desk, one) for one in found])


@router.post("/incidents", summary="Open an incident")
async def open_incident(body: IncidentIn, who: Person, desk: OnDesk, _: Poke) -> IncidentView:
    """One trouble of many homes: its groups are told once. Idempotent by `key`. Not for departments; the post must reach as far."""
    return service.view_of(desk, await service.open_by_hand(desk, body, who))


@router.get("/incidents/{incident_id}", summary="Look at an incident")
async def incident_detail(incident_id: IncidentId, who: Caller, desk: OnDesk) -> IncidentDetail:
    """With those of its tickets that the caller may know of, as the caller may see them."""
    found = await queries.one(desk.session, incident_id, who.area)
    if found is None:
        raise not_found("This incident")
    return await service.detail_of(desk, found, who)


@router.post("/incidents/{incident_id}/words", summary="Tell residents of an incident's progress or end")
async def say_of_incident(incident_id: IncidentId, body: IncidentSay, who: Person, desk: OnDesk, _: Poke) -> IncidentView:
    """Said once in every group that was told of it; `close` ends the incident; with `finish` its tickets have their result."""
    return service.view_of(desk, await service.say(desk, incident_id, body, who))


@router.put("/tickets/{ticket_id}/incident", summary="Put a ticket into an incident or take it out")
async def tie_ticket(ticket_id: TicketId, body: IncidentTie, who: Person, desk: OnDesk, _: Poke) -> TicketView:
    """Repeating it changes nothing. What a person took out no rule puts back."""
    ticket = await service.tie(desk, ticket_id, body.incident, who)
    return viewed(desk, ticket, who, await moves_for(desk, ticket, who))


@router.get("/partings", summary="List what people merged and took apart")
async def list_partings(
    who: Trainer,
    desk: OnDesk,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    cursor: Annotated[str, Query(max_length=300)] = "",
) -> PartingPage:
    """Pairs of tickets that are surely two matters, oldest first: hard negatives for training. Delicate ones are left out."""
    rows = await queries.partings(desk.session, who.area, _read(cursor) if cursor else None, limit + 1)
    following = "|".join((rows[limit - 1].at.isoformat(), rows[limit - 1].one, rows[limit - 1].other)) if len(rows) > limit else ""
    shown = await service.parting_views(desk, rows[:limit])
    return PartingPage(partings=shown, cursor=base64.urlsafe_b64encode(following.encode()).decode() if following else "")


def _read(cursor: str) -> tuple[datetime, str, str]:
    try:
        at, one, other = base64.urlsafe_b64decode(cursor).decode().split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError(cursor)
        return moment, one, other
    except (ValueError, binascii.Error) as error:
        raise invalid("bad_cursor", "This cursor was not given out here; start from the first page.") from error
