"""What the base could not answer: the queue of open questions, people's answers and their way back to the askers, and votes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.contracts import (
    AskerIn,
    DocumentIn,
    QuestionAnswered,
    QuestionAnswerIn,
    QuestionIn,
    QuestionState,
    VoteIn,
    VotesView,
)
from intake_api.db import Database
from intake_api.grids.queries import codes_in as grid_codes
from intake_api.knowledge import service
from intake_api.knowledge.tables import Asked, OpenQuestion, Vote
from intake_api.outbox.service import new_event_id, post
from intake_api.problems import conflict, invalid, not_found
from intake_api.security import Area, Principal
from intake_api.tickets.desk import Desk
from intake_api.tickets.queries import ids_in as ticket_ids
from intake_api.tickets.service import answer_enquiry
from intake_api.vault import Vault
from nlp.terms import fold

log = structlog.get_logger()
PAIR_TITLE = "常见问题"


async def ask(session: AsyncSession, vault: Vault, wanted: QuestionIn) -> OpenQuestion:
    """Queue a question. The same message is counted once; the same words in a grid are one question while it is open."""
    digest = _digest(wanted.external_id)
    known = await session.get(Asked, digest)
    if known is not None:
        return await question_of(session, known.question_id)
    words = _digest("".join(c for c in fold(wanted.question) if c.isalnum()) or wanted.question)
    same = select(OpenQuestion).where(OpenQuestion.words_digest == words, OpenQuestion.grid == wanted.grid)
    row = await session.scalar(same.order_by(OpenQuestion.round.desc()).limit(1).with_for_update())
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
    if wanted.given:
        row.given, row.given_doc = wanted.given, wanted.given_doc
    await session.flush()
    asker = wanted.asker
    person = vault.pseudonym(asker.channel, asker.handle) if asker and asker.handle else ""
    address = vault.seal(asker.model_dump_json()) if asker else None
    session.add(Asked(digest=digest, question_id=row.id, person=person, address=address))
    await session.flush()
    log.info("question.queued", question=row.id, reason=wanted.reason)
    return row


async def questions(
    session: AsyncSession, state: QuestionState, limit: int, area: Area = Area(), offset: int = 0
) -> Sequence[OpenQuestion]:
    """Those of an area, asked most often first."""
    wanted = select(OpenQuestion).where(OpenQuestion.state == state, *_within(area))
    order = (OpenQuestion.asked.desc(), OpenQuestion.last_at.desc()) if state == "open" else (OpenQuestion.answered_at.desc(),)
    return list(await session.scalars(wanted.order_by(*order, OpenQuestion.id).limit(limit).offset(offset)))


async def count(session: AsyncSession, area: Area) -> dict[str, int]:
    """How many there are by state."""
    wanted = select(OpenQuestion.state, func.count()).where(*_within(area)).group_by(OpenQuestion.state)
    return {str(state): number for state, number in await session.execute(wanted)}


async def elsewhere(session: AsyncSession, rows: Sequence[OpenQuestion], area: Area) -> dict[int, int]:
    """Question id → in how many other grids of the area the same words wait for an answer."""
    digests = {row.words_digest for row in rows}
    wanted = select(OpenQuestion.words_digest, func.count()).where(OpenQuestion.state == "open", OpenQuestion.words_digest.in_(digests))
    found = await session.execute(wanted.where(*_within(area)).group_by(OpenQuestion.words_digest))
    counts = {row[0]: row[1] for row in found}
    return {row.id: max(counts.get(row.words_digest, 0) - 1, 0) for row in rows}


def _within(area: Area) -> list[ColumnElement[bool]]:
    """As tickets are seen: those asked in the area's grids; of a department those whose enquiry it holds."""
    if area == Area():
        return []  # also those of groups without a grid
    if area.unit:
        return [OpenQuestion.ticket_id.in_(ticket_ids(area))]
    return [OpenQuestion.grid.in_(grid_codes(area))]


async def settle(desk: Desk, id: int, wanted: QuestionAnswerIn, who: Principal) -> OpenQuestion:
    """A person answers or dismisses a question; everybody who asked is told the answer, and the enquiry it became has its result.

    `everywhere` reaches as far as the person's area. Raises 404, 409 `question_settled`, 422 `answer_missing`.
    """
    session = desk.session
    row = await session.get(OpenQuestion, id, with_for_update=True, populate_existing=True)
    if row is None:
        raise not_found("This question")
    if row.state != "open":
        raise conflict("question_settled", f"This question is {row.state} already, by {row.answered_by}.")
    if not wanted.dismiss and not wanted.answer.strip():
        raise invalid("answer_missing", "Write an answer, or dismiss the question.")
    rows = [row]
    if wanted.everywhere:
        same = select(OpenQuestion).where(
            OpenQuestion.words_digest == row.words_digest, OpenQuestion.state == "open", OpenQuestion.id != id, *_within(who.area)
        )
        rows += list(await session.scalars(same.with_for_update()))
    pair = await _into_base(desk, row, wanted, who.id) if wanted.into_base and not wanted.dismiss else ""
    for one in rows:
        one.state, one.answered_by, one.answered_at = "dismissed" if wanted.dismiss else "answered", who.id, desk.now
        one.answer, one.pair = wanted.answer.strip(), pair
    await session.flush()
    if not wanted.dismiss:
        for one in rows:
            await _tell(desk, one)
        for ticket_id in sorted({one.ticket_id for one in rows if one.ticket_id}):  # in one order: two answers cannot block each other
            await answer_enquiry(desk, ticket_id, row.answer, who)
    log.info("question.settled", question=row.id, state=row.state, into_base=bool(pair), questions=len(rows))
    return row


async def take_into_base(desk: Desk, id: int, area: str, by: str) -> OpenQuestion:
    """One click later: an answer that was only told becomes a curated pair. Raises 404, 422 `answer_missing`; twice is once."""
    row = await question_of(desk.session, id)
    if row.state != "answered":
        raise invalid("answer_missing", "Only an answered question can be taken into the base.")
    row.pair = row.pair or await _into_base(desk, row, QuestionAnswerIn(answer=row.answer, area=area), by)
    await desk.session.flush()
    return row


async def _into_base(desk: Desk, row: OpenQuestion, wanted: QuestionAnswerIn, by: str) -> str:
    pair = DocumentIn(
        id=f"answered/{row.id}",
        title=PAIR_TITLE,
        date=desk.now.astimezone(desk.zone).date().isoformat(),
        area=wanted.area,
        pairs=((row.question, wanted.answer.strip()),),
    )
    await service.add_documents(desk.session, [pair], by, desk.now)
    return pair.id


async def _tell(desk: Desk, row: OpenQuestion) -> None:
    """One event a group (and thread) that asked, one a person who asked in private; where they asked is forgotten with it."""
    places: dict[tuple[str, str, str], list[AskerIn]] = defaultdict(list)
    waiting = select(Asked).where(Asked.question_id == row.id, Asked.address.is_not(None)).with_for_update()
    for asked in await desk.session.scalars(waiting):
        words = desk.vault.open(asked.address) if asked.address else None
        asked.address = None
        if words is not None:
            asker = AskerIn.model_validate_json(words)
            places[asker.channel, asker.chat_id, "" if asker.private else asker.thread_id].append(asker)
    events = []
    for askers in places.values():
        # a channel counts its messages up, so the shortest and smallest id is the first
        first = min(askers, key=lambda asker: (len(asker.message_id), asker.message_id))
        events.append(
            QuestionAnswered(
                id=new_event_id(),
                channel=first.channel,
                chat_id=first.chat_id,
                audience="reporter" if first.private else "group",
                at=desk.now,
                message_id=first.message_id,
                thread_id=first.thread_id,
                askers=1 if first.private else len({asker.handle for asker in askers}),
                question=row.question,
                answer=row.answer,
            )
        )
    await desk.session.flush()
    await post(desk.session, desk.vault, events)


async def vote(session: AsyncSession, vault: Vault, wanted: VoteIn) -> VotesView:
    """Count a vote, a changed one instead of the old; a 👎 also queues the question."""
    digest = _digest(wanted.external_id)
    row = await session.get(Vote, digest, with_for_update=True)
    if row is None:
        row = Vote(digest=digest)
        session.add(row)
    row.doc, row.helpful, row.at = wanted.doc, wanted.helpful, wanted.at
    await session.flush()
    if not wanted.helpful:
        again = QuestionIn(
            external_id=wanted.external_id,
            question=wanted.question,
            reason="not_helpful",
            grid=wanted.grid,
            given=wanted.given,
            given_doc=wanted.doc,
            asker=wanted.asker,
            at=wanted.at,
        )
        await ask(session, vault, again)
    return VotesView(doc=wanted.doc, **(await votes_on(session, [wanted.doc]))[wanted.doc])


async def votes_on(session: AsyncSession, docs: Sequence[str]) -> dict[str, dict[str, int]]:
    """Document id → how many found its answers `helpful` and `not_helpful`."""
    found = {doc: {"helpful": 0, "not_helpful": 0} for doc in docs}
    counted = select(Vote.doc, Vote.helpful, func.count()).where(Vote.doc.in_(docs)).group_by(Vote.doc, Vote.helpful)
    for doc, helpful, number in await session.execute(counted):
        found[doc]["helpful" if helpful else "not_helpful"] = number
    return found


async def forget_asker(session: AsyncSession, vault: Vault, channel: str, handle: str) -> None:
    """Somebody wants to be forgotten: nobody can tell any more that they asked, and they are not told the answer."""
    person = vault.pseudonym(channel, handle)
    await session.execute(update(Asked).where(Asked.person == person).values(person="", address=None))


async def forget_old(db: Database, before: datetime) -> int:
    """Where people are who asked before this moment and were never answered; how many."""
    async with db.writing() as session:
        old = select(OpenQuestion.id).where(OpenQuestion.last_at < before)
        over = update(Asked).where(Asked.address.is_not(None), Asked.question_id.in_(old)).values(address=None, person="")
        return len(list(await session.scalars(over.returning(Asked.digest))))


async def question_of(session: AsyncSession, id: int, area: Area = Area()) -> OpenQuestion:
    """Raises 404, also for one outside the area."""
    row = await session.scalar(select(OpenQuestion).where(OpenQuestion.id == id, *_within(area)))
    if row is None:
        raise not_found("This question")
    return row


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf8", "surrogatepass")).hexdigest()
