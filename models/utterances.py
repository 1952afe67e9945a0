"""Transcripts as utterances with their context, for training and measuring the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nlp.schema import Earlier, Kind, Utterance

PREVIOUS = 30
TELLING: tuple[Kind, ...] = ("report", "supplement", "follow_up")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message of a transcript: where it stands, what was heard, what its author says it is. `category`: of the question or of the
    matter it tells of, empty where it does neither; `alarm`: it tells of an emergency."""

    transcript: str
    message: str
    utterance: Utterance
    kind: Kind
    category: str
    alarm: bool


def spoken(
    transcript: Mapping[str, Any], kinds: Mapping[str, Kind] | None = None, categories: Mapping[str, str | None] | None = None
) -> Iterator[Spoken]:
    """Every message in order. `kinds` and `categories` (by message id) stand for what was believed of earlier messages, so
    that a model is trained on the mistakes it will meet; without `kinds` the gold ones are believed. Both may be filled in
    while the messages are taken."""
    roles = {m["id"]: m["role"] for m in transcript["members"]}
    matters = {m["id"]: m for m in transcript.get("matters", ())}
    said: dict[str, Earlier] = {}
    for message in transcript["messages"]:
        gold: Kind = message["gold"]["kind"]
        earlier = Earlier(
            message["id"], message["from"], roles[message["from"]], datetime.fromisoformat(message["at"]), message["text"],
            media=message["media"],
        )  # fmt: skip
        matter = matters.get(message["gold"].get("matter"), {}) if gold in TELLING else {}
        told = sum(e.kind == "report" for e in said.values())
        yield Spoken(
            transcript["id"],
            message["id"],
            Utterance(
                message["text"], earlier.role, earlier.sender, at=earlier.at, media=earlier.media,
                quoted=said.get(message["reply_to"] or ""), previous=tuple(list(said.values())[-PREVIOUS:]), open_matters=told,
            ),
            gold,
            message["gold"].get("category") or matter.get("category", ""),
            gold in ("report", "supplement") and bool(matter.get("emergency")),
        )  # fmt: skip
        # looked up only now: whoever takes the messages one by one has judged this one in the meantime
        believed = gold if kinds is None else kinds[message["id"]]
        category = categories.get(message["id"]) if categories is not None else None
        said[message["id"]] = replace(earlier, kind=believed, category=category)
