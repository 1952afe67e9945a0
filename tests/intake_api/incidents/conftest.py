"""The office of ticket tests with a neighbouring grid and a watch over the city's tickets."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake_api.db import Database
from intake_api.grids.service import bind_chat, put_grid
from intake_api.incidents.worker import Watch
from intake_api.settings import Settings
from tests.intake_api.tickets.office import GRID, Office, grid


@pytest.fixture
async def office(db: Database, tmp_path: Path) -> Office:
    office = await Office(db, Settings(_env_file=None, models_dir=tmp_path)).open()  # type: ignore[call-arg]
    async with db.writing() as session:
        await put_grid(session, grid("g3"), office.now)
        for code, chats in ((GRID, ["a", "b", "quiet"]), ("g3", ["c"]), ("g2", ["far"])):
            for chat in chats:
                await bind_chat(session, code, "web", chat, chat, "test", office.now)
    return office


@pytest.fixture
def watch(db: Database, office: Office) -> Watch:
    """Without an encoder: what it finds rests on places, times and words."""
    return Watch(db, office.settings, office.vault, "test", lambda: office.now)
