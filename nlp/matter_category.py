"""What a matter is, once several messages have spoken of it: a cry of four words often leaves open what the next ones name."""

from __future__ import annotations

import math

from nlp.match_rules import MatchRules
from nlp.schema import RankedCategory

TOP = 5
_FLOOR = 0.01
"""What a ranking leaves to a matter that is not among its first five."""


def gathered(known: RankedCategory, told: RankedCategory, rules: MatchRules) -> RankedCategory:
    """The matter's ranking after a message that was ranked `told`: logarithms are added, the later words counting less (`gathering` in
    match.yaml), for each was ranked with the earlier talk in view. What passes its threshold decides, and is not moved any more."""
    if known.accepted or not told.top:
        return known
    if told.accepted or not known.top:
        return told
    share = rules.gathering
    before, after = dict(known.top), dict(told.top)
    weights = {m: math.log(max(before.get(m, 0.0), _FLOOR)) + share * math.log(max(after.get(m, 0.0), _FLOOR)) for m in before | after}
    most = max(weights.values())
    raised = {m: math.exp(w - most) for m, w in weights.items()}
    total = sum(raised.values())
    top = sorted(((m, p / total) for m, p in raised.items()), key=lambda item: -item[1])[:TOP]
    return RankedCategory(tuple(top), accepted=False)
