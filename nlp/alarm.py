"""Whether a message alarms, where the encoder can read it: lexicon, encoder and ranking weighed in one score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from nlp.emergency import ALARM

_LEAST = 1e-4


@dataclass(frozen=True, slots=True)
class AlarmSigns:
    """What speaks for an emergency. `cue`: the lexicon's strongest, [0, 1]; `staff`: 1 for words of staff; the others are log-odds:
    `danger` of the encoder on the message in its situation; `mass` and `told`, the shares of emergencies in the ranking of the words and
    in the situation's; `report` and `supplement`, how likely the message is one of those. (The encoder's alarm on the words alone added
    nothing beside them: its weight came out at -0.13.)"""

    cue: float
    staff: float
    danger: float
    mass: float
    told: float
    report: float
    supplement: float

    def probability(self, weights: Mapping[str, float]) -> float:
        """`weights`: one a sign, and `constant`."""
        score = weights["constant"] + sum(weights[sign] * getattr(self, sign) for sign in SIGNS)
        return 1 / (1 + math.exp(-score))

    def alarm(self, limits: Mapping[str, float], *, in_talk: bool) -> bool:
        """`limits`: the weights and what stands beside them in pipeline.yaml. What the lexicon is sure of needs less proof: a ranking that
        hardly knows anything but emergencies; or one that does not rule them out, for words that read like a report (of staff, and
        of words that stand alone, the encoder cannot tell)."""
        if self.cue >= ALARM:
            reported = self.staff > 0 or not in_talk or self.report >= log_odds(limits["heard_report"])
            if self.mass >= log_odds(limits["heard_mass" if reported else "heard_sure"]):
                return True
        return self.probability(limits) >= limits["from"]


SIGNS = tuple(field.name for field in fields(AlarmSigns))


def log_odds(probability: float) -> float:
    """Kept between ±9, so that no model alone is beyond doubt."""
    return math.log((probability + _LEAST) / (1 - probability + _LEAST))
