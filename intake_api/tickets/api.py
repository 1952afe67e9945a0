"""The doors to tickets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query, Request

from intake_api.contracts import (
    Act,
    Broken,
    Forgotten,
    Handle,
    Moment,
    Receipt,
    ReportIn,
    State,
    SupplementIn,
    TicketDetail,
    TicketPage,
    TicketView,
    Verification,
)
from intake_api.deps import Caller, Config, Now, Safe, Session, allow
from intake_api.knowledge.asking import forget_asker
from intake_api.outbox.service import poke_after
from intake_api.problems import invalid, not_found
from intake_api.security import Principal
from intake_api.tickets import queries, service
from intake_api.tickets.tables import Ticket
from intake_api.tickets.views import view

router = APIRouter(prefix="/v1", tags=["tickets"])
TicketId = Annotated[str, Path(min_length=1, max_length=36)]
HandlePart = Annotated[Handle, Path()]
Assistant = Annotated[Principal, Depends(allow("assistant", people="none"))]
Auditor = Annotated[Principal, Depends(allow("reader", people="administrators"))]


async def desk_of(session: Session, settings: Config, vault: Safe, now: Now) -> service.Desk:
    return await service.open_desk(session, settings, vault, now)


OnDesk = Annotated[service.Desk, Depends(desk_of, scope="function")]


async def poke(request: Request, tasks: BackgroundTasks) -> None:
    """Wake the relay once the change is committed; without Redis it finds the change by itself a little later."""
    tasks.add_task(poke_after, request.app.state.redis)


Poke = Annotated[None, Depends(poke)]


@router.post("/reports", summary="File a report")
async def create_report(body: ReportIn, who: Assistant, desk: OnDesk, _: Poke) -> Receipt:
    """Opens a candidate or joins the ticket named in `join`. The same `external_id` is the same ticket, always."""
    outcome, ticket, first = await service.create_report(desk, body)
    shown = service.viewed(desk, ticket, who)
    return Receipt.model_construct(outcome=outcome, ticket=shown, first_of_person=first)


@router.post("/tickets/{ticket_id}/supplements", summary="Add words to a ticket")
async def add_supplement(ticket_id: TicketId, body: SupplementIn, who: Assistant, desk: OnDesk, _: Poke) -> TicketView:
    """Follows merges: the answer is the ticket that now stands for the one named. Idempotent by `external_id`."""
    return service.viewed(desk, await service.add_supplement(desk, ticket_id, body), who)


@router.post("/tickets/{ticket_id}/acts", summary="Act on a ticket")
async def act(ticket_id: TicketId, body: Act, who: Caller, desk: OnDesk, _: Poke) -> TicketView:
    """Every move and mark of the table. `moves` of the answer says what the same person may do next. Idempotent by `key`."""
    ticket, _actor = await service.perform(desk, ticket_id, body, who)
    return service.viewed(desk, ticket, who, await service.moves_for(desk, ticket, who, body.as_handle))


@router.get("/tickets", summary="List tickets")
async def list_tickets(
    who: Caller,
    desk: OnDesk,
    state: Annotated[list[State] | None, Query(max_length=20)] = None,
    grid: Annotated[str, Query(max_length=100)] = "",
    chat: Annotated[str, Query(max_length=301)] = "",
    category: Annotated[str, Query(max_length=100)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
    held: Annotated[str, Query(max_length=40)] = "",
    updated_after: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> TicketPage:
    """The caller's own area, newest change first."""
    wanted = queries.Wanted(tuple(state or ()), grid, chat, category, q, updated_after, held)
    tickets, following = await queries.page(desk.session, wanted, who.area, limit, cursor)
    shown = [service.viewed(desk, ticket, who, await service.moves_for(desk, ticket, who)) for ticket in tickets]
    return TicketPage.model_construct(tickets=shown, cursor=following)


@router.get("/tickets/{ticket_id}", summary="Look at a ticket")
async def ticket_detail(
    ticket_id: TicketId, who: Caller, desk: OnDesk, as_handle: Annotated[str, Query(max_length=300)] = ""
) -> TicketDetail:
    """Everything for staff of its area, the outline for others. `as_handle`: `moves` is then what this person may do."""
    ticket = await _ticket(desk, ticket_id)
    return await service.detail(desk, ticket, who, await service.moves_for(desk, ticket, who, as_handle))


@router.get("/tickets/{ticket_id}/public", summary="A ticket as anybody may see it")
async def public_ticket(ticket_id: TicketId, desk: OnDesk) -> TicketView:
    """No sign-in. Delicate and confidential tickets do not exist here."""
    return service.viewed(desk, await _ticket(desk, ticket_id), None)


async def _ticket(desk: service.Desk, ticket_id: str) -> Ticket:
    ticket = await desk.session.get(Ticket, ticket_id)
    if ticket is None:
        raise not_found("This ticket")
    return ticket


@router.get("/people/{handle}/tickets", summary="What a person reported")
async def tickets_of_person(handle: HandlePart, who: Assistant, desk: OnDesk) -> TicketPage:
    """As the reporter may see them (TK12); a merged one shows as the ticket it went into."""
    found = await queries.tickets_of_person(desk.session, desk.vault.pseudonym(*_split(handle)))
    return TicketPage.model_construct(tickets=[view(ticket, desk.taxonomy, "reporter") for ticket in found], cursor="")


@router.post("/people/{handle}/forget", summary="Forget a person")
async def forget_person(handle: HandlePart, who: Assistant, desk: OnDesk) -> Forgotten:
    """Their reports become anonymous for good; the tickets stay."""
    channel, account = _split(handle)
    await forget_asker(desk.session, desk.vault, channel, account)
    return await service.forget_person(desk, channel, account)


def _split(handle: str) -> tuple[str, str]:
    channel, _, account = handle.partition(":")
    if not account:
        raise invalid("bad_handle", "A handle is channel:id, like telegram:7.")
    return channel, account


@router.post("/history/verify", summary="Check the chains of all histories")
async def verify_history(who: Auditor, session: Session) -> Verification:
    """Finds changed and removed entries, cut-off ends, and removed tickets."""
    found = await service.verify(session)
    return Verification(intact=not found, breaks=[Broken(ticket=b.number, seq=b.seq, fact=b.fact) for b in found[:200]])
