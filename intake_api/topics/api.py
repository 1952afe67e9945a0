"""The doors to hot topics, alerts, and letters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from intake_api.contracts.topics import LettersIn, LettersTaken, SurgeView, TopicDetail, TopicPage
from intake_api.deps import AssistantOrAdministrator, allow
from intake_api.security import Principal
from intake_api.tickets.api import OnDesk
from intake_api.topics import service

router = APIRouter(prefix="/v1", tags=["topics"])
TopicId = Annotated[str, Path(min_length=1, max_length=70, description="A topic's id.")]
Where = Annotated[str, Query(max_length=100, description="Only this part of the caller's own area.")]
Days = Annotated[int, Query(ge=1, le=365, description="So many days back, today included.")]
# topics quote residents' masked words: our own services, readers, and people within their area
Onlooker = Annotated[Principal, Depends(allow("assistant", "reader"))]


@router.get("/topics", summary="Hot topics")
async def list_topics(
    who: Onlooker,
    desk: OnDesk,
    grid: Where = "",
    community: Where = "",
    street: Where = "",
    category: Annotated[str, Query(max_length=100)] = "",
    days: Days = 7,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> TopicPage:
    """The hottest topics of the caller's area, or of a grid, community or street in it. Figures count what lies there and then only."""
    return await service.page(desk, service.area_of(who, grid, community, street), days, limit, category)


@router.get("/topics/{topic_id}", summary="One hot topic")
async def read_topic(
    topic_id: TopicId, who: Onlooker, desk: OnDesk, grid: Where = "", community: Where = "", street: Where = "", days: Days = 60
) -> TopicDetail:
    """Its matters in the caller's area with their masked words, its days, and topics of the same matter elsewhere in that area."""
    return await service.detail(desk, topic_id, service.area_of(who, grid, community, street), days)


@router.get("/surges", summary="Surge alerts")
async def list_surges(who: Onlooker, desk: OnDesk, grid: Where = "", community: Where = "", street: Where = "") -> list[SurgeView]:
    """Alerts that last and those of the last seven days, within the caller's area. Each was told to its staff once."""
    return await service.surges(desk, service.area_of(who, grid, community, street))


@router.post("/letters", summary="Take letters in for topics")
async def take_letters(body: LettersIn, who: AssistantOrAdministrator, desk: OnDesk) -> LettersTaken:
    """Letters to the authority join the topics. Idempotent by the letter's id; personal data is masked before it is stored."""
    return LettersTaken(changed=await service.take_letters(desk, body.letters))
