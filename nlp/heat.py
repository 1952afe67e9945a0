"""How hot a topic is: one formula for letters and for live topics."""

from __future__ import annotations

import math

from nlp.topic_rules import HeatTerms


def heat(
    terms: HeatTerms, *, people: int, likes: int = 0, against: int = 0, since_days: float | None = None, span_days: float = 0.0,
    places: int = 1, urgent: float = 0.0,
) -> float:  # fmt: skip
    """heat = (people + likes·log2(1 + Σlikes) + against·log2(1 + Σagainst))
           · (½ + ½ · 2^(−days since it was last spoken of / half_life_days)) · (calm_span / max(calm_span, span))^¼
           · (1 + spread · log2(places)) · (1 + urgent · share of urgent matters)

    `people` are distinct: one person who writes ten times is one. Likes and dislikes (a quarrel is heat too) count by their
    logarithm, so that one letter with a thousand likes does not outrun a hundred people. What was last spoken of long ago cools
    to half; what spreads over months is a standing trouble rather than a hot one; what several grids have is more than one grid's.
    `since_days` None: nobody knows when, so it has cooled. `urgent` lies in [0, 1].
    """
    voices = people + terms.likes * math.log2(1 + likes) + terms.against * math.log2(1 + against)
    if since_days is None:
        return voices / 2
    fresh = 0.5 + 0.5 * 2 ** (-max(since_days, 0.0) / terms.half_life_days)
    calm = (terms.calm_span_days / max(span_days, terms.calm_span_days)) ** 0.25
    return float(voices * fresh * calm * (1 + terms.spread * math.log2(max(places, 1))) * (1 + terms.urgent * urgent))
