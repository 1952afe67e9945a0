"""From an understood report to a ticket: joined or opened, acknowledged by one card, asked once for its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.assistant.assemble import home_of, household_of, sketches_of, vectors_of
from bot.assistant.evidence import fetch_media, pin_of
from bot.assistant.incidents import filed_words, incident_of
from bot.assistant.memory import Awaited, OpenMatter, Timer
from bot.assistant.progress import edit_group_card, remember_ticket, show_card
from bot.assistant.turn import Turn
from bot.channels.contract import Button
from bot.wording import choose, say
from intake_api.contracts import Judgement, PlaceIn, Receipt, ReportIn, Suggestion, TicketKind, TicketView
from nlp.match import match
from nlp.match_rules import load_rules
from nlp.pipeline import LED_SHARE
from nlp.place import merge_places
from nlp.privacy import mask
from nlp.schema import Earlier, Emergency, Match, Place, RankedCategory, Understanding, Utterance
from nlp.thread import fragments
from nlp.title import title_of

# a burst ("电梯坏了", then "3栋2单元") is over after this; only then is somebody asked for what is still missing
SETTLE = timedelta(seconds=6)
# who tells of a trouble that turns into an emergency does so while it is being talked about; hours later it is another (dev, and three
# sets of conversations composed here: six reports, the four of minutes the same matter, the two of hours not)
TURNS_WITHIN = timedelta(minutes=30)
# between two words to joiners of one matter; those in between see the count on the card
JOIN_TOLD = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Telling:
    """One matter told in a message: `text` is masked, `part` numbers the matters of a message that tells of several."""

    text: str
    category: RankedCategory
    place: Place
    emergency: Emergency | None
    part: int = 0


async def file_report(turn: Turn, utterance: Utterance, u: Understanding, *, doubtful: bool = False) -> None:
    """File every matter the message tells of; what is `doubtful` without a word in the group. Raises IntakeError: the stream keeps the
    message until the API takes it."""
    taken = _fragments(turn, utterance)
    place = u.place
    for earlier in taken:
        place = merge_places(place, _place_in(turn, earlier.text))
    text = "，".join([e.text for e in taken if e.text] + [u.masked.text])
    tellings = [Telling(text, u.category, place, u.emergency)]
    phones = turn.gazetteer.official_phones
    tellings += [Telling(mask(c, phones).text, ranked, _place_in(turn, c), None, n) for n, (ranked, c) in enumerate(u.also, 1)]
    for telling in tellings:
        await _file(turn, utterance, u, telling, taken if telling.part == 0 else (), doubtful=doubtful)


def _fragments(turn: Turn, utterance: Utterance) -> tuple[Earlier, ...]:
    ids = set(fragments(utterance))
    return tuple(e for e in utterance.previous if e.message_id in ids)


def _place_in(turn: Turn, text: str) -> Place:
    found = turn.ports.understander.places(text, turn.gazetteer, home_of(turn))
    return found[0] if found else Place()


def matches_of(turn: Turn, utterance: Utterance, telling: Telling) -> list[Match]:
    """The chat's matters with the probability that this telling is one of them. An emergency joins none that is of another danger, or
    that was calm, of something else, and silent for a while, unless it quotes it: it is suggested there, and has a ticket of its own."""
    known = sketches_of(turn)
    quoted = utterance.quoted.matters if utterance.quoted else ()
    found = match(
        telling.text, telling.category, telling.place, turn.message.at, turn.person, known, taxonomy=turn.ports.taxonomy,
        vectors=vectors_of(turn, telling.text, known), home=utterance.home, previous=utterance.previous, quoted=quoted,
    )  # fmt: skip
    worse = {m.matter for m in found if m.verdict == "join" and m.matter not in quoted and _worse_than(turn, m, telling)}
    return [replace(m, verdict="suggest") if m.matter in worse else m for m in found]


def _worse_than(turn: Turn, found: Match, telling: Telling) -> bool:
    known = turn.memory.matters.get(found.matter)
    if telling.emergency is None or known is None or known.category == telling.emergency.matter:
        return False
    if known.alarmed:
        return not knows_of(turn, known, telling)
    return turn.message.at - known.last_at > TURNS_WITHIN


def knows_of(turn: Turn, matter: OpenMatter | None, told: Telling | Understanding) -> bool:
    """Whether the danger told of was called out in this matter already, and has not been settled since: the same, one told in the same
    words, or one that its words do not name while the other is being talked about."""
    emergency = told.emergency
    if emergency is None or matter is None or matter.settled or not matter.alarmed:
        return False
    named = emergency.cues or (told.category.best == emergency.matter and told.category.confidence > LED_SHARE)
    if not named and turn.message.at - matter.last_at <= TURNS_WITHIN:
        return True
    return any(one == emergency.matter or load_rules().confusable(one, emergency.matter) for one in matter.alarmed)


async def _file(
    turn: Turn, utterance: Utterance, u: Understanding, telling: Telling, taken: tuple[Earlier, ...], *, doubtful: bool
) -> None:
    matches = matches_of(turn, utterance, telling)
    joined = next((m for m in matches if m.verdict == "join"), None)
    known = turn.memory.matters.get(joined.matter) if joined else None
    if telling.emergency and not knows_of(turn, known, telling):
        await guide(turn, telling)
    receipt = await turn.ports.intake.create_report(report_of(turn, u, telling, taken, matches))
    before = turn.memory.matters.get(receipt.ticket.id)
    new_voice = receipt.first_of_person or (receipt.outcome == "already" and not (before and turn.person in before.senders))
    matter = remember_ticket(turn, receipt.ticket)
    _grow(turn, matter, telling, taken)
    if telling.emergency and not knows_of(turn, matter, telling):
        matter.alarmed.append(telling.emergency.matter)
    turn.outcome.matters.append(matter.id)
    await fetch_media(turn, matter.id, [e.message_id for e in taken])
    if doubtful and turn.in_group and telling.emergency is None and not (u.delicate or receipt.ticket.delicate):
        matter.doubtful = matter.doubtful or (receipt.outcome != "joined" and not matter.carded)
        await edit_group_card(turn, receipt.ticket, matter)
        return
    plain, matter.doubtful = matter.doubtful, False
    await acknowledge(turn, receipt.model_copy(update={"outcome": "opened"}) if plain else receipt, matter, u, telling, new_voice)


def _grow(turn: Turn, matter: OpenMatter, telling: Telling, taken: tuple[Earlier, ...]) -> None:
    matter.reply_to = matter.reply_to or turn.message.message_id
    matter.thread_id = matter.thread_id or turn.message.thread_id
    for earlier in taken:
        matter.add(earlier.message_id, "", "", earlier.at)
    fresh = matter.texts == [] or telling.text not in matter.texts
    matter.add(turn.message.message_id, turn.person, telling.text if fresh else "", turn.message.at)
    turn.memory.recent = [replace(e, matters=(matter.id,)) if e in taken else e for e in turn.memory.recent]


def report_of(turn: Turn, u: Understanding, telling: Telling, taken: tuple[Earlier, ...] = (), matches: Sequence[Match] = ()) -> ReportIn:
    """The report as the API wants it; `text` is the whole original, for whoever must call back."""
    message, memory = turn.message, turn.memory
    joined = next((m.matter for m in matches if m.verdict == "join"), None)
    recurs = next((m.matter for m in matches if m.verdict == "recurs"), None)
    suggested = [m for m in matches if m.verdict == "suggest" and m.matter in memory.matters][:3]
    private = not turn.in_group or u.delicate
    suffix = f"#{telling.part}" if telling.part else ""
    return ReportIn(
        external_id=f"{message.channel}:{message.chat_id}:{message.message_id}{suffix}",
        channel=message.channel,
        chat_id=message.chat_id,
        message_ids=[*(e.message_id for e in taken), message.message_id][-50:],
        grid=turn.chat.grid.code if turn.chat.grid else "unbound",
        at=message.at,
        reporter=turn.reporter(household_of(turn)),
        kind=kind_of_ticket(u, telling.category),
        text=message.text[:4000],
        masked=telling.text[:4000],
        title=title_of(telling.place, turn.ports.taxonomy.name_of(telling.category.best), telling.text),
        place=place_in(in_own_estate(telling.place, turn, _known(turn, joined)), turn, [e.message_id for e in taken]),
        judgement=judgement(u, telling),
        join=joined,
        suggestions=[_suggestion(turn, m) for m in suggested],
        recurs_from=recurs,
        private=private,
    )


def _known(turn: Turn, joined: str | None) -> Place | None:
    matter = turn.memory.matters.get(joined or "")
    return matter.place if matter else None


def _suggestion(turn: Turn, found: Match) -> Suggestion:
    number = turn.memory.matters[found.matter].number
    return Suggestion(ticket_id=found.matter, number=number, probability=round(found.probability, 4), reasons=list(found.reasons))


def judgement(u: Understanding, telling: Telling) -> Judgement:
    return Judgement(
        category=telling.category.best,
        confidence=round(telling.category.confidence, 4),
        top=[(m, round(p, 4)) for m, p in telling.category.top],
        accepted=telling.category.accepted,
        emergency=telling.emergency is not None,
        cues=list(telling.emergency.cues) if telling.emergency else [],
        call=telling.emergency.call if telling.emergency else "",
        delicate=u.delicate,
        model_version=u.model_version,
    )


def place_in(place: Place, turn: Turn, earlier: Iterable[str] = ()) -> PlaceIn:
    """The place of the words, with the pin of a location message where there is one."""
    pin = pin_of(turn, earlier)
    return PlaceIn(
        text=place.text[:500], estate=place.estate, building=place.building, unit=place.unit, floor=place.floor, room=place.room,
        road=place.road, spot=place.spot, lat=pin.lat if pin else None, long=pin.long if pin else None,
    )  # fmt: skip


def in_own_estate(place: Place, turn: Turn, known: Place | None = None) -> Place:
    """Where neither the words nor what is `known` of the matter name an estate, road or spot, their speaker means their own estate, if
    their name in the group tells it ("沐塘7-1104", and the property company's "星耀管家")."""
    home = home_of(turn)
    if home is None or any(p.estate or p.road or p.spot for p in (place, known or Place())):
        return place
    return replace(place, estate=home.estate)


def kind_of_ticket(u: Understanding, category: RankedCategory) -> TicketKind:
    """诉求类型 of the 12345 order, from what was said; the worker may change it."""
    best = category.best or ""
    if u.kind == "question":
        return "enquiry"
    if best == "civic.praise":
        return "praise"
    if best == "civic.suggestion":
        return "suggestion"
    if best.startswith("care."):
        return "help"
    return "tip" if best.startswith("order.") else "complaint"


async def guide(turn: Turn, telling: Telling) -> None:
    """UN6: what to do and whom to call, at once, before anything that can fail. Asks for the place in the same breath."""
    assert telling.emergency is not None  # noqa: S101  # the caller looked
    words = say(
        f"emergency/{telling.emergency.matter}" if _has_guide(telling.emergency) else "emergency/guide",
        call=telling.emergency.call,
    )
    lines = [words, say("emergency/told")]
    if telling.place.is_empty() and pin_of(turn) is None:
        lines.append(place_question(turn, telling.emergency.matter))
    turn.outcome.emergency = True
    await turn.say("\n".join(line for line in lines if line), key=f"guide:{turn.message.key}:{telling.part}", urgent=True)


def _has_guide(emergency: Emergency) -> bool:
    return bool(choose("emergency", emergency.matter))


def place_question(turn: Turn, category: str | None) -> str:
    """The one question for a missing place, by matter, else by domain; "" where no place is needed."""
    if category is None:
        return ""
    return choose("ask", category, choose("ask", category.split(".")[0]))


async def acknowledge(turn: Turn, receipt: Receipt, matter: OpenMatter, u: Understanding, telling: Telling, new_voice: bool) -> None:
    """One card a matter; a joiner is told once; somebody who says the same again hears nothing."""
    ticket, key = receipt.ticket, f"ack:{turn.message.key}:{telling.part}"
    question = "" if matter.is_placed() else place_question(turn, ticket.category)
    if question:
        turn.memory.awaited.append(Awaited(what="place", ticket=ticket.id, person=turn.person, since=turn.now))
    if turn.in_group and (u.delicate or ticket.delicate):
        await to_private(turn)
    elif receipt.outcome == "joined" or (matter.carded and receipt.outcome == "already"):
        await _tell_joiner(turn, ticket, matter, new_voice)
    elif not turn.in_group:
        words = say("delicate/private", number=ticket.number)
        asked = "" if telling.emergency else question
        await show_card(turn, ticket, matter, key=key, words=f"{words}\n{asked}".strip())
    elif question and telling.emergency is None:
        turn.memory.timers.append(Timer(at=turn.now + SETTLE, what="ask_place", ticket=ticket.id))
    else:
        incident = None if telling.emergency else incident_of(turn, ticket.category, telling.text)
        words = filed_words(turn, incident, ticket.title, ticket.number) if incident else ""
        await show_card(turn, ticket, matter, key=key, before=turn.memory.matters.get(ticket.recurs_from or ""), words=words)


async def _tell_joiner(turn: Turn, ticket: TicketView, matter: OpenMatter, new_voice: bool) -> None:
    recently = matter.told_joined_at is not None and turn.now - matter.told_joined_at < JOIN_TOLD
    if new_voice and not recently and ticket.affected_people > 1:
        words = say("ack/joined", title=ticket.title, number=ticket.number, people=ticket.affected_people)
        if await turn.say(words, key=f"joined:{ticket.id}:{turn.person}"):
            matter.told_joined_at = turn.now
    await edit_group_card(turn, ticket, matter)


async def to_private(turn: Turn) -> None:
    """CH7: nothing of a delicate matter is repeated in the group; the person gets a way to speak in private."""
    link = turn.ports.private_link(turn.message.channel, turn.message.chat_id)
    buttons = ((Button(label=say("delicate/button"), url=link),),) if link else ()
    words = say("delicate/group_link") if link else say("delicate/group")
    await turn.say(words, key=f"private:{turn.message.key}", buttons=buttons)
