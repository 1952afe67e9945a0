"""Troubles of many groups: a notice for an area, how it goes on, and the tickets that belong to one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from intake_api.console.beside import reaches_of
from intake_api.console.frame import PageRoute, SignedIn, back, render
from intake_api.console.tickets import by_domain
from intake_api.contracts import IncidentIn, IncidentSay
from intake_api.grids import queries as grid_queries
from intake_api.incidents import queries, service
from intake_api.incidents.rules import Scope, may_lead
from intake_api.incidents.tables import Incident
from intake_api.problems import invalid
from intake_api.security import Principal
from intake_api.tickets.api import OnDesk, Poke, TicketId
from intake_api.tickets.desk import Desk

router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
PAGE = 20
IncidentId = Annotated[str, Path(min_length=1, max_length=36)]


@router.get("/incidents")
async def list_incidents(request: Request, who: SignedIn, desk: OnDesk, page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    """Those that reach into the signed-in person's area, and a form for a new one."""
    found = await queries.incidents(desk.session, who.area, limit=PAGE, offset=(page - 1) * PAGE)
    details = await service.details_of(desk, found, who)
    shown = [{"it": detail, "may_lead": _may_lead(who, one)} for detail, one in zip(details, found, strict=True)]
    pages = (await queries.count(desk.session, who.area) - 1) // PAGE + 1
    return render(
        request, "incidents.html", "main", incidents=shown, page=page, pages=pages, reaches=reaches_of(who),
        grids=await grid_queries.grids(desk.session, who.area) if reaches_of(who) else [], matters=by_domain(desk.taxonomy),
    )  # fmt: skip


def _may_lead(who: Principal, incident: Incident) -> bool:
    return may_lead(who, Scope(incident.grid, incident.community, incident.street, incident.district), incident.reach)


@router.post("/incidents")
async def open_incident(request: Request, who: SignedIn, desk: OnDesk, _: Poke) -> Response:
    """From its own page for a whole area, or from a ticket's page."""
    form = await _fields(request)
    ticket = form.get("ticket", "")
    typed: dict[str, Any] = {name: form.get(name, "") for name in ("grid", "reach", "category", "title", "words")}
    typed |= {"key": form.get("nonce", ""), "everyone": form.get("everyone") == "yes", "tickets": [ticket] if ticket else []}
    wanted = IncidentIn.model_validate({**typed, "until": _until(form.get("until", ""), desk)})
    await service.open_by_hand(desk, wanted, who)
    return back(f"/console/tickets/{ticket}" if ticket else "/console/incidents", notice="done")


def _until(typed: str, desk: Desk) -> datetime | None:
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=desk.zone) if typed else None
    except ValueError as error:
        raise invalid("invalid", "Say until when.") from error


@router.post("/incidents/{incident_id}/words")
async def say_of_incident(request: Request, incident_id: IncidentId, who: SignedIn, desk: OnDesk, _: Poke) -> Response:
    form = await _fields(request)
    wanted = IncidentSay(words=form.get("words", ""), close=form.get("close") == "yes", finish=form.get("finish") == "yes")
    await service.say(desk, incident_id, wanted, who)
    return back("/console/incidents", notice="done")


@router.post("/tickets/{ticket_id}/incident")
async def tie_ticket(request: Request, ticket_id: TicketId, who: SignedIn, desk: OnDesk, _: Poke) -> Response:
    """An empty field takes the ticket out."""
    form = await _fields(request)
    await service.tie(desk, ticket_id, form.get("incident") or None, who)
    return back(f"/console/tickets/{ticket_id}", notice="done")


async def _fields(request: Request) -> dict[str, str]:
    return {name: value.strip() for name, value in (await request.form()).items() if isinstance(value, str)}
