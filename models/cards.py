"""What every shipped folder holds beside its weights: config.json, card.md, and the reference answers a test replays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

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


def write_trained_card(folder: Path, task: str, figures: Mapping[str, Any]) -> None:
    """The card of a linear model: the words of cards.yaml and the figures of this run."""
    words = yaml.safe_load(Path(__file__).with_name("cards.yaml").read_text(encoding="utf8"))
    sections = {h: str(t).replace("{hashes}", words["hashes"]).replace("{figures}", figure_table(figures)) for h, t in words[task].items()}
    write_card(folder, f"{folder.name}: {sections.pop('title')}", sections | {"Licence": words["licence"]})


def figure_table(figures: Mapping[str, Any]) -> str:
    """Nested figures as a Markdown table, one row a measurement."""
    rows = "\n".join(f"| {name} | {text} |" for name, text in _flat(figures))
    return f"| measured | figures |\n| --- | --- |\n{rows}"


def _flat(figures: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    own = {k: v for k, v in figures.items() if not isinstance(v, Mapping)}
    rows = [(prefix or "run", " · ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in own.items()))] if own else []
    for name, part in figures.items():
        if isinstance(part, Mapping):
            rows += _flat(part, f"{prefix} {name}".strip())
    return rows
