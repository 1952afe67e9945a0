"""The doors to the policy base."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from intake_api.contracts import (
    DocumentsIn,
    DocumentView,
    KnowledgeView,
    PassagesView,
    PassageView,
    QuestionAnswerIn,
    QuestionIn,
    QuestionPage,
    QuestionState,
    QuestionView,
    VoteIn,
    VotesView,
)
from intake_api.deps import Administrator, Assistant, Now, Reader, Session
from intake_api.knowledge import asking, service
from intake_api.knowledge.tables import OpenQuestion

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])
Limit = Annotated[int, Query(ge=1, le=500)]
Known = Annotated[int, Query(ge=-1, le=2**31 - 1, description="The version the caller has; -1 for none.")]


@router.get("/passages", summary="The passages answers are cited from")
async def read_passages(_: Reader, session: Session, version: Known = -1) -> PassagesView:
    """The whole base, cut by clause; `passages` is null while the base is still at the caller's `version`."""
    current = await service.base_version(session)
    if current == version:
        return PassagesView(version=current)
    found = [PassageView.model_construct(**asdict(passage)) for passage in await service.passages(session)]
    return PassagesView(version=current, passages=found)


@router.get("/documents", summary="List documents")
async def list_documents(_: Reader, session: Session) -> list[DocumentView]:
    """What the base holds, without the texts."""
    shown = set(DocumentView.model_fields) - {"added_at"}
    return [
        DocumentView(added_at=row.added_at, **{name: value for name, value in row.body.items() if name in shown})
        for row in await service.documents(session)
    ]


@router.post("/documents", summary="Add or replace documents")
async def add_documents(body: DocumentsIn, who: Administrator, session: Session, now: Now) -> KnowledgeView:
    """By id. What is the same as before changes nothing; what is wrong with one refuses them all."""
    changed = await service.add_documents(session, body.documents, who.id, now)
    return KnowledgeView(version=await service.base_version(session), changed=changed)


@router.delete("/documents/{id:path}", summary="Remove a document", status_code=204)
async def remove_document(id: Annotated[str, Path(max_length=200)], who: Administrator, session: Session, now: Now) -> None:
    """Nothing is cited from it any more."""
    await service.remove_document(session, id, who.id, now)


@router.post("/questions", summary="Queue a question nobody could answer")
async def queue_question(body: QuestionIn, _: Assistant, session: Session) -> QuestionView:
    """Refused, or answered badly. The same message is counted once, the same words in a grid are one question."""
    return _question_view(await asking.ask(session, body))


@router.get("/questions", summary="The questions not answered well")
async def list_questions(_: Administrator, session: Session, state: QuestionState = "open", limit: Limit = 100) -> QuestionPage:
    """Asked most often first."""
    return QuestionPage(questions=[_question_view(row) for row in await asking.questions(session, state, limit)])


@router.post("/questions/{id}/answer", summary="Answer or dismiss an open question")
async def answer_question(
    id: Annotated[int, Path(ge=1, le=2**31 - 1)], body: QuestionAnswerIn, who: Administrator, session: Session, now: Now
) -> QuestionView:
    """With `into_base` the answer is given word for word to whoever asks the same from now on."""
    return _question_view(await asking.settle(session, id, body, who.id, now))


@router.post("/votes", summary="Vote on an answer")
async def vote(body: VoteIn, _: Assistant, session: Session) -> VotesView:
    """👎 also queues the question."""
    return await asking.vote(session, body)


def _question_view(row: OpenQuestion) -> QuestionView:
    return QuestionView(**{name: getattr(row, name) for name in QuestionView.model_fields})
