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
from nlp.thread import attach, fragments, grown

Transcript = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is believed of one message: kind, category, place; `also` further matters told in it; `home` of the sender."""

    kind: Kind
    category: RankedCategory = UNRANKED
    place: Place = NOWHERE
    also: tuple[RankedCategory, ...] = ()
    home: Place | None = None


Understand = Callable[[Transcript, Mapping[str, Any]], Heard]
Observe = Callable[[Kind, Utterance, Heard, Sequence[MatterSketch], tuple[str, ...]], None]


def read_transcripts(path: Path) -> Iterator[Transcript]:
    with path.open(encoding="utf8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


class Conversation:
    """One transcript on its way: the sketches of its matters and who said what before.

    With `observe`, history is the gold one (teacher forcing) and every message with its sketches is handed to it.
    """

    def __init__(self, transcript: Transcript, taxonomy: Taxonomy, rules: MatchRules, observe: Observe | None = None) -> None:
        self.transcript, self.taxonomy, self.rules, self.observe = transcript, taxonomy, rules, observe
        self.sketches: dict[str, MatterSketch] = {}
        self.earlier: dict[str, Earlier] = {}
        self.kinds: dict[str, Kind] = {}
        self.guesses: dict[str, str] = {}
        self.roles = {m["id"]: m["role"] for m in transcript["members"]}

    def run(self, understand: Understand) -> dict[str, Any]:
        """One line of `minhu replay` output, as far as matters go."""
        for message in self.transcript["messages"]:
            self._hear(message, understand(self.transcript, message))
        for message_id, guess in self.guesses.items():
            if not self.earlier[message_id].matters:
                self._hang(message_id, (guess,))
        return self._result()

    def _hear(self, message: Mapping[str, Any], heard: Heard) -> None:
        utterance = self._utterance(message, heard)
        gold = tuple(x for x in [message["gold"].get("matter"), *(a["matter"] for a in message["gold"].get("also", []))] if x)
        if self.observe:
            self.observe(heard.kind, utterance, heard, list(self.sketches.values()), gold)
            matters = gold
        else:
            matters = self._decide(utterance, heard)
        said = Earlier(
            message["id"], utterance.sender, utterance.role, utterance.at, utterance.text, heard.kind, matters, utterance.media
        )  # type: ignore[arg-type]
        self.earlier[message["id"]] = said
        self._remember(said, heard)

    def _utterance(self, message: Mapping[str, Any], heard: Heard) -> Utterance:
        return Utterance(
            message["text"],
            self.roles.get(message["from"], "resident"),
            message["from"],
            at=datetime.fromisoformat(message["at"]),
            media=message.get("media"),
            quoted=self.earlier.get(message.get("reply_to") or ""),
            previous=tuple(self.earlier.values())[-30:],
            home=heard.home,
        )

    def _decide(self, u: Utterance, heard: Heard) -> tuple[str, ...]:
        sketches = list(self.sketches.values())
        if heard.kind == "report":
            first = self._report(u, heard.category, heard.place, sketches)
            rest: list[str] = []
            for category in heard.also:
                rest.append(self._report(u, category, heard.place, [s for s in sketches if s.id not in (first, *rest)]))
            for fragment in fragments(u, self.rules):
                self._hang(fragment, (first,))
            return (first, *rest)
        found = attach(heard.kind, u, sketches, category=heard.category, place=heard.place, rules=self.rules)
        if found.reason == "pending" and found.likely:
            self.guesses[str(len(self.earlier))] = found.likely
            self._last_guess = found.likely
        return found.matters

    def _report(self, u: Utterance, category: RankedCategory, place: Place, sketches: Sequence[MatterSketch]) -> str:
        assert u.at is not None  # noqa: S101  # transcripts always carry times
        quoted = u.quoted.matters if u.quoted else ()
        found = match(
            u.text, category, place, u.at, u.sender, sketches,
            taxonomy=self.taxonomy, home=u.home, previous=u.previous, quoted=quoted, rules=self.rules,
        )  # fmt: skip
        if found and found[0].verdict == "join":
            return found[0].matter
        matter = f"M{len(self.sketches) + 1}"
        self.sketches[matter] = MatterSketch(matter, category.best, place, (), u.at, u.at)
        return matter
