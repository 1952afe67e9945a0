"""What counts for topics and how: which tickets, under which block, and the sums by day that everything shown is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from intake_api.contracts import State
from nlp.live_topics import Told

# what nobody has, or what counts with another ticket
NOT_COUNTED: frozenset[State] = frozenset({"rejected", "merged"})
LETTER = "l:"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something counts: the columns every sum carries."""

    grid: str = ""
    community: str = ""
    street: str = ""
    district: str = ""


@dataclass(frozen=True, slots=True)
class Voiced:
    """A ticket or a letter as topics count it. `voices`: (who, when) of everybody who told of it; empty when it counts for nothing."""

    told: Told
    version: int
    spot: Spot
    unit: str = ""
    assist_units: tuple[str, ...] = ()
    urgent: bool = False
    likes: int = 0
    against: int = 0
    voices: tuple[tuple[str, datetime], ...] = ()

    @property
    def block(self) -> str:
        """The part of the city and the domain it is gathered within: a street's matters of one domain are a few hundred at most."""
        part = self.spot.street or self.spot.community or self.spot.grid
        return f"{self.spot.district}/{part}|{self.told.category.split('.')[0]}"

    def counted(self) -> dict[str, Any]:
        """What it adds to the volume by hour (see tables.Member); empty without a category or a grid."""
        if not self.voices or not self.told.category or not self.spot.grid:
            return {}
        hours = Counter(at.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat() for _, at in self.voices)
        spot = self.spot
        return {
            "category": self.told.category,
            "area": [spot.grid, spot.community, spot.street, spot.district],
            "hours": dict(sorted(hours.items())),
        }


@dataclass(slots=True)
class DaySum:
    """The columns of tables.Day that are sums."""

    spot: Spot
    assist_units: set[str] = field(default_factory=set)
    matters: int = 0
    people: int = 0
    urgent: int = 0
    likes: int = 0
    against: int = 0
    last_at: datetime | None = None
    central: tuple[float, str] = (-1.0, "")


def days_of(members: Sequence[Voiced], central: Mapping[str, float], zone: ZoneInfo) -> dict[tuple[date, str, str], DaySum]:
    """(day, grid, lead unit) → what was added to a topic there: a person on the day they first spoke, a matter on its first day."""
    found: dict[tuple[date, str, str], DaySum] = {}

    def sum_of(one: Voiced, at: datetime) -> DaySum:
        total = found.setdefault((at.astimezone(zone).date(), one.spot.grid, one.unit), DaySum(one.spot))
        total.assist_units |= set(one.assist_units)
        total.last_at = max(total.last_at, at) if total.last_at else at
        total.central = max(total.central, (central.get(one.told.id, 0.0), one.told.id))
        return total

    for one in members:
        total = sum_of(one, one.told.at)
        total.matters += 1
        total.urgent += one.urgent
        total.likes += one.likes
        total.against += one.against
    known: set[str] = set()
    heard = [(at, who, speaker) for speaker in members for who, at in speaker.voices]
    for at, who, speaker in sorted(heard, key=lambda v: (v[0], v[1], v[2].told.id)):
        total = sum_of(speaker, at)
        total.people += who not in known
        known.add(who)
    return found


def settle_ids(groups: Iterable[Sequence[str]], homes: Mapping[str, str], taken: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Topic id → members: a group keeps the id that most of its members had; each id goes to one group, a new group is named
    after its first member whose name is free (`taken`: names of topics elsewhere). The same groups and homes give the same ids, so
    that doing it twice changes nothing.
    """
    named: dict[str, tuple[str, ...]] = {}
    waiting = sorted((tuple(sorted(group)) for group in groups), key=lambda g: (-len(g), g))
    claims = [(n, home, group) for group in waiting for home, n in Counter(homes[m] for m in group if m in homes).items()]
    settled: set[tuple[str, ...]] = set()
    for _, home, group in sorted(claims, key=lambda c: (-c[0], c[1], c[2])):
        if home not in named and group not in settled:
            named[home] = group
            settled.add(group)
    for group in waiting:
        if group not in settled:
            free = (*group, *(f"{group[0]}{'+' * n}" for n in range(1, 9)))
            named[next(m for m in free if m not in named and m not in taken)] = group
    return named
