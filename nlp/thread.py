"""Where a message that is no new report belongs: quotes, bursts of one sender, follow-ups without a place, replies of staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from nlp.evidence import NOWHERE, UNRANKED, Signal, Vectors, weigh
from nlp.match import choose
from nlp.match_rules import MatchRules, load_rules
from nlp.place import conflicts
from nlp.schema import Kind, MatterSketch, Place, RankedCategory, Utterance

Reason = Literal["quote", "own", "place", "words", "latest", "pending", "none"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """The matters a message belongs to, best first. Reason "pending": nothing fits yet, a report of the same sender may follow
    and take it along (`fragments`); `likely` is then the best guess if none does.
    """

    matters: tuple[str, ...]
    reason: Reason
    probability: float = 0.0
    likely: str | None = None


def attach(
    kind: Kind,
    utterance: Utterance,
    sketches: Sequence[MatterSketch],
    *,
    category: RankedCategory = UNRANKED,
    place: Place = NOWHERE,
    vectors: Vectors | None = None,
    rules: MatchRules | None = None,
) -> Attachment:
    """The matter of a supplement, a follow-up or a reply of staff; for reports see nlp.match.

    `utterance.previous` must carry the matters of earlier messages, `utterance.at` must be set. Other kinds belong to nothing.
    """
    rules = rules or load_rules()
    if kind not in rules.weights or utterance.at is None or not sketches:
        return Attachment((), "pending" if kind == "supplement" else "none")
    signal = signal_of(utterance, utterance.at, category, place)
    rows = weigh(signal, sketches, rules, vectors)
    shares = choose(rows, [s.id for s in sketches if may_hang(kind, signal, s, rules)], rules.weights[kind])
    best = max(shares, key=lambda i: (shares[i], i), default=None)
    if best is None:
        return Attachment((), "pending" if kind == "supplement" else "none")
    if shares[best] < rules.thresholds.attach:
        return Attachment((), "pending" if kind == "supplement" else "none", shares[best], best)
    return Attachment((best,), _why(rows[best]), shares[best], best)


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
    """Another place is another matter, except for a reporter who corrects themselves and for an explicit quote."""
    if signal.at - sketch.last_at > timedelta(hours=rules.hangs_within_h(kind, sketch.category)):
        return False
    may_contradict = sketch.id in signal.quoted or (kind == "supplement" and signal.sender in sketch.senders)
    return may_contradict or not conflicts(signal.place, sketch.place)


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

    A supplement of a reporter corrects the place; another voice only fills what was silent, and where a trouble hits many
    buildings at once (`wide` in match.yaml) another voice's building does not narrow it.
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
    if sketch.category in rules.wide and not own:
        return sketch.place if sketch.place.estate or not place.estate else replace(sketch.place, estate=place.estate)
    fields = {}
    for f in ("estate", "building", "unit", "floor", "room", "road", "spot"):
        old, new = getattr(sketch.place, f), getattr(place, f)
        fields[f] = (new or old) if corrects else (old or new)
    return replace(sketch.place, **fields)
