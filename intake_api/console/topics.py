"""Hot topics: the ranking with its chart, alerts, and one topic down to its matters and what was said about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from intake_api.console.charts import bars
from intake_api.console.frame import PageRoute, SignedIn, render
from intake_api.console.tickets import by_domain
from intake_api.grids import queries as grid_queries
from intake_api.grids.tables import Grid
from intake_api.security import Area
from intake_api.tickets.api import OnDesk
from intake_api.topics import queries, service
from intake_api.topics.surge_rules import load_surge_rules
from nlp.topic_rules import load_topic_rules

router = APIRouter(prefix="/console/topics", include_in_schema=False, route_class=PageRoute)
TopicId = Annotated[str, Path(min_length=1, max_length=70)]
Short = Annotated[str, Query(max_length=120)]
SPANS = (1, 7, 30, 90)
SHOWN, WITH_WORDS, SELECTABLE_GRIDS = 30, 40, 300


@router.get("")
async def list_topics(request: Request, who: SignedIn, desk: OnDesk, where: Short = "", days: Short = "", category: Short = "") -> Response:
    """The ranking of the signed-in person's area, or of a part of it; a filter that is none of ours filters nothing."""
    grids = await grid_queries.grids(desk.session, who.area)
    area, span = _narrowed(who.area, where), _span(days)
    page = await service.page(desk, area, span, SHOWN, category)
    return render(
        request,
        "topics.html",
        "results",
        page=page,
        chart=bars([(one.day, one.people) for one in page.days]),
        small={topic.id: bars([(one.day, one.people) for one in topic.days], 120, 28, 0) for topic in page.topics},
        surges=await service.surges(desk, area),
        filters={"where": where, "days": str(span), "category": category},
        spans=SPANS,
        places=_places(grids),
        matters=by_domain(desk.taxonomy),
        terms=load_topic_rules().live.heat,
        hours=load_surge_rules().window_hours,
    )


@router.get("/{topic_id}")
async def one_topic(request: Request, topic_id: TopicId, who: SignedIn, desk: OnDesk, where: Short = "", days: Short = "") -> Response:
    """A topic with its matters in the area and their masked messages."""
    span = max(_span(days), 30)
    topic = await service.detail(desk, topic_id, _narrowed(who.area, where), span)
    tickets = [member.ticket_id for member in topic.members if member.ticket_id][:WITH_WORDS]
    words = await queries.words_of(desk.session, tickets)
    chart = bars([(one.day, one.people) for one in topic.days], 300, 130, 20)
    filters = {"where": where, "days": days}
    return render(request, "topic.html", "main", topic=topic, words=words, chart=chart, filters=filters, days=span)


def _span(days: str) -> int:
    return int(days) if days in {str(one) for one in SPANS} else 7


def _narrowed(area: Area, where: str) -> Area:
    """ "grid:code", "community:name" or "street:name" within the area; anything else is the whole of it."""
    level, _, name = where.partition(":")
    if level not in ("grid", "community", "street") or not name:
        return area
    return queries.narrowed(area, **{level: name}) or area


def _places(grids: Sequence[Grid]) -> dict[str, list[tuple[str, str]]]:
    """What may be chosen, by level: (value, name). Too many grids for a menu are left to their communities."""
    found = {
        "street": sorted({(f"street:{one.street}", one.street) for one in grids if one.street}),
        "community": sorted({(f"community:{one.community}", one.community) for one in grids if one.community}),
        "grid": [(f"grid:{one.code}", one.name) for one in grids] if len(grids) <= SELECTABLE_GRIDS else [],
    }
    return {level: rows for level, rows in found.items() if len(rows) > 1 or level == "grid"}
