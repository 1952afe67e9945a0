"""Hot topics as they are shown, surges, and letters as they are sent in."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from intake_api.contracts.words import Moment, Slug, Wire

AreaLevel = Literal["grid", "community", "street", "city"]
Where = Annotated[str, Field(max_length=100)]
LetterId = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._:\-]+$")]


class TopicDay(Wire):
    """How many people spoke of it for the first time on this day (the installation's time zone)."""

    day: date
    people: int


class TopicView(Wire):
    """A topic as far as the caller's area, the filter and the time span reach: every figure counts only what lies within them.

    `heat` is the one formula of `nlp/topics.yaml`; `people` are distinct. `place`: what is named, else the group of people that is
    spoken of, else the grid, community or street. `description`: one masked sentence of the matter that says it best.
    """

    id: str
    rank: int
    heat: float
    category: str
    category_name: str
    place: str
    description: str
    people: int
    matters: int
    urgent: int
    likes: int
    against: int
    grids: int
    first_day: date
    last_at: AwareDatetime
    days: list[TopicDay] = []


class TopicPage(Wire):
    """The hottest first. `days`: how many people a day reported anything there, over the same span."""

    topics: list[TopicView]
    days: list[TopicDay] = []


class TopicMember(Wire):
    """A matter or letter of a topic. `ticket_id` is empty for letters."""

    ticket_id: str = ""
    letter_id: str = ""
    title: str
    text: str
    at: AwareDatetime
    people: int
    place: str = ""


class TopicDetail(TopicView):
    """The newest matters first, two hundred at most. `alike`: other topics of the same matter elsewhere in the caller's area."""

    members: list[TopicMember] = []
    alike: list[TopicView] = []


class SurgeView(Wire):
    """Suddenly many voices: `voices` in the last hours where `expected` are usual at that place, weekday and hour."""

    id: str
    level: AreaLevel
    area: str
    category: str
    category_name: str
    opened_at: AwareDatetime
    seen_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    voices: int
    expected: float
    ticket_id: str = ""


class LetterIn(Wire):
    """A letter to the authority, for topics. `writer` is any stable id of who wrote it; it is kept as a pseudonym only, and personal
    data in the words is masked before anything is stored. Who names no place is seen by those alone who see the whole city.
    """

    id: LetterId
    writer: Annotated[str, Field(min_length=1, max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=300)]
    at: Moment
    detail: Annotated[str, Field(max_length=20_000)] = ""
    likes: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    against: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    category: Slug | None = None
    grid: Where = ""
    community: Where = ""
    street: Where = ""
    district: Where = ""


class LettersIn(Wire):
    letters: Annotated[list[LetterIn], Field(min_length=1, max_length=500)]


class LettersTaken(Wire):
    """`changed`: how many were new or different from what was kept; sending the same again changes nothing."""

    changed: int
