"""A message of a person: understood, then filed, attached, answered, or left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.assistant.answers import answer, answered_after_all
from bot.assistant.asked import asked_words
from bot.assistant.assemble import household_of, sketches_of, utterance_of, vectors_of
from bot.assistant.commands import my_matters
from bot.assistant.evidence import fetch_media, matter_of_album, note_media
from bot.assistant.filing import Telling, file_report, guide, in_own_estate, judgement, knows_of, place_in, place_question
from bot.assistant.incidents import point_to_incident
from bot.assistant.memory import OpenMatter
from bot.assistant.progress import edit_group_card, progress_words, remember_ticket
from bot.assistant.turn import Turn, heed_flood
from bot.wording import say
from intake_api.contracts import SupplementIn
from nlp.matter_place import says_only_place
from nlp.place import merge_places, place_answered, place_asked, without_asked
from nlp.schema import STAFF_ROLES, Earlier, Place, Understanding, Utterance
from nlp.settled import says_settled
from nlp.thread import Belonging, also_belongs, belongs, tells

# who answers the assistant's question for a place in another's stead does so soon
ANSWERED_WITHIN = timedelta(minutes=10)
# a question of staff that hangs on nothing is for what was told this lately
TALKED_ABOUT = timedelta(hours=1)
# what the question for a place says where houses are asked for: numbers alone answer it
ASKS_HOUSE = "几栋"
# a progress line for one matter at most this often
PROGRESS_AGAIN = timedelta(minutes=30)


async def hear_talk(turn: Turn) -> None:
    """Read one message or edit. Silent unless there is something worth saying."""
    if not turn.in_group and await asked_words(turn):
        return
    if turn.chat.grid is None:
        await _hear_unbound(turn)
        return
    note_media(turn)
    utterance = utterance_of(turn)
    u = turn.ports.understander.understand(utterance, turn.gazetteer)
    if tells(u.kind_scores, staff=turn.is_staff):
        u = turn.ports.understander.read_closer(u, utterance, turn.gazetteer)
    if turn.is_staff:
        u = replace(u, place=without_asked(u.place, utterance.text))
    found = _belonging(turn, utterance, u)
    believed, u = u.kind, replace(u, kind=found.kind)
    outcome = turn.outcome
    outcome.kind, outcome.understanding = u.kind, u
    outcome.category, outcome.confidence = u.category.best, u.category.confidence
    await heed_flood(turn)
    if await _edited(turn, u) or await _album(turn, u) or await _answered(turn, utterance, u) or await answered_after_all(turn, u):
        believed = outcome.kind
    elif u.kind == "report":
        await file_report(turn, utterance, u, doubtful=believed == "chat")
    elif u.kind in ("supplement", "follow_up", "reply"):
        await _add_to_matter(turn, utterance, u, found)
    elif u.kind == "question":
        await answer(turn, u)
    _remember(turn, u)
    if found.kind == "report":
        # what may be a report is filed for a person to judge, and is still called what it most likely is
        outcome.kind = believed


async def _hear_unbound(turn: Turn) -> None:
    """CH5: a group without a grid only explains itself; a private chat without a group says where to go."""
    if not turn.in_group:
        await turn.say(say("help/start"), key=f"start:{turn.message.chat_id}")


async def _edited(turn: Turn, u: Understanding) -> bool:
    """CH9: a new version of a message that belongs to matters; False when it belongs to none and is read as if new."""
    matters = turn.memory.matters_of_message(turn.message.message_id) if turn.message.kind == "edit" else []
    if matters:
        await _alarm(turn, matters[0], u)
        await _keep(turn, matters, u, kind="edit", edit_of=turn.message.message_id)
    return bool(matters)


async def _album(turn: Turn, u: Understanding) -> bool:
    matter = matter_of_album(turn)
    if matter is None:
        return False
    await _keep(turn, [matter], u, kind="supplement")
    return True


async def _answered(turn: Turn, utterance: Utterance, u: Understanding) -> bool:
    """TK10: words of a reporter under the question that was asked of them, whatever they read like alone."""
    quoted = utterance.quoted.matters if utterance.quoted else ()
    matter = next((m for i in quoted if (m := turn.memory.matters.get(i))), None)
    if matter is None or matter.state != "need_info" or turn.is_staff or (matter.senders and turn.person not in matter.senders):
        return await _housed(turn, utterance, u)
    await _alarm(turn, matter, u)
    await _keep(turn, [matter], u, kind="supplement")
    return True


async def _housed(turn: Turn, utterance: Utterance, u: Understanding) -> bool:
    """A bare number, said by whom the assistant or staff have just asked for house, unit, floor or room, is the answer: "7", "3-2"."""
    if turn.message.kind == "edit" or turn.is_staff or u.place.building or u.place.room or u.place.floor:
        return False
    asked = [it for it in (_asked_by_assistant(turn), _asked_by_staff(turn)) if it]
    if not asked:
        return False
    last = max(asked, key=lambda it: it.at)
    matter = last.matter
    if matter.settled or _quotes_another(utterance, last):
        return False
    place = place_answered(turn.message.text, last.part)
    if place is None:
        return False
    turn.outcome.kind, turn.outcome.understanding = "supplement", replace(u, kind="supplement", place=place)
    await _keep(turn, [matter], turn.outcome.understanding, kind="supplement")
    return True


@dataclass(frozen=True, slots=True)
class _HouseAsked:
    """`part` of the place of the speaker's matter was asked for; `message_id`: of the question, where staff asked it."""

    matter: OpenMatter
    part: str
    at: datetime
    message_id: str = ""


def _asked_by_assistant(turn: Turn) -> _HouseAsked | None:
    awaited = turn.memory.awaiting(turn.person, "place")
    matter = turn.memory.matters.get(awaited.ticket) if awaited and turn.now - awaited.since <= ANSWERED_WITHIN else None
    if awaited is None or matter is None or matter.is_placed() or ASKS_HOUSE not in place_question(turn, matter.category):
        return None
    return _HouseAsked(matter, "building", awaited.since)


def _asked_by_staff(turn: Turn) -> _HouseAsked | None:
    """What staff have just asked for of the speaker's own matter, where nobody has told it: the one that the question hangs on, or one that
    is being talked about."""
    asked = ((said, place_asked(said.text)) for said in reversed(turn.memory.recent) if said.role in STAFF_ROLES and said.kind != "notice")
    said, part = next(((said, part) for said, part in asked if part), (None, None))
    if said is None or part is None or turn.now - said.at > ANSWERED_WITHIN:
        return None
    own = [m for m in turn.memory.matters.values() if turn.person in m.senders]
    own = [m for m in own if m.id in said.matters or (not said.matters and said.at - m.last_at <= TALKED_ABOUT)]
    matter = max(own, key=lambda m: m.last_at, default=None)
    return _HouseAsked(matter, part, said.at, said.message_id) if matter and not getattr(matter.place, part) else None


def _quotes_another(utterance: Utterance, asked: _HouseAsked) -> bool:
    """Whether the words point elsewhere than to the question or its matter."""
    quoted = utterance.quoted
    return quoted is not None and asked.matter.id not in quoted.matters and quoted.message_id != asked.message_id


async def _alarm(turn: Turn, matter: OpenMatter, u: Understanding) -> None:
    """UN6: an emergency told in later words is guided like one told at first."""
    if u.emergency and not knows_of(turn, matter, u):
        await guide(turn, Telling(u.masked.text, u.category, merge_places(u.place, matter.place), u.emergency))
        matter.alarmed.append(u.emergency.matter)


async def _add_to_matter(turn: Turn, utterance: Utterance, u: Understanding, found: Belonging) -> None:
    """A supplement, a follow-up or a reply of staff goes to the matter it belongs to, or to none."""
    matter = turn.memory.matters.get(found.matter or "")
    awaited = turn.memory.awaiting(turn.person, "place")
    if matter is None and awaited and _names_place(turn, u):
        matter = turn.memory.matters.get(awaited.ticket)
    # who asks after a matter they know fears more than they see: there words of danger count, a guess of the model does not
    if u.emergency and u.kind != "supplement" and matter and not u.emergency.cues:
        u = replace(u, emergency=None)
    if u.emergency and not turn.is_staff and not knows_of(turn, matter, u):
        await file_report(turn, utterance, u)
        return
    if matter is None and u.kind == "supplement" and says_only_place(utterance.text, u.place):
        matter = _asked_for_place(turn)
    further = _further(turn, utterance, u, matter) if matter or found.reason != "pending" else []
    if matter is None and not further:
        if u.kind == "follow_up" and not turn.is_staff and await point_to_incident(turn, u):
            return
        if u.kind == "follow_up" and not turn.in_group:
            await turn.say(await my_matters(turn), key=f"progress:{turn.message.key}")
        return
    every = [*([matter] if matter else []), *further]
    await _keep(turn, every, u, kind=u.kind)
    if u.kind == "reply" and matter:
        matter.settled = matter.settled or says_settled(turn.message.text)
    if u.kind == "follow_up":
        await _tell_progress(turn, matter or further[0])


def _asked_for_place(turn: Turn) -> OpenMatter | None:
    """The matter whose place the assistant has asked this chat for lately: a neighbour may know the answer."""
    asked = [a for a in turn.memory.awaited if a.what == "place" and turn.now - a.since <= ANSWERED_WITHIN]
    return turn.memory.matters.get(asked[-1].ticket) if asked else None


def _further(turn: Turn, utterance: Utterance, u: Understanding, main: OpenMatter | None) -> list[OpenMatter]:
    """The other matters that clauses of these words are about."""
    if len(turn.memory.matters) < (2 if main else 1) or not utterance.text:
        return []
    clauses = turn.ports.understander.by_clause(utterance.text, turn.gazetteer, utterance.home)
    found = also_belongs(u.kind, utterance, clauses, sketches_of(turn), main.id if main else None)
    return [turn.memory.matters[i] for i in found]


def _belonging(turn: Turn, utterance: Utterance, u: Understanding) -> Belonging:
    """Where the message belongs, its kind reconsidered in view of the chat's matters; what alarms is of the kind it was heard as."""
    known = sketches_of(turn)
    kinds: dict[str, float] = {u.kind: 1.0} if u.emergency else u.kind_scores
    vectors = vectors_of(turn, u.masked.text, known) if tells(kinds, staff=turn.is_staff) else None  # small talk is compared with nothing
    return belongs(kinds, utterance, known, category=u.category, place=u.place, vectors=vectors)


async def _keep(turn: Turn, matters: list[OpenMatter], u: Understanding, *, kind: str, edit_of: str = "") -> None:
    """Words about several matters are kept with each."""
    for one in matters:
        turn.outcome.matters.append(one.id)
        await supplement(turn, one, u, kind=kind, edit_of=edit_of, beside=one is not matters[0], alone=len(matters) == 1)


async def supplement(
    turn: Turn, matter: OpenMatter, u: Understanding, *, kind: str, edit_of: str = "", beside: bool = False, alone: bool = True
) -> None:
    """Keep words with a matter; its card follows. Words about several matters (not `alone`) place none of them, and what they are
    judged to be is not said of those that they are about `beside` the first. Raises IntakeError."""
    message = turn.message
    said = SupplementIn.model_validate(
        {
            "external_id": f"{message.key}@{matter.id}" if beside else message.key,
            "kind": kind,
            "message_id": message.message_id,
            "at": message.at,
            "reporter": turn.reporter(household_of(turn)),
            "text": message.text[:4000],
            "masked": u.masked.text[:4000],
            "place": place_in(_told(turn, u, matter), turn) if alone and kind != "follow_up" and _names_place(turn, u) else None,
            "edit_of": edit_of,
            "judgement": judgement(u, Telling(u.masked.text, u.category, u.place, u.emergency)) if kind != "reply" and not beside else None,
        }
    )
    ticket = await turn.ports.intake.add_supplement(matter.id, said)
    known = remember_ticket(turn, ticket)
    known.add(message.message_id, "", u.masked.text if kind == "supplement" else "", message.at)
    if kind in ("supplement", "edit"):
        await fetch_media(turn, known.id)
        awaited = turn.memory.awaiting(turn.person, "place")
        if awaited and known.is_placed():
            turn.memory.stop_awaiting(awaited)
        await edit_group_card(turn, ticket, known)


def _told(turn: Turn, u: Understanding, matter: OpenMatter) -> Place:
    """The place that words name, in the speaker's own estate where nobody named one; a pin alone names none."""
    return u.place if u.place.is_empty() else in_own_estate(u.place, turn, matter.place)


def _names_place(turn: Turn, u: Understanding) -> bool:
    return not u.place.is_empty() or any(m.kind == "location" for m in turn.message.media)


async def _tell_progress(turn: Turn, matter: OpenMatter) -> None:
    """TK12: who asks in the group hears where it stands; not twice within half an hour for one matter."""
    if matter.told_progress_at and turn.now - matter.told_progress_at < PROGRESS_AGAIN:
        return
    ticket = await turn.ports.intake.ticket(matter.id)
    shown = not (ticket.delicate and turn.in_group)
    if shown and await turn.say(progress_words(turn, ticket), key=f"progress:{turn.message.key}"):
        matter.told_progress_at = turn.now


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
            kind=turn.outcome.kind,
            matters=tuple(turn.outcome.matters),
            media=message.media[0].kind if message.media else None,
            category=u.category.best if turn.outcome.kind in ("report", "question") else None,
        )
    )
