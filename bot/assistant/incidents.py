"""One trouble of many groups, in this one: announced once, its progress told once, and whoever asks the same is pointed to it (DD8)."""

from __future__ import annotations

from datetime import timedelta

from bot.assistant.memory import KnownIncident
from bot.assistant.turn import Turn
from bot.wording import say
from intake_api.contracts import IncidentTold, IncidentView
from nlp.match_rules import load_rules
from nlp.schema import Understanding

# who asks what was said a moment ago has it before their eyes
POINT_AGAIN = timedelta(minutes=10)


def known_incident(incident: IncidentView) -> KnownIncident:
    shown = incident.model_dump(include={"id", "category", "title", "words", "until"})
    return KnownIncident(**shown, since=incident.opened_at)


async def hear_of(turn: Turn, event: IncidentTold) -> None:
    """The API's news of an incident, once each: the event's id is the speech's key. A group that is told late is told what is new."""
    incident = event.incident
    if event.type == "incident.closed":
        turn.memory.incidents.pop(incident.id, None)
        words = say("incident/closed", title=incident.title, words=event.note)
    else:
        known = turn.memory.incidents[incident.id] = known_incident(incident)
        if event.type == "incident.told":
            words = say("incident/told", title=incident.title, words=event.note)
        elif event.note:
            words = say("incident/notice", title=incident.title, words=event.note, until=_until(turn, known))
        else:
            words = say("incident/announced", title=incident.title)
    await turn.say(words, key=f"ev:{event.id}", reply=False)


def incident_of(turn: Turn, category: str | None, text: str) -> KnownIncident | None:
    """The incident this group knows that words of such a category are about; not when they tell of one household alone."""
    if category is None or any(alone in text for alone in load_rules().alone):
        return None
    return next((one for one in reversed(turn.memory.incidents.values()) if one.category == category), None)


def filed_words(turn: Turn, known: KnownIncident, title: str, number: str) -> str:
    """The acknowledgement of a report that an incident explains."""
    return say("incident/filed", title=title, number=number, incident=known.title, until=_until(turn, known))


async def point_to_incident(turn: Turn, u: Understanding) -> bool:
    """Answer a question about what is known already. False, and nothing happened, where no incident explains it."""
    told = next((i for category, _ in u.category.top[:2] if (i := incident_of(turn, category, u.masked.text))), None)
    if told is None:
        return False
    if told.pointed_at is None or turn.now - told.pointed_at >= POINT_AGAIN:
        words = say("incident/known", title=told.title, words=told.words, until=_until(turn, told))
        if await turn.say(words, key=f"incident:{turn.message.key}"):
            told.pointed_at = turn.now
    return True


def _until(turn: Turn, known: KnownIncident) -> str:
    if known.until is None or known.until <= turn.now:
        return ""
    local = known.until.astimezone(turn.ports.zone)
    return say("incident/until", when=say("time/hour", month=local.month, day=local.day, hour=local.hour))
