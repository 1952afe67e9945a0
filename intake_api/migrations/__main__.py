"""`python -m intake_api.migrations initial|<words>`: draft a migration from the difference between tables and migrations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from intake_api.migrations import config_for, upgrade

_VERSIONS = Path(__file__).parent / "versions"


def draft(words: str) -> None:
    """`initial` writes 0001 anew, which is only right while nothing is released; other words make a file after the newest."""
    initial = words == "initial"
    number = "0001" if initial else f"{1 + max(int(path.name[:4]) for path in _VERSIONS.glob('0*.py')):04d}"
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.db"
        if initial:
            (_VERSIONS / "0001_initial.py").unlink(missing_ok=True)
        else:
            upgrade(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            config = config_for(connection)
            target = {"head": "base", "splice": True} if initial else {"head": "head"}
            if initial:
                config.set_main_option("version_locations", folder)
            made = command.revision(config, words, autogenerate=True, rev_id=number, **target)  # type: ignore[arg-type]
        engine.dispose()
        path = Path(made.path)
        (_VERSIONS / f"{number}_{words.replace(' ', '_')[:40]}.py").write_text(path.read_text(encoding="utf8"), encoding="utf8")
        if path.parent == _VERSIONS and path.name != f"{number}_{words.replace(' ', '_')[:40]}.py":
            path.unlink()


if __name__ == "__main__":
    draft(" ".join(sys.argv[1:]) or "initial")
