"""Topics as a caller may see them, and letters taken in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import structlog
from sqlalchemy import select

from intake_api.contracts.topics import LetterIn, SurgeView, TopicDay, TopicDetail, TopicMember, TopicPage, TopicView
from intake_api.problems import forbidden, not_found
from intake_api.security import Area, Principal
from intake_api.tickets.desk import Desk
from intake_api.tickets.tables import Ticket
from intake_api.topics import queries
from intake_api.topics.queries import Ranked, Span
from intake_api.topics.surging import area_name, surge_view
from intake_api.topics.tables import TopicLetter
from nlp.entities import names_in
from nlp.live_topics import PLACE_FIELDS
from nlp.privacy import mask
from nlp.topic_rules import load_topic_rules

SENTENCE = 60
ALERTS_SHOWN = timedelta(days=7)
TEXT = 500
log = structlog.get_logger()


def area_of(who: Principal, grid: str, community: str, street: str) -> Area:
    """The part of the caller's area that is asked for. Raises 403 `outside_area`."""
    area = queries.narrowed(who.area, grid, community, street)
    if area is None:
        raise forbidden("This place lies outside your area.", "outside_area")
    return area


async def page(desk: Desk, area: Area, days: int, limit: int, category: str = "") -> TopicPage:
    """The hottest topics of an area in the last `days` days, and how many people a day spoke there."""
    span = Span.back(desk.now, desk.zone, days)
    found = await queries.ranked(desk.session, area, span, desk.now, limit, category)
    everybody = await queries.by_day(desk.session, area, span)
    return TopicPage(topics=await _views(desk, found, area, span), days=_days(everybody.get("", {}), span))


async def detail(desk: Desk, topic: str, area: Area, days: int) -> TopicDetail:
    """One topic with its matters. Raises 404 where nothing of it lies in the area and span."""
    span = Span.back(desk.now, desk.zone, days)
    found = await queries.one(desk.session, topic, area, span, desk.now)
    if found is None:
        raise not_found("This topic")
    others = await queries.alike(desk.session, found, area, span, desk.now)
    view, *alike = await _views(desk, [found, *others], area, span)
    told = [member(row) for row in await queries.members(desk.session, topic, area)]
    return TopicDetail(**{**dict(view), "members": sorted(told, key=lambda m: m.at, reverse=True), "alike": alike})


async def surges(desk: Desk, area: Area) -> list[SurgeView]:
    """Alerts of the area and within it: those that last, and those of the last days."""
    mine = [m.id for m in desk.taxonomy.matters if area.unit in (m.lead, *m.assist)] if area.unit else None
    rows = await queries.surges(desk.session, area, desk.now - ALERTS_SHOWN, mine)
    return [surge_view(row, desk.taxonomy.name_of(row.category), await area_name(desk, row)) for row in rows]


async def _views(desk: Desk, found: Sequence[Ranked], area: Area, span: Span) -> list[TopicView]:
    behind = await queries.titles(desk.session, [one.central for one in found])
    counts = await queries.by_day(desk.session, area, span, [one.id for one in found])
    grids = await queries.names_of(desk.session, [row.grid for row in behind.values() if row.grid])
    return [
        TopicView(
            id=one.id,
            rank=rank,
            heat=round(one.heat, 2),
            category=one.category,
            category_name=desk.taxonomy.name_of(one.category),
            place=_place(behind.get(one.central), one.grids, grids),
            description=_sentence(behind.get(one.central)),
            people=one.people,
            matters=one.matters,
            urgent=one.urgent,
            likes=one.likes,
            against=one.against,
            grids=one.grids,
            first_day=one.first_day,
            last_at=one.last_at,
            days=_days(counts.get(one.id, {}), span),
        )
        for rank, one in enumerate(found, 1)
    ]


def _days(counts: dict[date, int], span: Span) -> list[TopicDay]:
    return [TopicDay(day=day, people=counts.get(day, 0)) for day in span.days()]


def _place(row: Ticket | TopicLetter | None, grids: int, names: dict[str, str]) -> str:
    """What the matter names; else the group of people it speaks of; else its grid, or what lies around several grids."""
    if row is None:
        return ""
    named = next((str(row.place[name]) for name in PLACE_FIELDS if row.place.get(name)), "") if isinstance(row, Ticket) else _named(row)
    text = row.description if isinstance(row, Ticket) else f"{row.title}{row.detail}"
    group = next((g for g in load_topic_rules().groups if g in text), "")
    around = row.community or row.street if grids > 1 else names.get(row.grid, row.community)
    return named or group or around


def _named(letter: TopicLetter) -> str:
    names = sorted(name for name in names_in(letter.title, load_topic_rules()) if not mask(name).found)
    return max(names, key=len, default="")


def _sentence(row: Ticket | TopicLetter | None) -> str:
    """What the matter says of itself, masked once more: nobody's name becomes a headline."""
    if row is None:
        return ""
    words = row.description if isinstance(row, Ticket) else row.title
    first = mask(" ".join(words.split())).text
    return first if len(first) <= SENTENCE else f"{first[: SENTENCE - 1]}…"


def member(row: Ticket | TopicLetter) -> TopicMember:
    if isinstance(row, TopicLetter):
        return TopicMember(letter_id=row.id, title=row.title, text=row.detail[:TEXT], at=row.at, people=1, place=_named(row))
    place = " ".join(str(row.place[name]) for name in PLACE_FIELDS if row.place.get(name))
    return TopicMember(
        ticket_id=row.id, title=row.title, text=row.description[:TEXT], at=row.first_seen_at, people=row.affected_people, place=place
    )  # fmt: skip


# ---- letters --------------------------------------------------------------------------------------------------------
async def take_letters(desk: Desk, letters: Sequence[LetterIn]) -> int:
    """Keep letters, masked; how many were new or changed. The last of two with one id counts."""
    wanted = {letter.id: letter for letter in letters}
    rows = await desk.session.scalars(select(TopicLetter).where(TopicLetter.id.in_(wanted)).with_for_update())
    known, changed = {row.id: row for row in rows}, 0
    for letter in wanted.values():
        row, values = known.get(letter.id), _columns(desk, letter)
        if row is None:
            desk.session.add(TopicLetter(id=letter.id, version=1, updated_at=desk.now, **values))
        elif any(getattr(row, name) != value for name, value in values.items()):
            row.version, row.updated_at = row.version + 1, desk.now
            for name, value in values.items():
                setattr(row, name, value)
        else:
            continue
        changed += 1
    log.info("letters.taken", letters=len(wanted), changed=changed)
    return changed


def _columns(desk: Desk, letter: LetterIn) -> dict[str, object]:
    category = letter.category if letter.category and desk.taxonomy.matter(letter.category) else None
    return {
        "person": desk.vault.pseudonym("letter", letter.writer),
        "title": mask(letter.title).text[:300],
        "detail": mask(letter.detail).text,
        "category": category,
        "likes": letter.likes,
        "against": letter.against,
        "at": letter.at,
        **letter.model_dump(include={"grid", "community", "street", "district"}),
    }
