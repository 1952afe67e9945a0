"""One trouble of many groups, in this one: announced once, its progress told once, and whoever asks the same is pointed to it (DD8)."""

from __future__ import annotations

import re
from datetime import timedelta

from bot.assistant.memory import KnownIncident
from bot.assistant.turn import Turn
from bot.wording import say
from intake_api.contracts import IncidentTold, IncidentView
from nlp.match_rules import load_rules
from nlp.schema import Understanding

# who asks what was said a moment ago has it before their eyes
POINT_AGAIN = timedelta(minutes=10)
# a second guess at what a question is about counts from here on
ALSO_ABOUT = 0.15
# what is asked of a trouble that goes on; how to pay for water or register its meter is another question
_OF_TROUBLE = re.compile(
    r"停|断|(?<!有)没|坏|修|抢|恢复|正常|(?<!自)来[水电气]|通[水电气暖]|回事|原因|为[什啥何]|进展|解决|什么时候[来好能]"
)


def known_incident(incident: IncidentView) -> KnownIncident:
    shown = incident.model_dump(include={"id", "category", "title", "words", "until"})
    return KnownIncident(**shown, since=incident.opened_at)


async def hear_of(turn: Turn, event: IncidentTold) -> None:
    """The API's news of an incident, once each: the event's id is the speech's key. A group that is told late is told what is new.

    Nobody says it again, so the budget of a busy group does not hold it back.
    """
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
    await turn.say(words, key=f"ev:{event.id}", owed=True, reply=False)


def incident_of(turn: Turn, category: str | None, text: str) -> KnownIncident | None:
    """The incident this group knows that words of such a category are about; not when they tell of one household alone."""
    if category is None or any(alone in text for alone in load_rules().alone):
        return None
    return next((one for one in reversed(turn.memory.incidents.values()) if one.category == category), None)


def filed_words(turn: Turn, known: KnownIncident, title: str, number: str) -> str:
    """The acknowledgement of a report that an incident explains."""
    return say("incident/filed", title=title, number=number, incident=known.title, until=_until(turn, known))


async def point_to_incident(turn: Turn, u: Understanding) -> bool:
    """Answer a question about what is known already. False, and nothing happened, where no incident explains it.

    At night nothing is put off for the morning: the trouble may be over by then, and many ask.
    """
    if not _OF_TROUBLE.search(u.masked.text):
        return False
    about = [category for n, (category, p) in enumerate(u.category.top[:2]) if n == 0 or p >= ALSO_ABOUT]
    told = next((i for category in about if (i := incident_of(turn, category, u.masked.text))), None)
    if told is None:
        return False
    if told.pointed_at is None or turn.now - told.pointed_at >= POINT_AGAIN:
        words = say("incident/known", title=told.title, words=told.words, until=_until(turn, told))
        if await turn.say(words, key=f"incident:{turn.message.key}", later=False):
            told.pointed_at = turn.now
    return True


def _until(turn: Turn, known: KnownIncident) -> str:
    if known.until is None or known.until <= turn.now:
        return ""
    local = known.until.astimezone(turn.ports.zone)
    return say("incident/until", when=say("time/hour", month=local.month, day=local.day, hour=local.hour))
