"""The list of tickets with its filters, and one ticket with everything that may be done to it."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request, Response

from intake_api.console import queries as console_queries
from intake_api.console.beside import beside
from intake_api.console.forms import act_of, asked_of
from intake_api.console.frame import PageRoute, SignedIn, back, render, words
from intake_api.contracts import State, TicketDetail, Urgency
from intake_api.grids import queries as grid_queries
from intake_api.problems import not_found
from intake_api.security import Principal
from intake_api.tickets import queries, service
from intake_api.tickets.api import OnDesk, Poke
from intake_api.tickets.tables import Ticket
from nlp.taxonomy import Taxonomy

router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
PAGE = 30
TicketId = Annotated[str, Path(min_length=1, max_length=36)]
Short = Annotated[str, Query(max_length=100)]


@router.get("")
async def list_tickets(
    request: Request,
    who: SignedIn,
    desk: OnDesk,
    group: Short = "",
    state: Short = "",
    urgency: Short = "",
    category: Short = "",
    grid: Short = "",
    q: Short = "",
    since: Short = "",
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Tickets of the signed-in person's area, the newest change first; a filter that is none of ours filters nothing."""
    filters = {"group": group, "state": state, "urgency": urgency, "category": category, "grid": grid, "q": q.strip(), "since": since}
    wanted = _wanted(filters, desk.zone)
    found, following = await queries.page(desk.session, wanted, who.area, PAGE, cursor)
    counts = await queries.count_by_state(desk.session, _wanted({**filters, "group": "", "state": ""}, desk.zone), who.area)
    groups = words()["groups"]
    sums = {name: sum(counts.get(one, 0) for one in of["states"]) for name, of in groups.items()}
    return render(
        request,
        "tickets.html",
        "results",
        tickets=[service.viewed(desk, ticket, who) for ticket in found],
        following=following,
        cursor=cursor,
        filters=filters,
        counts=counts,
        sums=sums,
        total=sum(counts.values()),
        grids=await grid_queries.grids(desk.session, who.area),
        matters=by_domain(desk.taxonomy),
        filtered=any(value for name, value in filters.items() if name not in ("group",)),
    )


def _wanted(filters: dict[str, str], zone: ZoneInfo) -> queries.Wanted:
    states: tuple[State, ...] = tuple(words()["groups"].get(filters["group"], {}).get("states", ()))
    if filters["state"] in get_args(State):
        states = (filters["state"],)  # type: ignore[assignment]  # just checked
    urgency = filters["urgency"] if filters["urgency"] in get_args(Urgency) else ""
    return queries.Wanted(
        states=states,
        grid=filters["grid"],
        category=filters["category"],
        q=filters["q"],
        urgency=urgency,
        updated_after=_midnight(filters["since"], zone),
    )


def _midnight(day: str, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time.min, zone)
    except (ValueError, OverflowError):
        return None


def by_domain(taxonomy: Taxonomy) -> list[tuple[str, list[tuple[str, str]]]]:
    """The catalogue for a select: (domain, [(id, name)]) in its own order."""
    return [(name, [(m.id, m.name) for m in taxonomy.matters if m.domain == domain]) for domain, name in taxonomy.domains.items()]


@router.get("/tickets/{ticket_id}")
async def one_ticket(request: Request, ticket_id: TicketId, who: SignedIn, desk: OnDesk) -> Response:
    return render(request, "ticket.html", "ticket", **await shown(desk, ticket_id, who))


@router.post("/tickets/{ticket_id}/acts")
async def act(request: Request, ticket_id: TicketId, who: SignedIn, desk: OnDesk, _: Poke) -> Response:
    """Any act of the table, from its form; refused ones come back to the page with the reason."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    into = await console_queries.numbered(desk.session, form["into_number"].strip()) if form.get("into_number", "").strip() else None
    if form.get("into_number", "").strip() and into is None:
        raise not_found("The ticket to merge into")
    wanted = act_of({**form, "into": into.id} if into else form, who.id, desk.zone)
    await service.perform(desk, ticket_id, wanted, who)
    # from the queue of what waits to be confirmed one goes on with the next
    return back("/console/queue" if form.get("from") == "queue" else f"/console/tickets/{ticket_id}", notice="done")


async def shown(desk: service.Desk, ticket_id: str, who: Principal) -> dict[str, Any]:
    """Everything the page of a ticket shows. Raises 404 where this person may not know of it."""
    ticket = await desk.session.get(Ticket, ticket_id)
    if ticket is None:
        raise not_found("This ticket")
    detail: TicketDetail = await service.detail(desk, ticket, who, await service.moves_for(desk, ticket, who))
    others = [one.ticket_id for one in detail.suggestions] + [one for one in (detail.duplicate_of, detail.recurs_from) if one]
    related = {one.id: one for one in await console_queries.several(desk.session, others)} if others else {}
    photos = await console_queries.evidence_of(desk.session, ticket_id) if detail.history else []
    timer = ticket.timer_at
    broken = {found.seq: found.fact for found in await service.verify(desk.session, ticket_id)} if detail.history else {}
    return {
        "ticket": detail,
        "own": bool(detail.history),
        "photos": photos,
        "related": related,
        "broken": broken,
        "timer_at": timer,
        "acts": asked_of(detail.moves),
        "matters": by_domain(desk.taxonomy),
        "matter": desk.taxonomy.matter(detail.category or ""),
        "names": {matter.id: matter.name for matter in desk.taxonomy.matters},
        **await beside(desk, detail, who),
    }
