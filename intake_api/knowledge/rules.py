"""Who may change what of the policy base, and how a document stands on a day. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, Protocol

from intake_api.security import Area, Principal

# a document that ends within this is shown as ending, so that somebody renews it in time
ENDING = timedelta(days=30)
Standing = Literal["in_force", "ending", "not_yet", "over", "superseded", "withdrawn"]
STANDINGS: tuple[Standing, ...] = ("in_force", "ending", "not_yet", "over", "superseded", "withdrawn")


class Dated(Protocol):
    """What a document's standing is told from. Dates are YYYY-MM-DD, "" = not said."""

    @property
    def withdrawn(self) -> bool: ...
    @property
    def valid_from(self) -> str: ...
    @property
    def valid_until(self) -> str: ...
    @property
    def heir(self) -> str: ...
    @property
    def heir_from(self) -> str: ...


def standing_of(document: Dated, today: date) -> Standing:
    """How a document stands: what residents are cited from is `in_force` or `ending`."""
    day = today.isoformat()
    if document.withdrawn:
        return "withdrawn"
    if document.heir and (not document.heir_from or document.heir_from <= day):
        return "superseded"
    if document.valid_from and document.valid_from > day:
        return "not_yet"
    if document.valid_until and document.valid_until < day:
        return "over"
    last = min(filter(None, (document.valid_until, document.heir_from)), default="")
    return "ending" if last and last <= (today + ENDING).isoformat() else "in_force"


def path_of(area: Area) -> str:
    """A person's area as documents name theirs: 区/街道/社区."""
    return "/".join(part for part in (area.district, area.street, area.community) if part)


def may_change(who: Principal, *areas: str) -> bool:
    """Administrators change everything; streets and communities what is for their own area and nobody else."""
    if who.is_administrator:
        return True
    own = path_of(who.area)
    return who.role in ("street", "community") and bool(own) and all(f"{area}/".startswith(f"{own}/") for area in areas)


def may_answer(who: Principal) -> bool:
    """Whether somebody answers questions that the base did not; those of their own area, which is looked up elsewhere."""
    return who.role in ("administrator", "street", "community")
