"""Tickets and letters as topics count them, read in one go for many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.tickets.tables import Reporter, Ticket
from intake_api.topics.rules import LETTER, NOT_COUNTED, Spot, Voiced
from intake_api.topics.tables import TopicLetter
from nlp.entities import names_in
from nlp.live_topics import PLACE_FIELDS, Told
from nlp.topic_rules import load_topic_rules

SURELY_KIN = 0.8
"""A suggestion as probable as that is taken for the same trouble."""
TEXT = 300
_CHUNK = 500


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[n : n + _CHUNK] for n in range(0, len(ids), _CHUNK))


async def voiced(session: AsyncSession, ids: Iterable[str]) -> list[Voiced]:
    """The members with these ids, as they are now; ids of things that are gone are left out."""
    wanted = sorted(set(ids))
    found: list[Voiced] = []
    for chunk in _chunks([x for x in wanted if not x.startswith(LETTER)]):
        found += await of_tickets(session, list(await session.scalars(select(Ticket).where(Ticket.id.in_(chunk)))))
    for chunk in _chunks([x.removeprefix(LETTER) for x in wanted if x.startswith(LETTER)]):
        found += [of_letter(row) for row in await session.scalars(select(TopicLetter).where(TopicLetter.id.in_(chunk)))]
    return found


async def of_tickets(session: AsyncSession, tickets: Sequence[Ticket]) -> list[Voiced]:
    """Delicate and confidential tickets, and what is no matter of its own, have no voices: they count for nothing."""
    open_ones = [t.id for t in tickets if _counts(t)]
    voices: dict[str, dict[str, datetime]] = defaultdict(dict)
    for chunk in _chunks(open_ones):
        rows = select(Reporter.ticket_id, Reporter.person, Reporter.at).where(Reporter.ticket_id.in_(chunk)).order_by(Reporter.at)
        for ticket_id, person, at in await session.execute(rows):
            voices[ticket_id].setdefault(person, at)
    return [_of_ticket(ticket, voices.get(ticket.id, {})) for ticket in tickets]


def _counts(ticket: Ticket) -> bool:
    return ticket.state not in NOT_COUNTED and not ticket.delicate and not ticket.confidential and ticket.kind != "praise"


def _of_ticket(ticket: Ticket, voices: dict[str, datetime]) -> Voiced:
    kin = {one["ticket_id"] for one in ticket.suggestions if one.get("probability", 0.0) >= SURELY_KIN}
    kin |= {f"incident:{ticket.incident}"} if ticket.incident else set()
    kin |= {ticket.recurs_from} if ticket.recurs_from else set()
    told = Told(
        ticket.id,
        ticket.first_seen_at,
        ticket.description[:TEXT],
        ticket.category or "",
        ticket.grid,
        ticket.community,
        tuple((name, str(ticket.place[name])) for name in PLACE_FIELDS if ticket.place.get(name)),
        kin=frozenset(kin),
    )
    # who came first spoke when the matter was first seen, whenever we stored it
    spoken = tuple((who, ticket.first_seen_at if n == 0 else at) for n, (who, at) in enumerate(voices.items()))
    spot = Spot(ticket.grid, ticket.community, ticket.street, ticket.district)
    return Voiced(
        told, ticket.version, spot, ticket.lead_unit, tuple(ticket.assist_units), ticket.urgency != "normal", voices=spoken
    )  # fmt: skip


def of_letter(letter: TopicLetter) -> Voiced:
    told = Told(
        f"{LETTER}{letter.id}",
        letter.at,
        f"{letter.title} {letter.detail}"[:TEXT],
        letter.category or "",
        letter.grid,
        letter.community,
        names=names_in(letter.title, load_topic_rules()),
    )
    spot = Spot(letter.grid, letter.community, letter.street, letter.district)
    return Voiced(told, letter.version, spot, likes=letter.likes, against=letter.against, voices=((letter.person, letter.at),))
