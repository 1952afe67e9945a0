"""What a message is and where it belongs, decided in one: new report, words about an open matter, or neither; bursts of one sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from nlp.evidence import NOWHERE, UNRANKED, Signal, Vectors, is_foreign, weigh
from nlp.match import apart, choose, possible
from nlp.match_rules import MatchRules, load_rules
from nlp.place import conflicts
from nlp.schema import KINDS, Kind, MatterSketch, Place, RankedCategory, Utterance

TELLING: tuple[Kind, ...] = ("report", "supplement", "follow_up", "reply")
"""Kinds of messages that may belong to a matter."""
Reason = Literal["quote", "own", "place", "words", "latest", "pending", "none"]


@dataclass(frozen=True, slots=True)
class Belonging:
    """What to take a message for: a report (nlp.match says of which matter), words about `matter`, or neither (`matter` None).

    Reason "pending": nothing fits yet, a report of the same sender may follow and take it along (`fragments`); `likely` is the
    best guess if none does, `probability` that it belongs there if it tells of any matter.
    """

    kind: Kind
    matter: str | None = None
    reason: Reason = "none"
    probability: float = 0.0
    likely: str | None = None


def tells(scores: Mapping[str, float]) -> bool:
    """Whether it is likelier that a message tells of some matter, in whichever way, than that it is of any one other kind."""
    return sum(scores.get(kind, 0.0) for kind in TELLING) > max(scores.get(kind, 0.0) for kind in KINDS if kind not in TELLING)


def belongs(
    scores: Mapping[str, float],
    utterance: Utterance,
    sketches: Sequence[MatterSketch],
    *,
    category: RankedCategory = UNRANKED,
    place: Place = NOWHERE,
    vectors: Vectors | None = None,
    rules: MatchRules | None = None,
) -> Belonging:
    """Weighs kinds and matters together: what the gate thinks of each kind (`scores`), times what speaks for each matter if the
    message is of that kind. What may well be a report of something else hangs on no matter: there its trouble would be hidden,
    while a ticket too many is merged with a tap.

    `utterance.previous` must carry the matters of earlier messages, `utterance.at` must be set.
    """
    rules = rules or load_rules()
    if shown := _shown(utterance, sketches, rules):
        matter, kind = shown
        return Belonging(kind, matter, "own", 1.0, matter)
    if not tells(scores) or utterance.at is None:
        return Belonging(max(KINDS, key=lambda kind: scores.get(kind, 0.0)))
    total = sum(scores.get(kind, 0.0) for kind in TELLING)
    kinds = {kind: scores.get(kind, 0.0) / total for kind in TELLING}
    signal = signal_of(utterance, utterance.at, category, place)
    rows = weigh(signal, sketches, rules, vectors)
    shares = {kind: _shares(kind, signal, sketches, rows, rules) for kind in TELLING}
    of = {s.id: {kind: kinds[kind] * shares[kind].get(s.id, 0.0) for kind in TELLING} for s in sketches}
    best = max(of, key=lambda i: (sum(of[i].values()), i), default=None)
    probability = sum(of[best].values()) if best else 0.0
    limits = rules.thresholds
    if best and probability >= limits.attach and kinds["report"] - of[best]["report"] <= limits.doubt * probability:
        kind = max(TELLING, key=lambda kind: of[best][kind])
        return Belonging(kind, None if kind == "report" else best, _why(rows[best]), probability, best)
    new = kinds["report"] * (1 - sum(shares["report"].values()))
    likeliest = max(TELLING, key=lambda kind: kinds[kind])
    if likeliest == "report" or new > limits.new:
        return Belonging("report", None, "none", probability, best)
    return Belonging(likeliest, None, "pending" if likeliest == "supplement" else "none", probability, best)


def _shown(utterance: Utterance, sketches: Sequence[MatterSketch], rules: MatchRules) -> tuple[str, Kind] | None:
    """The matter that a picture without words shows, what its sender told of just before, and the kind of the picture."""
    if utterance.media not in ("photo", "video") or utterance.text.strip() or utterance.quoted or utterance.at is None:
        return None
    since = utterance.at - timedelta(minutes=rules.burst.picture_minutes)
    told = next((e for e in reversed(utterance.previous) if e.sender == utterance.sender and e.at >= since and e.matters), None)
    if told is None or told.kind not in TELLING or told.matters[0] not in {s.id for s in sketches}:
        return None
    return told.matters[0], "reply" if told.kind == "reply" else "supplement"


def _shares(
    kind: Kind, signal: Signal, sketches: Sequence[MatterSketch], rows: Mapping[str, Mapping[str, float]], rules: MatchRules
) -> dict[str, float]:
    """Matter → probability that a message which is of this kind belongs to it."""
    return choose(rows, [s.id for s in sketches if may_hang(kind, signal, s, rules)], rules.weights[kind])


def signal_of(utterance: Utterance, at: datetime, category: RankedCategory, place: Place) -> Signal:
    return Signal(
        utterance.text,
        at,
        utterance.sender,
        category,
        place,
        utterance.role,
        utterance.home,
        utterance.quoted.matters if utterance.quoted else (),
        utterance.previous,
        utterance.media,
    )


def may_hang(kind: Kind, signal: Signal, sketch: MatterSketch, rules: MatchRules) -> bool:
    """Another place is another matter, except for a reporter who corrects themselves and for an explicit quote. Staff on their
    rounds come upon new troubles: with a place of its own, or surely of another category, it is no answer to this matter."""
    if kind == "report":
        return possible(signal.place, signal.at, sketch, rules)
    if signal.at - sketch.last_at > timedelta(hours=rules.hangs_within_h(kind, sketch.category)):
        return False
    if sketch.id in signal.quoted or (kind == "supplement" and signal.sender in sketch.senders):
        return True
    if kind == "reply" and (apart(signal.place, sketch, rules) or is_foreign(signal.category, sketch.category, rules)):
        return False
    return not conflicts(signal.place, sketch.place)


def _why(row: dict[str, float]) -> Reason:
    if row["quoted"]:
        return "quote"
    if row["place_agrees"] >= 1:
        return "place"
    if row["words"] >= 0.2:
        return "words"
    return "own" if row["own"] or row["own_latest"] else "latest"


def fragments(utterance: Utterance, rules: MatchRules | None = None) -> tuple[str, ...]:
    """Message ids, oldest first, that this report takes along: the sender's own earlier supplements that hang on nothing yet.

    Looks back at most `burst.minutes` and `burst.messages`, and stops at an earlier report of the same sender.
    """
    rules = rules or load_rules()
    if utterance.at is None:
        return ()
    taken: list[str] = []
    for earlier in list(reversed(utterance.previous))[: rules.burst.messages]:
        if utterance.at - earlier.at > timedelta(minutes=rules.burst.minutes):
            break
        if earlier.sender != utterance.sender:
            continue
        if earlier.kind == "report":
            break
        if earlier.kind == "supplement" and not earlier.matters:
            taken.append(earlier.message_id)
    return tuple(reversed(taken))


def grown(
    sketch: MatterSketch, kind: Kind, text: str, place: Place, at: datetime, sender: str, rules: MatchRules | None = None
) -> MatterSketch:
    """The sketch after a message joined it. Only reports and supplements add words, place and (reports) the sender.

    A supplement of a reporter corrects the place. Another voice only fills what was silent, and nothing where it names another
    house; where a trouble hits many buildings at once (`wide` in match.yaml) another voice's place does not narrow it.
    """
    rules = rules or load_rules()
    told = kind in ("report", "supplement")
    corrects = told and kind == "supplement" and sender in sketch.senders
    merged = _merged(sketch, place, corrects, sender in sketch.senders, rules) if told else sketch.place
    return replace(
        sketch,
        place=merged,
        texts=(*sketch.texts, text) if told and text else sketch.texts,
        last_at=max(sketch.last_at, at),
        senders=sketch.senders | {sender} if kind == "report" else sketch.senders,
    )


def _merged(sketch: MatterSketch, place: Place, corrects: bool, own: bool, rules: MatchRules) -> Place:
    if not corrects and ((sketch.category in rules.wide and not own) or conflicts(sketch.place, place)):
        return sketch.place
    fields = {}
    for f in ("estate", "building", "unit", "floor", "room", "road", "spot"):
        old, new = getattr(sketch.place, f), getattr(place, f)
        fields[f] = (new or old) if corrects else (old or new)
    return replace(sketch.place, **fields)
