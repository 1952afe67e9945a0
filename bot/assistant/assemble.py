"""What was known when a message came: its sender's home, the quoted message, the talk before it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.assistant.turn import Turn
from nlp.evidence import Vectors
from nlp.home import home_from_name
from nlp.schema import Earlier, MatterSketch, Place, Utterance

# how far back the talk is looked at; the evaluation of nlp/match.yaml used the same
LOOK_BACK = 30
TEXT_LIMIT = 4000


def utterance_of(turn: Turn) -> Utterance:
    """The message with its context. Texts are cut to TEXT_LIMIT code points: nobody says a matter in more."""
    message, memory = turn.message, turn.memory
    media = message.media[0].kind if message.media else None
    quotes_card = bool(message.card_id)
    return Utterance(
        text=message.text[:TEXT_LIMIT],
        role=turn.role,
        sender=turn.person,
        sender_name=message.sender.name,
        at=message.at,
        media=media,
        quoted=_quoted(turn),
        quotes_assistant=quotes_card,
        previous=tuple(memory.recent[-LOOK_BACK:]),
        home=home_of(turn),
        open_matters=sum(not m.settled for m in memory.matters.values()),
    )


def _quoted(turn: Turn) -> Earlier | None:
    """The quoted message; a quoted card of ours stands for the message its matter began with."""
    message, memory = turn.message, turn.memory
    if message.card_id:
        matter = memory.matters.get(message.card_id.partition(":")[2])
        if matter:
            text = matter.texts[0] if matter.texts else ""
            return Earlier(message.reply_to, "assistant", "community", matter.last_at, text, "reply", (matter.id,), None, matter.category)
    if not message.reply_to:
        return None
    known = next((e for e in memory.recent if e.message_id == message.reply_to), None)
    if known:
        return known
    matter = next(iter(memory.matters_of_message(message.reply_to)), None)
    if matter is None:
        return None
    text = matter.texts[0] if matter.texts else ""
    return Earlier(message.reply_to, "", "resident", matter.first_at, text, "report", (matter.id,), None, matter.category)


def home_of(turn: Turn) -> Place | None:
    """The sender's building: from their name in the group ("3栋老张"), kept once learnt."""
    known = turn.memory.homes.get(turn.person)
    if known is None and turn.message.sender.name:
        found = home_from_name(turn.message.sender.name, turn.gazetteer)
        if found is not None and not found.is_empty():
            known = turn.memory.homes[turn.person] = found
    return known


def household_of(turn: Turn) -> str:
    """ "3-2-501" as far as it is known: what counts households."""
    home = home_of(turn)
    return "-".join(part for part in (home.building, home.unit, home.room) if part) if home else ""


def vectors_of(turn: Turn, text: str, sketches: Sequence[MatterSketch]) -> Vectors | None:
    remembered = turn.ports.understander.remembered
    return remembered.compare(text, sketches) if remembered else None


def sketches_of(turn: Turn) -> list[MatterSketch]:
    return [m.sketch() for m in turn.memory.matters.values()]
