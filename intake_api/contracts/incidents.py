"""One trouble of many groups: opening, telling, closing; and what people took apart again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StrictBool

from intake_api.contracts.tickets import PlaceView, TicketView
from intake_api.contracts.words import Moment, Slug, Wire

IncidentState = Literal["open", "closed"]
Reach = Literal["grid", "community", "street"]
Told = Annotated[str, Field(max_length=300)]
TicketRef = Annotated[str, Field(min_length=1, max_length=36)]


class IncidentIn(Wire):
    """`reach`: how far around `grid` it goes. `everyone`: all groups of the reach are told, else those where it was reported.

    `words`: what residents read, for a planned outage all there is; empty: the assistant says what it is. `key`: opened once.
    """

    key: Annotated[str, Field(min_length=1, max_length=200)]
    grid: Slug
    reach: Reach = "community"
    category: Annotated[str, Field(min_length=1, max_length=100)]
    title: Annotated[str, Field(max_length=60)] = ""
    words: Told = ""
    until: Moment | None = None
    everyone: StrictBool = False
    tickets: Annotated[list[TicketRef], Field(max_length=50)] = []


class IncidentSay(Wire):
    """Progress, told once to every group that was told of the incident; `close` ends it with these words.

    `finish` (with `close`): the words are the result of its open tickets, too, as far as whoever says so may finish them.
    """

    words: Told = ""
    close: StrictBool = False
    finish: StrictBool = False


class IncidentTie(Wire):
    """The incident a ticket belongs to; null takes it out for good: no rule puts it back."""

    incident: Annotated[str, Field(min_length=1, max_length=36)] | None


class IncidentLogged(Wire):
    at: AwareDatetime
    by: str
    act: Literal["open", "tie", "leave", "say", "close"]
    words: str = ""


class IncidentView(Wire):
    """`words`: the last ones that residents were told. `opened_by`: a person, or `system` for the rule. `groups`: how many were told."""

    id: str
    version: int
    state: IncidentState
    category: str
    category_name: str = ""
    title: str
    words: str = ""
    until: AwareDatetime | None = None
    reach: Reach
    grid: str = ""
    community: str = ""
    street: str = ""
    district: str = ""
    opened_by: str = ""
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    groups: int = 0


class IncidentDetail(IncidentView):
    """With its tickets, as whoever asks may see them."""

    tickets: list[TicketView] = []
    log: list[IncidentLogged] = []


class IncidentPage(Wire):
    """The newest first, at most two hundred."""

    incidents: list[IncidentView]


class PartedMatter(Wire):
    """One side of a parting: masked words and place, as they stand now."""

    ticket_id: str
    category: str | None
    place: PlaceView
    at: AwareDatetime
    texts: list[str]


class PartingView(Wire):
    """Two tickets that a person merged and took apart again: a hard negative for training."""

    one: PartedMatter
    other: PartedMatter
    at: AwareDatetime


class PartingPage(Wire):
    """Oldest first. `cursor` asks for the next page; empty at the end."""

    partings: list[PartingView]
    cursor: str = ""
