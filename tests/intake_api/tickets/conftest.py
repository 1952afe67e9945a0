"""The office that ticket tests work in, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from intake_api.db import Database
from tests.intake_api.tickets.office import Office


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db).open()
