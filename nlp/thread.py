"""What a message is and where it belongs, decided in one: new report, words about an open matter, or neither; bursts of one sender."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from nlp.evidence import NOWHERE, UNRANKED, Signal, Vectors, is_foreign, weigh
from nlp.match import apart, choose, possible
from nlp.match_rules import MatchRules, load_rules
from nlp.matter_place import Voice, completed, says_only_place
from nlp.place import conflicts
from nlp.schema import KINDS, STAFF_ROLES, Kind, MatterSketch, Place, RankedCategory, Utterance

CLAUSE_CATEGORY = 0.3
"""The share of a clause's ranking that must be of the matter's category where no place speaks for it."""
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


def tells(scores: Mapping[str, float], *, staff: bool, rules: MatchRules | None = None) -> bool:
    """Whether it is likelier that a message tells of some matter, in whichever way, than that it is of any one other kind; what a resident
    says is left alone only where small talk is `chatter` times as likely."""
    rules = rules or load_rules()
    told = sum(scores.get(kind, 0.0) for kind in TELLING)
    weight = 1.0 if staff else rules.thresholds.chatter
    return told > max(scores.get(kind, 0.0) / (weight if kind == "chat" else 1.0) for kind in KINDS if kind not in TELLING)


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
    if not tells(scores, staff=utterance.role in STAFF_ROLES, rules=rules) or utterance.at is None:
        return Belonging(max(KINDS, key=lambda kind: scores.get(kind, 0.0)))
    if says_only_place(utterance.text, place) and utterance.role not in STAFF_ROLES and not utterance.quoted:
        scores = {"supplement": 1.0}  # a place alone reports nothing: it is told of what came before, or of what comes next
    total = sum(scores.get(kind, 0.0) for kind in TELLING)
    kinds = {kind: scores.get(kind, 0.0) / total for kind in TELLING}
    signal = signal_of(utterance, utterance.at, category, place)
    rows = weigh(signal, sketches, rules, vectors)
    shares = {kind: _shares(kind, signal, sketches, rows, rules) for kind in TELLING}
    of = {s.id: {kind: kinds[kind] * shares[kind].get(s.id, 0.0) for kind in TELLING} for s in sketches}
    best = max(sketches, key=lambda s: (sum(of[s.id].values()), s.id), default=None)
    likely, probability = (best.id, sum(of[best.id].values())) if best else (None, 0.0)
    limits = rules.thresholds
    goes_on = best is not None and _goes_on(utterance, best, rules)
    doubt = 1.0 if goes_on and category.confidence < limits.clear else limits.doubt
    if best and probability >= limits.attach and kinds["report"] - of[best.id]["report"] <= doubt * probability:
        kind = max(TELLING, key=lambda kind: of[best.id][kind])
        if kind == "report" and goes_on:
            kind = "supplement"
        elif kind == "follow_up" and _has_come_back(utterance, best, rules):
            kind = "report"
        return Belonging(kind, None if kind == "report" else likely, _why(rows[best.id]), probability, likely)
    new = kinds["report"] * (1 - sum(shares["report"].values()))
    likeliest = max(TELLING, key=lambda kind: kinds[kind])
    if likeliest == "report" or new > limits.new:
        return Belonging("report", None, "none", probability, likely)
    return Belonging(likeliest, None, "pending" if likeliest == "supplement" else "none", probability, likely)


def also_belongs(
    kind: Kind,
    utterance: Utterance,
    clauses: Sequence[tuple[str, RankedCategory, Place]],
    sketches: Sequence[MatterSketch],
    main: str | None,
    rules: MatchRules | None = None,
) -> tuple[str, ...]:
    """Further matters that single clauses of a message are about: "401还漏，滑梯修好没". A clause speaks for a matter by its place or
    its words, never by being near to it in the talk.

    `clauses`: words, what they rank as and where they are; `main`: the matter of the whole message.
    """
    rules = rules or load_rules()
    if utterance.at is None or len(clauses) < 2:
        return ()
    found: list[str] = []
    for text, category, place in clauses:
        signal = replace(signal_of(utterance, utterance.at, category, place), text=text, quoted=())
        rows = weigh(signal, sketches, rules)
        shares = _shares(kind, signal, sketches, rows, rules)
        best = max(shares, key=lambda i: (shares[i], i), default=None)
        if best is None or best == main or best in found or shares[best] < rules.thresholds.attach:
            continue
        row = rows[best]
        if row["only"] > 0 and (row["category"] >= CLAUSE_CATEGORY or row["place_agrees"] >= 1 or row["spots_agree"]):
            found.append(best)
    return tuple(found)


def _goes_on(utterance: Utterance, sketch: MatterSketch, rules: MatchRules) -> bool:
    """Whether its reporter goes on telling of a matter: what they say next in the same burst is no second report of it."""
    assert utterance.at is not None  # noqa: S101  # the caller looked
    return utterance.sender in sketch.senders and utterance.at - sketch.last_at <= timedelta(minutes=rules.burst.minutes)


def _has_come_back(utterance: Utterance, sketch: MatterSketch, rules: MatchRules) -> bool:
    """Whether words tell of the trouble of a matter anew, so long after it was settled; who quotes the matter asks after it."""
    assert utterance.at is not None  # noqa: S101  # the caller looked
    late = sketch.settled and utterance.at - sketch.last_at > timedelta(hours=rules.comes_back_after_h)
    return late and utterance.quoted is None and any(word in utterance.text for word in rules.comes_back)


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
    bare = kind == "supplement" and says_only_place(signal.text, signal.place)
    if sketch.id in signal.quoted:
        return True
    if kind == "supplement" and signal.sender in sketch.senders:
        late = signal.at - sketch.last_at > timedelta(minutes=rules.burst.picture_minutes)
        return not (bare and late and conflicts(signal.place, sketch.place))  # where their next trouble is
    if bare and not _was_asked_where(signal, sketch, rules):
        return False
    if kind == "reply" and (apart(signal.place, sketch, rules) or is_foreign(signal.category, sketch.category, rules)):
        return False
    return not conflicts(signal.place, sketch.place)


def _was_asked_where(signal: Signal, sketch: MatterSketch, rules: MatchRules) -> bool:
    """Whether somebody else has just asked for the place of this matter, or of nobody knows which: 哪栋?"""
    since = signal.at - timedelta(minutes=rules.burst.minutes)
    asked = [e for e in signal.previous[-rules.burst.messages :] if e.sender != signal.sender and e.at >= since]
    return any(word in e.text for e in asked if not e.matters or sketch.id in e.matters for word in rules.asks_where)


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
    """The sketch after a message joined it: its place by nlp.matter_place. Only reports and supplements add words, only reports the
    sender."""
    rules = rules or load_rules()
    told = kind in ("report", "supplement")
    voice: Voice = "staff" if kind == "reply" else voice_of(sender, sketch.senders, reports=kind == "report")
    return replace(
        sketch,
        place=completed(sketch.place, place, text, voice, sketch.category, rules) if told or kind == "reply" else sketch.place,
        texts=(*sketch.texts, text) if told and text else sketch.texts,
        last_at=max(sketch.last_at, at),
        senders=sketch.senders | {sender} if kind == "report" else sketch.senders,
    )


def voice_of(sender: str, senders: Collection[str], *, reports: bool) -> Voice:
    """Whose words they are, of a matter that `senders` have told of so far (nobody: it is just being told). `reports`: the words
    are a report, so that a new sender is one more household that has it."""
    if not senders or set(senders) == {sender}:
        return "only"
    return "another" if reports and sender not in senders else "reporter"
