"""What every shipped folder holds beside its weights: config.json, card.md, and the reference answers a test replays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("shipped")


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf8")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf8"))


def write_card(folder: Path, title: str, sections: dict[str, str]) -> None:
    """`sections`: heading → text; every card says Data, Licence, Numbers and Limits."""
    wanted = {"What", "Data", "Licence", "Numbers", "Limits"}
    if missing := wanted - sections.keys():
        raise ValueError(f"{title}: the card lacks {', '.join(sorted(missing))}")
    body = "\n\n".join(f"## {heading}\n\n{text.strip()}" for heading, text in sections.items())
    (folder / "card.md").write_text(f"# {title}\n\n{body}\n", encoding="utf8")
