"""When tickets of several groups are one incident, and who may say so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from intake_api.contracts import LEVELS, Level
from intake_api.contracts.incidents import Reach
from intake_api.security import Principal
from nlp.evidence import agreement
from nlp.match import match
from nlp.match_rules import load_rules as load_match_rules
from nlp.place import CROSSING
from nlp.schema import Match, MatterSketch, Place, RankedCategory
from nlp.taxonomy import Taxonomy

RULES_PATH = Path(__file__).with_name("rules.yaml")
_HIGHEST: dict[str, Level] = {"micro_worker": "grid", "grid": "grid", "community": "community", "street": "street"}


class Rules(BaseModel):
    """intake_api/incidents/rules.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: dict[str, float]
    groups: int
    households: int


@lru_cache(maxsize=1)
def load_rules() -> Rules:
    return Rules.model_validate(yaml.safe_load(RULES_PATH.read_text(encoding="utf8")))


@dataclass(frozen=True, slots=True)
class Scope:
    """The area an incident covers; empty below its reach."""

    grid: str = ""
    community: str = ""
    street: str = ""
    district: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """A ticket as this room looks at it. `text` is masked; `category` with what the model thought beside it."""

    id: str
    category: RankedCategory
    place: Place
    text: str
    at: datetime
    scope: Scope
    chats: tuple[str, ...]
    households: int
    unlike: tuple[str, ...] = ()

    @property
    def sketch(self) -> MatterSketch:
        return MatterSketch(self.id, self.category.best, self.place, (self.text,), self.at, self.at, unlike=self.unlike)


def may_lead(who: Principal, scope: Scope, reach: Reach) -> bool:
    """Whether this person may open, tell and close for such an area: it is theirs, and their post reaches as far."""
    if who.kind != "person" or who.role == "department":
        return False
    if who.is_administrator:
        return True
    highest = _HIGHEST.get(who.role)
    if highest is None or LEVELS.index(reach) > LEVELS.index(highest):
        return False
    return who.area.covers(grid=scope.grid, community=scope.community, street=scope.street, district=scope.district)


def hours_of(category: str | None) -> float | None:
    """Within which two reports of it may be one trouble of many homes; None for a category that stays in one place."""
    return load_rules().hours.get(category or "")


def speaks_alone(text: str) -> bool:
    """ "就我家没水": one household's trouble beside what others have; never a part of a wider one."""
    return any(words in text for words in load_match_rules().alone)


def same_trouble(voice: Voice, other: Voice, taxonomy: Taxonomy) -> bool:
    """Whether two neighbours' tickets tell of one trouble of many homes: said alike, at one time, neither of one home only.

    Buildings and estates do not count here: a burst main is told from all of them.
    """
    hours = hours_of(voice.category.best)
    if hours is None or other.category.best != voice.category.best or speaks_alone(voice.text) or speaks_alone(other.text):
        return False
    if abs(voice.at - other.at) > timedelta(hours=hours):
        return False
    anywhere = MatterSketch(other.id, other.category.best, Place(), (other.text,), other.at, other.at, unlike=other.unlike)
    return match(voice.text, voice.category, Place(), voice.at, "", [anywhere], taxonomy=taxonomy)[0].verdict == "join"


def is_wide_enough(voices: Sequence[Voice]) -> bool:
    """Whether so many groups and households say it that the rule may open an incident by itself."""
    rules = load_rules()
    groups = {chat for voice in voices for chat in voice.chats}
    return len(groups) >= rules.groups and sum(voice.households for voice in voices) >= rules.households


def looks_the_same(voice: Voice, other: Voice, taxonomy: Taxonomy) -> Match | None:
    """A ticket of another group about the very same spot, for the worker to merge; None when there is no reason to think so."""
    if agreement(voice.place, other.place) < 1:
        return None
    found = match(voice.text, voice.category, voice.place, voice.at, "", [other.sketch], taxonomy=taxonomy)[0]
    return found if found.verdict in ("join", "suggest") else None


def in_reach(voice: Voice, scope: Scope, others: Sequence[Voice]) -> bool:
    """Whether a ticket lies where the incident is: in its area, or at an estate or road of its tickets."""
    names = (("grid", scope.grid), ("community", scope.community), ("street", scope.street), ("district", scope.district))
    if all(not mine or mine == getattr(voice.scope, name) for name, mine in names):
        return True
    estates = {v.place.estate for v in others} - {None}
    roads = {road for v in others if v.place.road for road in v.place.road.split(CROSSING)}
    mine = set((voice.place.road or "").split(CROSSING)) - {""}
    return voice.place.estate in estates or bool(mine & roads)


def are_neighbours(voice: Voice, other: Voice) -> bool:
    """Of one community, or at one estate or road of the same street office's area."""
    here = voice.scope
    if here.street != other.scope.street:
        return False
    return in_reach(other, Scope("", here.community, here.street, here.district), [voice])


def belongs(voice: Voice, scope: Scope, told: Sequence[Voice], taxonomy: Taxonomy) -> bool:
    """Whether a new ticket tells of an open incident. One announced before anybody reported it takes what lies in its reach."""
    if not in_reach(voice, scope, told) or speaks_alone(voice.text):
        return False
    return not told or any(same_trouble(voice, other, taxonomy) for other in told)


def scope_of(voices: Sequence[Voice]) -> tuple[Reach, Scope]:
    """The smallest area that holds them: their community, else their street."""
    first = voices[0].scope
    if all(voice.scope.community == first.community for voice in voices):
        return "community", Scope("", first.community, first.street, first.district)
    return "street", Scope("", "", first.street, first.district)
