"""A message of a person: understood, then filed, attached, answered, or left alone."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import structlog

from bot.assistant.assemble import household_of, sketches_of, utterance_of
from bot.assistant.filing import Telling, acknowledge, fetch_media, file_report, judgement, kind_of_ticket, place_in
from bot.assistant.memory import Awaited, OpenMatter
from bot.assistant.progress import draw_worker_card, edit_group_card, progress_words, remember_ticket
from bot.assistant.turn import Turn
from bot.wording import say
from intake_api.client import IntakeError
from intake_api.contracts import Act, CorrectPlace, Finish, GiveInfo, PlaceIn, ReportIn, SupplementIn
from nlp.schema import Earlier, Understanding, Utterance
from nlp.settled import says_settled
from nlp.thread import attach, grown
from nlp.title import title_of

log = structlog.get_logger()

# CH13: more than this from one sender in a minute is a flood: still read and filed, no longer answered one by one
FLOOD = 12
# FQ10: the same answer is not given twice in this time; later askers are pointed to it
ANSWER_AGAIN = timedelta(minutes=30)
# a progress line for one matter at most this often
PROGRESS_AGAIN = timedelta(minutes=30)
# a question nobody could answer becomes a 咨询 ticket only when it surely is one (tuned on the training transcripts)
ENQUIRY_MIN = 0.6


async def hear_talk(turn: Turn) -> None:
    """Read one message or edit. Silent unless there is something worth saying."""
    if turn.chat.settings.off or turn.chat.grid is None:
        return await _hear_unbound(turn)
    if not turn.in_group and await _awaited_words(turn):
        return None
    utterance = utterance_of(turn)
    u = turn.ports.understander.understand(utterance, turn.gazetteer)
    outcome = turn.outcome
    outcome.kind, outcome.understanding = u.kind, u
    outcome.category, outcome.confidence = u.category.best, u.category.confidence
    outcome.emergency = u.emergency is not None
    await _flood(turn)
    if turn.message.kind == "edit" and await _edited(turn, u):
        pass
    elif u.kind == "report":
        await file_report(turn, utterance, u)
    elif u.kind in ("supplement", "follow_up", "reply"):
        await _add_to_matter(turn, utterance, u)
    elif u.kind == "question":
        await _answer(turn, u)
    _remember(turn, u)
    return None


async def _hear_unbound(turn: Turn) -> None:
    """CH5: a group without a grid only explains itself; a private chat without a group says where to go."""
    if turn.chat.settings.off or turn.chat.grid is not None:
        return
    if not turn.in_group and not await _awaited_words(turn):
        await turn.say(say("help/start"), key=f"start:{turn.message.chat_id}")


async def _flood(turn: Turn) -> None:
    times = turn.memory.floods.setdefault(turn.person, [])
    times.append(turn.now)
    recent = [t for t in times if turn.now - t < timedelta(minutes=1)]
    turn.memory.floods[turn.person] = recent
    if len(recent) == FLOOD + 1 and turn.in_group:
        await turn.say(say("group/flood"), key=f"flood:{turn.message.key}")
    turn.flooded = len(recent) > FLOOD


async def _edited(turn: Turn, u: Understanding) -> bool:
    """CH9: a new version of a message that belongs to a matter; False when it belongs to none and is read as if new."""
    matter = turn.memory.matter_of_message(turn.message.message_id)
    if matter is None:
        return False
    await _supplement(turn, matter, u, kind="edit", edit_of=turn.message.message_id)
    return True


async def _add_to_matter(turn: Turn, utterance: Utterance, u: Understanding) -> None:
    """A supplement, a follow-up or a reply of staff goes to the matter it belongs to, or to none."""
    found = attach(u.kind, utterance, sketches_of(turn), category=u.category, place=u.place)
    matter = next((turn.memory.matters[i] for i in found.matters if i in turn.memory.matters), None)
    awaited = turn.memory.awaiting(turn.person, "place")
    if matter is None and awaited and not u.place.is_empty():
        matter = turn.memory.matters.get(awaited.ticket)
    if matter is None:
        return
    turn.outcome.matters.append(matter.id)
    if u.kind == "reply":
        await _supplement(turn, matter, u, kind="reply")
        matter.settled = matter.settled or says_settled(turn.message.text)
        return
    sketch = grown(matter.sketch(), u.kind, u.masked.text, u.place, turn.message.at, turn.person)
    matter.place = sketch.place
    await _supplement(turn, matter, u, kind="supplement" if u.kind == "supplement" else "follow_up")
    if u.kind == "follow_up":
        await _tell_progress(turn, matter)


async def _supplement(turn: Turn, matter: OpenMatter, u: Understanding, *, kind: str, edit_of: str = "") -> None:
    message = turn.message
    supplement = SupplementIn.model_validate(
        {
            "external_id": message.key,
            "kind": kind,
            "message_id": message.message_id,
            "at": message.at,
            "reporter": turn.reporter(household_of(turn)),
            "text": message.text[:4000],
            "masked": u.masked.text[:4000],
            "place": place_in(u.place, turn) if kind in ("supplement", "edit") and _names_place(turn, u) else None,
            "edit_of": edit_of,
        }
    )
    ticket = await turn.ports.intake.add_supplement(matter.id, supplement)
    known = remember_ticket(turn, ticket)
    known.add(message.message_id, "", u.masked.text if kind == "supplement" else "", message.at)
    if kind in ("supplement", "edit"):
        await fetch_media(turn, matter.id)
        awaited = turn.memory.awaiting(turn.person, "place")
        if awaited and not known.place.is_empty():
            turn.memory.stop_awaiting(awaited)
        await edit_group_card(turn, ticket, known, key=f"card:{ticket.id}:{ticket.version}:{message.chat_id}")


def _names_place(turn: Turn, u: Understanding) -> bool:
    return not u.place.is_empty() or any(m.kind == "location" for m in turn.message.media)


async def _tell_progress(turn: Turn, matter: OpenMatter) -> None:
    """TK12: who asks in the group hears where it stands; not twice within half an hour for one matter."""
    if matter.told_progress_at and turn.now - matter.told_progress_at < PROGRESS_AGAIN:
        return
    ticket = await turn.ports.intake.ticket(matter.id)
    if not ticket.delicate and await turn.say(progress_words(turn, ticket), key=f"progress:{turn.message.key}"):
        matter.told_progress_at = turn.now


async def _answer(turn: Turn, u: Understanding) -> None:
    """FQ1–FQ3, FQ8, FQ10: the passage with its source, once; otherwise a person answers, never an improvisation."""
    area = turn.chat.grid.district if turn.chat.grid else ""
    answer = await turn.ports.policy.answer(u.masked.text, today=turn.now.astimezone(turn.ports.zone).date(), area=area)
    if answer is None:
        if u.kind_confidence >= ENQUIRY_MIN:
            await _file_enquiry(turn, u)
        return
    mark = hashlib.sha256(f"{answer.citation.doc}|{answer.citation.quote}".encode()).hexdigest()[:16]
    given = turn.memory.answered.get(mark)
    c = answer.citation
    source = say(
        "policy/source",
        title=c.title,
        number=c.number,
        clause=f"，{c.clause}" if c.clause else "",
        date=f"，{c.date}" if c.date else "",
    )
    lines = [say("policy/answer", text=answer.text, source=source), c.link]
    words = say("policy/again") if given and turn.now - given < ANSWER_AGAIN else "\n".join(line for line in lines if line)
    if await turn.say(words, key=f"answer:{turn.message.key}"):
        turn.memory.answered.setdefault(mark, turn.now)


async def _file_enquiry(turn: Turn, u: Understanding) -> None:
    """FQ8: nothing in the base is good enough, so a person answers: a 咨询 ticket."""
    message = turn.message
    telling = Telling(u.masked.text, u.category, u.place, None)
    report = ReportIn(
        external_id=message.key,
        channel=message.channel,
        chat_id=message.chat_id,
        message_ids=[message.message_id],
        grid=turn.chat.grid.code if turn.chat.grid else "unbound",
        at=message.at,
        reporter=turn.reporter(household_of(turn)),
        kind=kind_of_ticket(u, u.category),
        text=message.text[:4000],
        masked=u.masked.text[:4000],
        title=title_of(u.place, turn.ports.taxonomy.name_of(u.category.best), u.masked.text),
        place=place_in(u.place, turn),
        judgement=judgement(u, telling),
        private=not turn.in_group,
    )
    receipt = await turn.ports.intake.create_report(report)
    matter = remember_ticket(turn, receipt.ticket)
    matter.add(message.message_id, turn.person, u.masked.text, message.at)
    turn.outcome.matters.append(matter.id)
    if turn.in_group:
        await turn.say(say("ack/enquiry", number=receipt.ticket.number), key=f"ack:{message.key}:0")
    else:
        await acknowledge(turn, receipt, matter, u, telling)


async def _awaited_words(turn: Turn) -> bool:
    """A worker's or a reporter's words that were asked for. False when nothing was asked of this person here."""
    awaited = next((a for a in reversed(turn.memory.awaited) if a.person == turn.person and a.asked), None)
    if awaited is None or not turn.message.text.strip():
        return False
    act = _act_of(turn, awaited)
    key = f"words:{turn.message.key}"
    if act is None:
        await turn.say(say("prompt/place_unread"), key=key)
        return True
    try:
        ticket = await turn.ports.intake.act(awaited.ticket, act)
    except IntakeError as error:
        if error.retryable:
            raise
        if error.code == "reply_does_not_answer":
            await turn.say(say("card/held", why=error.detail), key=key)
            return True
        turn.memory.stop_awaiting(awaited)
        await turn.say(say("prompt/refused", why=error.detail), key=key)
        return True
    turn.memory.stop_awaiting(awaited)
    await draw_worker_card(turn, ticket, key=key, hint=say("prompt/done"))
    return True


def _act_of(turn: Turn, awaited: Awaited) -> Act | None:
    text = turn.message.text.strip()[:4000]
    key, person = turn.message.key, turn.person
    if awaited.what == "place":
        found = turn.ports.understander.places(text, turn.gazetteer, None)
        if not found:
            return None
        p = found[0]
        place = PlaceIn(
            text=text[:500],
            estate=p.estate,
            building=p.building,
            unit=p.unit,
            floor=p.floor,
            room=p.room,
            road=p.road,
            spot=p.spot,
        )
        return CorrectPlace(act="correct_place", place=place, key=key, as_handle=person)
    if awaited.what == "finish":
        return Finish(act="finish", closing_code="solved", public_reply=text, key=key, as_handle=person)
    return GiveInfo(act="give_info", text=text, key=key, as_handle=person)


def _remember(turn: Turn, u: Understanding) -> None:
    message = turn.message
    turn.memory.recent = [e for e in turn.memory.recent if e.message_id != message.message_id]
    turn.memory.recent.append(
        Earlier(
            message_id=message.message_id,
            sender=turn.person,
            role=turn.role,
            at=message.at,
            text=u.masked.text[:500],
            kind=u.kind,
            matters=tuple(turn.outcome.matters),
            media=message.media[0].kind if message.media else None,
            category=u.category.best if u.kind in ("report", "question") else None,
        )
    )
