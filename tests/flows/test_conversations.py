"""Whole conversations, written as residents type them. Each fails on silence where an answer is due, and on any word too many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from intake_api.contracts import ChatSettings
from tests.flows.stage import Stage

FILES = sorted((Path(__file__).parent / "conversations").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
async def test_conversation(file: Path) -> None:
    script: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf8"))
    stage = Stage(settings=ChatSettings(**{"quiet_from": 0, "quiet_to": 0, **script.get("settings", {})}), bound=script.get("bound", True))
    for line in script["talk"]:
        if "wait" in line:
            said = await stage.wait(line["wait"])
        else:
            known = ("who", "text", "says", "silent", "kind_is", "lacks")
            more = {k: v for k, v in line.items() if k not in known}
            said = await stage.say(line["who"], line.get("text", ""), **more)
        words = "\n".join(s.text for s in said)
        for part in [line["says"]] if isinstance(line.get("says"), str) else line.get("says", []):
            assert part in words, f"{line}: said {words!r}"
        for part in line.get("lacks", []):
            assert part not in words, f"{line}: said {words!r}"
        if "says" not in line:
            assert not words, f"{line}: should have been silent, said {words!r}"
        if "kind_is" in line:
            assert stage.outcome.kind == line["kind_is"], line
    expected = script["tickets"]
    assert [t.category for t in stage.tickets] == [t["category"] for t in expected], [t.title for t in stage.tickets]
    for ticket, wanted in zip(stage.tickets, expected, strict=True):
        for name, value in wanted.items():
            found = getattr(ticket.place, name) if name in ("building", "unit", "room", "estate", "spot") else getattr(ticket, name)
            assert found == value, (ticket.title, name, found)
