"""Every sentence a person reads in a chat comes from wording.yaml, through `say`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

_PATH = Path(__file__).with_name("wording.yaml")


@lru_cache(maxsize=1)
def _sentences() -> dict[str, Any]:
    return dict(yaml.safe_load(_PATH.read_text(encoding="utf8")))


def _look_up(key: str) -> Any:
    found: Any = _sentences()
    for part in key.split("/"):
        found = found[part]
    return found


def say(key: str, **values: object) -> str:
    """The sentence under `key` ("ack/recurs") with its values filled in. KeyError for an unknown key or a missing value."""
    return Formatter().vformat(str(_look_up(key)), (), values).strip()


def options(key: str) -> dict[str, str]:
    """A group of short wordings, in the file's order: code → words."""
    return {str(code): str(words) for code, words in _look_up(key).items()}


def choose(key: str, code: str, default: str = "") -> str:
    """The words of one option, `default` when the code is unknown."""
    return options(key).get(code, default)
