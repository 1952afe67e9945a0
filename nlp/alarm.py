"""Whether a message alarms: lexicon, encoder and ranking weighed in one score; the lexicon alone where no encoder reads situations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from nlp.context import Reading
from nlp.emergency import ALARM, DEFAULT_CALL, Cue, emergency_cues, find_emergency, is_heard
from nlp.encoder import Encoder, OnnxEncoder
from nlp.linear import Floats, softmax
from nlp.schema import STAFF_ROLES, Emergency, Kind, RankedCategory
from nlp.taxonomy import Taxonomy
from nlp.text import CLAUSES

RULES_PATH = Path(__file__).with_name("alarm.yaml")
_LEAST = 1e-4
_MAX_STRETCHES = 12


@dataclass(frozen=True, slots=True)
class AlarmRules:
    """alarm.yaml: weights a sign (and `constant`), and the limits beside them."""

    weights: Mapping[str, float]
    limit: float
    heard: Mapping[str, float]
    suspects: Mapping[str, float]
    calm: Mapping[str, float]
    chatter: Mapping[str, float]


@lru_cache(maxsize=1)
def load_alarm_rules() -> AlarmRules:
    raw: dict[str, Any] = yaml.safe_load(RULES_PATH.read_text(encoding="utf8"))
    return AlarmRules(raw["weights"], raw["from"], raw["heard"], raw["suspects"], raw["calm"], raw["chatter"])


@dataclass(frozen=True, slots=True)
class AlarmSigns:
    """What speaks for an emergency. `cue`: the lexicon's strongest, [0, 1]; `staff`: 1 for words of staff; `alone`: 1 where nothing was
    said before. The others are log-odds: `danger` of the encoder on the message in its situation; `mass` and `told`, the shares of
    emergencies in the ranking of the words and in the situation's; `report` and `supplement`, how likely the message is one of those.
    (The encoder's alarm on the words alone added nothing beside them: weights of -0.09 to 0.03.)"""

    cue: float
    staff: float
    danger: float
    mass: float
    told: float
    report: float
    supplement: float
    alone: float

    def probability(self, weights: Mapping[str, float]) -> float:
        """`weights`: one a sign, and `constant`."""
        score = weights["constant"] + sum(weights[sign] * getattr(self, sign) for sign in SIGNS)
        return 1 / (1 + math.exp(-score))

    def alarms(self, rules: AlarmRules) -> bool:
        """What the lexicon is sure of needs less proof: a ranking that hardly knows anything but emergencies; or one that does not rule
        them out, for words that read like a report (of staff, and of words that stand alone, the encoder cannot tell)."""
        if self.cue >= ALARM:
            reported = self.staff > 0 or self.alone > 0 or self.report >= log_odds(rules.heard["report"])
            if self.mass >= log_odds(rules.heard["mass" if reported else "sure"]):
                return True
        return self.probability(rules.weights) >= rules.limit


SIGNS = tuple(field.name for field in fields(AlarmSigns))


class Alarms:
    """Finds emergencies. Immutable; safe to share between threads.

    `encode`: normalised text → its vector (None without an encoder); `rank`: normalised text, and its reading where the situation
    shall count → the ranking; `is_judged`: whether both linear models are there.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        encoder: Encoder | None,
        encode: Callable[[str], Floats | None],
        rank: Callable[[str, Reading | None], RankedCategory],
        *,
        is_judged: bool,
    ) -> None:
        self._taxonomy, self._encode, self._rank, self._is_judged = taxonomy, encode, rank, is_judged
        heads = encoder.heads if isinstance(encoder, OnnxEncoder) else {}
        self._head = heads.get("alarm")

    def suspects(self, cues: tuple[Cue, ...], words: RankedCategory | None, reading: Reading) -> bool:
        """Whether small talk is worth a closer look. `words`: the ranking of the words, without the encoder."""
        limits = load_alarm_rules().suspects
        return bool(cues) or reading.danger >= limits["danger"] or (words is not None and self._mass(words.top) >= limits["mass"])

    def find(
        self, text: str, cues: tuple[Cue, ...], scores: Mapping[Kind, float], alone: RankedCategory, reading: Reading
    ) -> Emergency | None:
        """What the lexicon and the models say together. `alone`: the ranking of the text alone. Beside another matter an alarm is a small
        part of what is said: there the clauses that the lexicon heard are asked alone."""
        if not reading.can_alarm:
            return self._by_lexicon(cues, scores, alone, reading)
        if not reading.is_read and self._is_calm(text, cues, alone):
            return None
        whole = self.signs(cues, alone, reading)
        every = chain((whole,), (self._signs_of(stretch, reading) for stretch in _alarming_stretches(text, cues)))
        if not any(signs.alarms(load_alarm_rules()) for signs in every):
            return None
        feared = [c.matter for c in cues] if is_heard(cues) else []
        feared += [m for m, _ in self._burning(self._rank(text, reading).top)] + [c.matter for c in cues]
        feared += [m for m, _ in sorted(reading.shares("told").items(), key=lambda item: -item[1])]
        matter = next((it for i in feared if (it := self._taxonomy.matter(i)) and it.emergency), None)
        words = next((c.words for c in cues if matter and c.matter == matter.id), ())
        return Emergency(matter.id, matter.call or DEFAULT_CALL, words) if matter else None

    def signs(self, cues: tuple[Cue, ...], alone: RankedCategory, reading: Reading) -> AlarmSigns:
        kinds, told = reading.shares("kind"), reading.shares("told")
        return AlarmSigns(
            cue=cues[0].strength if cues else 0.0,
            staff=float(reading.utterance.role in STAFF_ROLES),
            danger=log_odds(reading.shares("danger")["alarm"]),
            mass=log_odds(self._mass(alone.top)),
            told=log_odds(self._mass(told.items())),
            report=log_odds(kinds["report"]),
            supplement=log_odds(kinds["supplement"]),
            alone=float(not reading.utterance.in_talk),
        )

    def _is_calm(self, text: str, cues: tuple[Cue, ...], alone: RankedCategory) -> bool:
        """Whether the words alone are so far from an emergency that the situation need not be read for it."""
        limits = load_alarm_rules().calm
        return not is_heard(cues) and self._mass(alone.top) < limits["mass"] and self._alarming(text) < limits["alarm"]

    def _by_lexicon(self, cues: tuple[Cue, ...], scores: Mapping[Kind, float], alone: RankedCategory, reading: Reading) -> Emergency | None:
        """Without an encoder that reads situations the lexicon decides; a resident's chatter that only sounds like an alarm is let go where
        the linear models can tell."""
        found = find_emergency("", taxonomy=self._taxonomy, cues=cues)
        if found is None or reading.utterance.role in STAFF_ROLES or not self._is_judged:
            return found
        limits = load_alarm_rules().chatter
        chatter = scores["report"] < limits["report"] and self._mass(alone.top) < limits["mass"]
        return None if chatter else found

    def _signs_of(self, stretch: str, reading: Reading) -> AlarmSigns:
        cues = emergency_cues(stretch, role=reading.utterance.role)
        return self.signs(cues, self._rank(stretch, None), reading.of(stretch))

    def _mass(self, shares: Iterable[tuple[str, float]]) -> float:
        """How much of them emergencies have together."""
        return sum(p for _, p in self._burning(shares))

    def _burning(self, shares: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
        """Those of matters with their shares that the catalogue marks as emergencies."""
        return [(m, p) for m, p in shares if (matter := self._taxonomy.matter(m)) and matter.emergency]

    def _alarming(self, text: str) -> float:
        """The encoder's own probability that the words alone tell of an emergency; 0 where it cannot say."""
        vector = self._encode(text)
        if vector is None or self._head is None:
            return 0.0
        return float(softmax(self._head.logits(vector))[self._head.labels.index("alarm")])


def _alarming_stretches(text: str, cues: tuple[Cue, ...]) -> list[str]:
    """The stretches of a message of several clauses that alarmed the lexicon: whole clauses, or what it heard across some."""
    if not is_heard(cues):
        return []
    clauses = [c for c in CLAUSES.split(text) if c.strip()]
    if len(clauses) < 2:
        return []
    words = [word.strip() for cue in cues for word in cue.words if word.strip()]
    across = [word for word in words if not any(word in c for c in clauses)]
    return [*(c for c in clauses if any(word in c for word in words)), *across][:_MAX_STRETCHES]


def log_odds(probability: float) -> float:
    """Kept between ±9, so that no model alone is beyond doubt."""
    return math.log((probability + _LEAST) / (1 - probability + _LEAST))
