"""Whether staff say that a matter is settled, so that the same trouble later counts as a recurrence (DD6)."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import yaml

_PATH = Path(__file__).parent / "lexicon" / "settled.yaml"
_CLAUSE = re.compile(r"[，,。;；!！\n]+")


@lru_cache(maxsize=1)
def _words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    raw = yaml.safe_load(_PATH.read_text(encoding="utf8"))
    return re.compile("|".join(raw["done"]).replace("{act}", raw["act"])), re.compile(raw["not_yet"])


def says_settled(text: str) -> bool:
    """True when a clause says it is done and nothing else in that clause takes it back."""
    done, not_yet = _words()
    for clause in _CLAUSE.split(text[:2000]):
        said = done.search(clause)
        if said and not not_yet.search(clause[: said.start()] + clause[said.end() :]):
            return True
    return False
