"""The doors to the policy base."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from intake_api.contracts import (
    DocumentPage,
    DocumentsIn,
    DocumentView,
    KnowledgeView,
    PassagesView,
    QuestionAnswerIn,
    QuestionIn,
    QuestionPage,
    QuestionState,
    QuestionView,
    VoteIn,
    VotesView,
)
from intake_api.deps import Administrator, Assistant, Now, Reader, Safe, Session
from intake_api.knowledge import asking, queries, service
from intake_api.knowledge.tables import OpenQuestion
from intake_api.tickets.api import OnDesk, Poke

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])
Limit = Annotated[int, Query(ge=1, le=500)]
Known = Annotated[int, Query(ge=-1, le=2**31 - 1, description="The version the caller has; -1 for none.")]
Cursor = Annotated[str, Query(max_length=220, description="That of the page before; nothing for the first page.")]


@router.get("/passages", summary="The passages answers are cited from")
async def read_passages(_: Reader, session: Session, version: Known = -1, cursor: Cursor = "") -> PassagesView:
    """What changed since the caller's `version`, cut by clause, some thousand passages a page; see PassagesView."""
    return await queries.changed_passages(session, version, cursor)


@router.get("/documents", summary="List documents")
async def list_documents(_: Reader, session: Session, limit: Limit = 200, cursor: Cursor = "") -> DocumentPage:
    """What the base holds, without the texts, by id; withdrawn documents are left out."""
    rows = await queries.after(session, cursor, limit + 1)
    views = [DocumentView(**{name: getattr(row, name) for name in DocumentView.model_fields}) for row in rows[:limit]]
    return DocumentPage(documents=views, cursor=rows[limit - 1].id if len(rows) > limit else "")


@router.post("/documents", summary="Add or replace documents")
async def add_documents(body: DocumentsIn, who: Administrator, session: Session, now: Now) -> KnowledgeView:
    """By id. What is the same as before changes nothing; what is wrong with one refuses them all."""
    changed = await service.add_documents(session, body.documents, who.id, now)
    return KnowledgeView(version=await service.base_version(session), changed=changed)


@router.delete("/documents/{id:path}", summary="Withdraw a document", status_code=204)
async def remove_document(id: Annotated[str, Path(max_length=200)], who: Administrator, session: Session, now: Now) -> None:
    """Nothing is cited from it any more. It is kept with its editions and can be restored in the console."""
    await service.withdraw(session, id, who.id, now)


@router.post("/questions", summary="Queue a question nobody could answer")
async def queue_question(body: QuestionIn, _: Assistant, session: Session, vault: Safe) -> QuestionView:
    """Refused, or answered badly. The same message is counted once, the same words in a grid are one question."""
    return _question_view(await asking.ask(session, vault, body))


@router.get("/questions", summary="The questions not answered well")
async def list_questions(_: Administrator, session: Session, state: QuestionState = "open", limit: Limit = 100) -> QuestionPage:
    """Asked most often first."""
    return QuestionPage(questions=[_question_view(row) for row in await asking.questions(session, state, limit)])


@router.post("/questions/{id}/answer", summary="Answer or dismiss an open question")
async def answer_question(
    id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    body: QuestionAnswerIn,
    who: Administrator,
    desk: OnDesk,
    _: Poke,
) -> QuestionView:
    """Everybody who asked is told, and the enquiry has its result. With `into_base` it is given word for word to whoever asks the
    same from now on."""
    return _question_view(await asking.settle(desk, id, body, who))


@router.post("/votes", summary="Vote on an answer")
async def vote(body: VoteIn, _: Assistant, session: Session, vault: Safe) -> VotesView:
    """👎 also queues the question."""
    return await asking.vote(session, vault, body)


def _question_view(row: OpenQuestion) -> QuestionView:
    return QuestionView(**{name: getattr(row, name) for name in QuestionView.model_fields})
