"""What is on the desk while a ticket is worked on: the transaction, the clock, the catalogue, the vault, the grids looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.catalogue.service import current_catalogue
from intake_api.contracts import GridView
from intake_api.grids import queries as grids
from intake_api.grids.tables import Grid
from intake_api.settings import Settings
from intake_api.tickets.moves import TicketFacts
from intake_api.tickets.tables import Ticket
from intake_api.vault import Vault
from nlp.taxonomy import Taxonomy

_views: dict[tuple[str, str, int, datetime], GridView] = {}
_VIEWS_KEPT = 20_000  # more than the grids of a prefecture-level city


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
            self._grids[code] = await self._view(row) if row else None
        return self._grids[code]

    async def _view(self, row: Grid) -> GridView:
        """Kept by version: a grid's view is three queries, and a busy group asks for it with every report."""
        key = (str(self.session.get_bind().engine.url), row.code, row.version, row.updated_at)
        if key not in _views:
            while len(_views) >= _VIEWS_KEPT:
                _views.pop(next(iter(_views)))
            _views[key] = (await grids.grid_views(self.session, [row]))[0]
        return _views[key]

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
