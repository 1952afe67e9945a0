"""The queue of what waits for a person to say whether it is a matter: oldest first, decided in one press."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from intake_api.console.forms import asked_of
from intake_api.console.frame import PageRoute, SignedIn, render
from intake_api.console.tickets import by_domain
from intake_api.tickets import queries, service
from intake_api.tickets.api import OnDesk

router = APIRouter(prefix="/console", include_in_schema=False, route_class=PageRoute)
SHOWN = 20


@router.get("/queue")
async def queue(request: Request, who: SignedIn, desk: OnDesk) -> Response:
    """Candidates of one's own area; emergencies stand above."""
    wanted = queries.Wanted(states=("candidate",))
    found = await queries.waiting(desk.session, wanted, who.area, SHOWN)
    rows = []
    for ticket in found:
        view = service.viewed(desk, ticket, who, await service.moves_for(desk, ticket, who))
        rows.append((view, [(act, form) for act, form in asked_of(view.moves) if act in ("confirm", "recategorise", "reject")]))
    counts = await queries.count_by_state(desk.session, wanted, who.area)
    names = {matter.id: matter.name for matter in desk.taxonomy.matters}
    total = counts.get("candidate", 0)
    return render(request, "queue.html", "queue", rows=rows, total=total, matters=by_domain(desk.taxonomy), names=names)
