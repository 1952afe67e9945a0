"""`python -m intake_api.migrations initial|<words>`: draft a migration from the difference between tables and migrations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from intake_api.migrations import config_for, upgrade

_VERSIONS = Path(__file__).parent / "versions"


def draft(words: str) -> Path:
    """`initial` writes 0001 anew, which is only right while nothing is released; other words make a file after the newest."""
    initial = words == "initial"
    number = "0001" if initial else f"{1 + max(int(path.name[:4]) for path in _VERSIONS.glob('0*.py')):04d}"
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.db"
        if not initial:
            upgrade(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            config = config_for(connection)
            if initial:
                config.set_main_option("version_locations", folder)
            command.revision(config, words, autogenerate=True, rev_id=number, head="base" if initial else "head", splice=initial)
        engine.dispose()
        written = next((path for path in Path(folder).glob("0*.py")), None)
        if written is None:
            return next(_VERSIONS.glob(f"{number}_*.py"))
        target = _VERSIONS / written.name
        target.write_text(written.read_text(encoding="utf8"), encoding="utf8")
        return target


if __name__ == "__main__":
    print(draft(" ".join(sys.argv[1:]) or "initial"))
