"""Transcripts through matching and threading with any understanding: for tuning and measuring them apart from classification."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from nlp.evidence import NOWHERE, UNRANKED
from nlp.match import match
from nlp.match_rules import MatchRules
from nlp.schema import Earlier, Kind, MatterSketch, Place, RankedCategory, Utterance
from nlp.taxonomy import Taxonomy
from nlp.thread import belongs, fragments, grown

Transcript = Mapping[str, Any]
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is believed of one message: kind, category, place; `also` further matters told in it; `home` of the sender."""

    kind: Kind
    category: RankedCategory = UNRANKED
    place: Place = NOWHERE
    also: tuple[RankedCategory, ...] = ()
    home: Place | None = None


Understand = Callable[[Transcript, Message], Heard]
Observe = Callable[[Utterance, Heard, Sequence[MatterSketch], tuple[str, ...]], None]


def read_transcripts(path: Path) -> Iterator[Transcript]:
    with path.open(encoding="utf8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def gold_matters(message: Message) -> tuple[str, ...]:
    gold = message["gold"]
    return tuple(x for x in [gold.get("matter"), *(a["matter"] for a in gold.get("also", []))] if x)


class Conversation:
    """One transcript on its way: the sketches of its matters, and who said what before.

    With `observe`, history is the gold one (teacher forcing) and every message is shown with the sketches it meets.
    """

    def __init__(self, transcript: Transcript, taxonomy: Taxonomy, rules: MatchRules, observe: Observe | None = None) -> None:
        self.transcript, self.taxonomy, self.rules, self.observe = transcript, taxonomy, rules, observe
        self.roles = {m["id"]: m["role"] for m in transcript["members"]}
        self.sketches: dict[str, MatterSketch] = {}
        self.said: dict[str, Earlier] = {}
        self.places: dict[str, Place] = {}
        self.guesses: dict[str, str] = {}

    def run(self, understand: Understand) -> dict[str, Any]:
        """One line of `minhu replay` output, as far as matters go."""
        for message in self.transcript["messages"]:
            self._hear(message, understand(self.transcript, message))
        for message_id, guess in self.guesses.items():
            if not self.said[message_id].matters:
                self._hang(message_id, guess)
        return {
            "id": self.transcript["id"],
            "messages": [{"id": i, "kind": s.kind, "matters": list(s.matters), "category": s.category} for i, s in self.said.items()],
            "matters": [self._matter(s) for s in self.sketches.values()],
        }

    def _matter(self, sketch: MatterSketch) -> dict[str, Any]:
        place = {f: getattr(sketch.place, f) for f in ("estate", "building", "unit", "room", "spot")}
        said = [i for i, s in self.said.items() if sketch.id in s.matters]
        return {"id": sketch.id, "category": sketch.category, "place": place, "messages": said}

    def _hear(self, message: Message, heard: Heard) -> None:
        u = Utterance(
            message["text"],
            self.roles.get(message["from"], "resident"),
            message["from"],
            at=datetime.fromisoformat(message["at"]),
            media=message.get("media"),
            quoted=self.said.get(message.get("reply_to") or ""),
            previous=tuple(self.said.values())[-30:],
            home=heard.home,
        )
        assert u.at is not None  # noqa: S101
        self.places[message["id"]] = heard.place
        self.said[message["id"]] = Earlier(message["id"], u.sender, u.role, u.at, u.text, heard.kind, (), u.media, heard.category.best)
        if self.observe:
            self.observe(u, heard, list(self.sketches.values()), gold_matters(message))
            self._follow_gold(message, heard, u.at)
        elif heard.kind == "report":
            self._report(message["id"], u, heard)
        else:
            known = list(self.sketches.values())
            found = belongs({heard.kind: 1.0}, u, known, category=heard.category, place=heard.place, rules=self.rules)
            if found.matter:
                self._hang(message["id"], found.matter)
            if found.reason == "pending" and found.likely:
                self.guesses[message["id"]] = found.likely

    def _report(self, message_id: str, u: Utterance, heard: Heard) -> None:
        taken: list[str] = []
        for category in (heard.category, *heard.also):
            rest = [s for s in self.sketches.values() if s.id not in taken]
            taken.append(self._match(u, category, heard.place, rest))
            self._hang(message_id, taken[-1])
        for fragment in fragments(u, self.rules):
            self._hang(fragment, taken[0])

    def _match(self, u: Utterance, category: RankedCategory, place: Place, sketches: Sequence[MatterSketch]) -> str:
        assert u.at is not None  # noqa: S101
        found = match(
            u.text,
            category,
            place,
            u.at,
            u.sender,
            sketches,
            taxonomy=self.taxonomy,
            home=u.home,
            previous=u.previous,
            quoted=u.quoted.matters if u.quoted else (),
            rules=self.rules,
        )
        if found and found[0].verdict == "join":
            return found[0].matter
        return self._open(f"M{len(self.sketches) + 1}", category.best, u.at)

    def _open(self, matter: str, category: str | None, at: datetime) -> str:
        self.sketches[matter] = MatterSketch(matter, category, NOWHERE, (), at, at)
        return matter

    def _hang(self, message_id: str, matter: str) -> None:
        """Put a message on a matter: now, or later as a fragment of a burst."""
        said = self.said[message_id]
        self.said[message_id] = replace(said, matters=(*said.matters, matter))
        assert said.kind is not None  # noqa: S101
        self.sketches[matter] = grown(
            self.sketches[matter], said.kind, said.text, self.places[message_id], said.at, said.sender, self.rules
        )

    def _follow_gold(self, message: Message, heard: Heard, at: datetime) -> None:
        gold = gold_matters(message) or ((f"none {message['id']}",) if heard.kind == "report" else ())
        categories = [heard.category.best, *(c.best for c in heard.also)] + [None] * len(gold)
        for matter, category in zip(gold, categories, strict=False):
            if matter not in self.sketches:
                if heard.kind != "report":
                    continue
                self._open(matter, category, at)
            self._hang(message["id"], matter)
        if heard.kind == "report":
            for i, s in self.said.items():
                early = next(m for m in self.transcript["messages"] if m["id"] == i)
                if not s.matters and s.kind == "supplement" and early["gold"].get("matter") == (gold or (None,))[0]:
                    self._hang(i, gold[0])
