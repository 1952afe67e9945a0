"""What is on the desk while a ticket is worked on: the transaction, the clock, the catalogue, the vault, the grids looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.catalogue.service import current_catalogue
from intake_api.contracts import GridView
from intake_api.grids import queries as grids
from intake_api.settings import Settings
from intake_api.tickets.moves import TicketFacts
from intake_api.tickets.tables import Ticket
from intake_api.vault import Vault
from nlp.taxonomy import Taxonomy


@dataclass(slots=True)
class Desk:
    """One transaction's surroundings. Made by `open_desk`; whoever opened the session commits it."""

    session: AsyncSession
    settings: Settings
    vault: Vault
    now: datetime
    taxonomy: Taxonomy
    _grids: dict[str, GridView | None] = field(default_factory=dict)

    async def grid(self, code: str) -> GridView | None:
        """The grid with its roster; None for a code that is not (or no longer) known."""
        if code not in self._grids:
            row = await grids.grid(self.session, code)
            self._grids[code] = (await grids.grid_views(self.session, [row]))[0] if row else None
        return self._grids[code]

    def known_grid(self, code: str) -> GridView | None:
        """The grid, where `grid` has looked it up before."""
        return self._grids.get(code)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.timezone)

    @property
    def original_until(self) -> datetime:
        return self.now + timedelta(days=self.settings.retention_days)


async def open_desk(session: AsyncSession, settings: Settings, vault: Vault, now: datetime) -> Desk:
    return Desk(session, settings, vault, now, await current_catalogue(session))


_FACTS = tuple(name for name in TicketFacts.__dataclass_fields__ if name != "assist_units")


def facts_of(ticket: Ticket) -> TicketFacts:
    return TicketFacts(assist_units=tuple(ticket.assist_units), **{name: getattr(ticket, name) for name in _FACTS})
