"""From who asks to who acts: a person on the console, a worker's account in a chat, a resident, or the assistant itself."""

from __future__ import annotations

from intake_api.contracts import GridView, PersonRole
from intake_api.grids import queries as grids
from intake_api.problems import forbidden, invalid
from intake_api.security import Area, Principal
from intake_api.tickets import queries
from intake_api.tickets.desk import Desk, facts_of
from intake_api.tickets.moves import ASSISTANT, Actor, ActorRole, covers
from intake_api.tickets.tables import Ticket
from nlp.schema import Role

_ROLES: dict[Role, ActorRole] = {
    "micro_worker": "micro_worker",
    "grid_worker": "grid",
    "community": "community",
    "property": "property",
    "department": "department",
}


def post_holder(name: str, role: Role, grid: GridView) -> Actor:
    """The actor a person on a grid's roster is. A department's post is named after its unit."""
    if role == "community":
        area = Area(community=grid.community, street=grid.street, district=grid.district)
    else:
        area = Area(grid=grid.code, unit=name if role == "department" else "")
    return Actor(name, _ROLES.get(role, "reporter"), area)


async def actor_for(desk: Desk, principal: Principal, as_handle: str, ticket: Ticket) -> Actor:
    """Who acts on this ticket. Raises 403 for a service that may only read, 422 for a handle that is not channel:id."""
    if principal.kind == "person":
        role: PersonRole = principal.role  # type: ignore[assignment]  # people have no role "service"
        return Actor(principal.name, role, principal.area)
    if "assistant" not in principal.scopes:
        raise forbidden("This token may not act on tickets; ask an administrator for one with the scope assistant.")
    return await _behind(desk, as_handle, ticket) if as_handle else ASSISTANT


async def _behind(desk: Desk, handle: str, ticket: Ticket) -> Actor:
    channel, _, account = handle.partition(":")
    if not channel or not account:
        raise invalid("bad_handle", "as_handle is channel:id, like telegram:7.")
    person = desk.vault.pseudonym(channel, account)
    reports = await queries.reports(desk.session, ticket.id, person)
    facts, found = facts_of(ticket), []
    for post in await grids.staff_behind(desk.session, handle):
        grid = await desk.grid(post.grid)
        if grid is not None:
            holder = post_holder(post.name, post.role, grid)
            found.append(Actor(holder.name, holder.role, holder.area, reports))
    here = [actor for actor in found if covers(actor, facts)]
    return (here or found or [Actor(f"resident {person[:8]}", "reporter", reports=reports)])[0]


def card_holders(grid: GridView | None, ticket: Ticket) -> list[Actor]:
    """Everyone whose card of this ticket may carry buttons: the grid's roster; where there is none, whoever would be on it."""
    if grid is None:
        return []
    return [post_holder(person.name, person.role, grid) for person in grid.staff]
