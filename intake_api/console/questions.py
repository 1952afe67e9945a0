"""未答好的问题: what residents asked in vain, answered by a person, told to everybody who asked, and taken into the base."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response

from intake_api.console import queries as console_queries
from intake_api.console.frame import PageRoute, SignedIn, back, render
from intake_api.console.knowledge import page_of
from intake_api.contracts import QuestionAnswerIn, QuestionState
from intake_api.deps import Session
from intake_api.knowledge import asking
from intake_api.knowledge.rules import may_answer, may_change, path_of
from intake_api.problems import forbidden, invalid
from intake_api.security import Principal
from intake_api.tickets.api import OnDesk, Poke

router = APIRouter(prefix="/console/questions", include_in_schema=False, route_class=PageRoute)
PAGE = 20
QuestionId = Annotated[int, Path(ge=1, le=2**31 - 1)]
STATES: tuple[QuestionState, ...] = ("open", "answered", "dismissed")


@router.get("")
async def list_questions(
    request: Request, who: SignedIn, session: Session, state: Annotated[str, Query(max_length=20)] = "open",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:  # fmt: skip
    """Of one's own area, those asked most often first."""
    chosen: QuestionState = next((one for one in STATES if one == state), "open")
    rows = await asking.questions(session, chosen, PAGE, who.area, (page - 1) * PAGE)
    counts = await asking.count(session, who.area)
    tickets = {one.id: one for one in await console_queries.several(session, [row.ticket_id for row in rows if row.ticket_id])}
    return render(
        request, "questions.html", "main", rows=rows, state=chosen, counts=counts, page=page, pages=(counts.get(chosen, 0) - 1) // PAGE + 1,
        elsewhere=await asking.elsewhere(session, rows, who.area), tickets=tickets, names=await console_queries.grid_names(session, rows),
        may_answer=may_answer(who), own=path_of(who.area), areas=await console_queries.areas(session, who.area), page_of=page_of,
        states=STATES,
    )  # fmt: skip


@router.post("/{id}/answer")
async def answer(
    id: QuestionId, who: SignedIn, desk: OnDesk, _: Poke, answer: Annotated[str, Form(max_length=4000)] = "",
    dismiss: Annotated[str, Form(max_length=5)] = "", into_base: Annotated[str, Form(max_length=5)] = "",
    everywhere: Annotated[str, Form(max_length=5)] = "", area: Annotated[str, Form(max_length=300)] = "",
) -> Response:  # fmt: skip
    await _own(desk.session, who, id)
    place = await _place(desk.session, who, area) if into_base else ""
    wanted = QuestionAnswerIn(answer=answer, into_base=bool(into_base), dismiss=bool(dismiss), everywhere=bool(everywhere), area=place)
    await asking.settle(desk, id, wanted, who)
    return back("/console/questions", notice="dismissed" if dismiss else "answered_base" if into_base else "answered")


@router.post("/{id}/into-base")
async def into_base(id: QuestionId, who: SignedIn, desk: OnDesk, area: Annotated[str, Form(max_length=300)] = "") -> Response:
    await _own(desk.session, who, id)
    await asking.take_into_base(desk, id, await _place(desk.session, who, area), who.id)
    return back("/console/questions?state=answered", notice="into_base")


async def _own(session: Session, who: Principal, id: int) -> None:
    """Raises 403 for who answers no questions, 404 for a question of another area."""
    if not may_answer(who):
        raise forbidden("Answering questions is not your post.")
    await asking.question_of(session, id, who.area)


async def _place(session: Session, who: Principal, area: str) -> str:
    """Where a pair applies: nobody writes for more than their own area."""
    area = area.strip() or path_of(who.area)
    if not may_change(who, area):
        raise forbidden("Not your area.", "not_your_area")
    if area and area not in await console_queries.areas(session):
        raise invalid("area_unknown", "No grid lies in this area.")
    return area
