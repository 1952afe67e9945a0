"""Every domain's tables in one place, for migrations."""

from __future__ import annotations

import importlib
from pathlib import Path

from intake_api.db import Base

for _path in sorted(Path(__file__).parent.glob("*/tables.py")):
    importlib.import_module(f"intake_api.{_path.parent.name}.tables")

__all__ = ["Base"]
