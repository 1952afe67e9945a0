"""What the base could not answer: the queue of open questions, people's answers to them, and votes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import DocumentIn, QuestionAnswerIn, QuestionIn, QuestionState, VoteIn, VotesView
from intake_api.knowledge import service
from intake_api.knowledge.tables import Asked, OpenQuestion, Vote
from intake_api.problems import conflict, invalid, not_found
from nlp.terms import fold

log = structlog.get_logger()


async def ask(session: AsyncSession, wanted: QuestionIn) -> OpenQuestion:
    """Queue a question. The same message is counted once; the same words in a grid are one question while it is open."""
    digest = _digest(wanted.external_id)
    known = await session.get(Asked, digest)
    if known is not None:
        return await _question(session, known.question_id)
    words = _digest("".join(c for c in fold(wanted.question) if c.isalnum()) or wanted.question)
    same = select(OpenQuestion).where(OpenQuestion.words_digest == words, OpenQuestion.grid == wanted.grid)
    row = await session.scalar(same.order_by(OpenQuestion.round.desc()).limit(1))
    if row is None or row.state != "open":
        row = OpenQuestion(
            words_digest=words,
            grid=wanted.grid,
            round=row.round + 1 if row else 0,
            question=wanted.question,
            reason=wanted.reason,
            first_at=wanted.at,
            last_at=wanted.at,
            asked=0,
        )
        session.add(row)
    row.asked += 1
    row.last_at = max(row.last_at, wanted.at)
    row.ticket_id = row.ticket_id or wanted.ticket_id
    await session.flush()
    session.add(Asked(digest=digest, question_id=row.id))
    await session.flush()
    log.info("question.queued", question=row.id, reason=wanted.reason)
    return row


async def questions(session: AsyncSession, state: QuestionState, limit: int) -> Sequence[OpenQuestion]:
    """Those asked most often first."""
    wanted = select(OpenQuestion).where(OpenQuestion.state == state)
    return list(await session.scalars(wanted.order_by(OpenQuestion.asked.desc(), OpenQuestion.last_at.desc()).limit(limit)))


async def settle(session: AsyncSession, id: int, wanted: QuestionAnswerIn, by: str, now: datetime) -> OpenQuestion:
    """A person answers or dismisses a question. Raises 404, 409 `question_settled`, 422 `answer_missing`."""
    row = await _question(session, id)
    if row.state != "open":
        raise conflict("question_settled", f"This question is {row.state} already, by {row.answered_by}.")
    if not wanted.dismiss and not wanted.answer.strip():
        raise invalid("answer_missing", "Write an answer, or dismiss the question.")
    row.state = "dismissed" if wanted.dismiss else "answered"
    row.answer, row.answered_by = wanted.answer.strip(), by
    if wanted.into_base and not wanted.dismiss:
        pair = (row.question, row.answer)
        document = DocumentIn(id=f"answered/{row.id}", title="常见问题", date=now.date().isoformat(), pairs=(pair,))
        await service.add_documents(session, [document], by, now)
    await session.flush()
    log.info("question.settled", question=row.id, state=row.state, into_base=wanted.into_base)
    return row


async def vote(session: AsyncSession, wanted: VoteIn) -> VotesView:
    """Count a vote, a changed one instead of the old; a 👎 also queues the question."""
    digest = _digest(wanted.external_id)
    row = await session.get(Vote, digest)
    if row is None:
        row = Vote(digest=digest)
        session.add(row)
    row.doc, row.helpful, row.at = wanted.doc, wanted.helpful, wanted.at
    await session.flush()
    if not wanted.helpful:
        again = QuestionIn(external_id=wanted.external_id, question=wanted.question, reason="not_helpful", grid=wanted.grid, at=wanted.at)
        await ask(session, again)
    counted = select(Vote.helpful, func.count()).where(Vote.doc == wanted.doc).group_by(Vote.helpful)
    votes = {row[0]: row[1] for row in await session.execute(counted)}
    return VotesView(doc=wanted.doc, helpful=votes.get(True, 0), not_helpful=votes.get(False, 0))


async def _question(session: AsyncSession, id: int) -> OpenQuestion:
    row = await session.get(OpenQuestion, id)
    if row is None:
        raise not_found("This question")
    return row


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf8", "surrogatepass")).hexdigest()
