"""The promises of the ticket, kept whatever anybody does: hypothesis drives the real service on both databases."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.intake_api.tickets.promises import Promises
from tests.postgres_server import PostgresServer

CHECKS = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def test_the_promises_hold_on_sqlite(sqlite_template: Path, tmp_path: Path) -> None:
    count = itertools.count()

    class OnSqlite(Promises):
        def new_url(self) -> str:
            path = tmp_path / f"{next(count)}.db"
            shutil.copyfile(sqlite_template, path)
            return f"sqlite+aiosqlite:///{path}"

    run_state_machine_as_test(OnSqlite, settings=settings(CHECKS, max_examples=25, stateful_step_count=30))


def test_the_promises_hold_on_postgres(postgres_server: PostgresServer, postgres_template: str) -> None:
    class OnPostgres(Promises):
        def new_url(self) -> str:
            return postgres_server.new_database(postgres_template)

    run_state_machine_as_test(OnPostgres, settings=settings(CHECKS, max_examples=6, stateful_step_count=30))
