"""Fixtures of the intake API's rooms: the whole app behind httpx (databases come from tests/conftest.py)."""

from __future__ import annotations

from tests.intake_api.doors import (  # noqa: F401  # fixtures
    administrator,
    app,
    clock,
    connect,
    grid,
    intake,
    nobody,
    person,
    service,
    settings,
)
