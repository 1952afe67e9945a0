"""The small phrases cards are made of: counts, deadlines, places, units."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.wording import choose, say
from intake_api.contracts import PlaceView, TicketView


def people(ticket: TicketView) -> str:
    """ "，3人（2户）反映", or nothing for a single voice."""
    n, households = ticket.affected_people, ticket.affected_households
    if n < 2:
        return ""
    return say("part/households", n=n, h=households) if 1 < households < n else say("part/people", n=n)


def deadline(when: datetime | None, zone: ZoneInfo) -> str:
    """ "，预计6月3日18点前办结", or nothing without a deadline."""
    if when is None:
        return ""
    local = when.astimezone(zone)
    return say("part/deadline", when=say("time/hour", month=local.month, day=local.day, hour=local.hour))


def state_name(state: str) -> str:
    return choose("state_name", state, state)


def place_words(place: PlaceView) -> str:
    """The place as staff read it, with its room and its pin: they must find the door."""
    parts = [
        place.estate, f"{place.building}栋" if place.building else None, f"{place.unit}单元" if place.unit else None,
        f"{place.floor}楼" if place.floor else None, f"{place.room}室" if place.room else None, place.road, place.spot,
    ]  # fmt: skip
    words = "".join(p for p in parts if p) or place.text
    pin = say("card/pin", lat=place.lat, long=place.long) if place.lat is not None else ""
    return " ".join(part for part in (words, pin) if part)


def filled(key: str, ticket: TicketView, zone: ZoneInfo) -> str:
    """A sentence of wording.yaml with everything a ticket can fill in."""
    return say(
        key,
        title=ticket.title,
        number=ticket.number,
        people=people(ticket),
        unit=ticket.lead_unit or ticket.assignee or say("part/unit_unknown"),
        deadline=deadline(ticket.resolve_by, zone),
        reply=ticket.public_reply or say("part/reply_unknown"),
        note=note_words(ticket) or _default_note(ticket.state),
        state=state_name(ticket.state),
    )


def note_words(ticket: TicketView) -> str:
    """Why the ticket stands where it stands, in the words of who moved it."""
    return choose("notes", ticket.state_note, ticket.state_note)


def _default_note(state: str) -> str:
    return choose("part", f"{state}_note", "")
