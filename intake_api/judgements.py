"""What a ticket's judgement becomes by later words, for the API and for its twin in memory."""

from __future__ import annotations

from intake_api.contracts import Judgement
from nlp.match_rules import load_rules
from nlp.matter_category import gathered
from nlp.schema import RankedCategory


def ranking_of(judgement: Judgement) -> RankedCategory:
    """Who names a category alone, or another one than ranks first, has decided it."""
    top, category = tuple(judgement.top), judgement.category
    if category and (not top or top[0][0] != category):
        return RankedCategory(((category, judgement.confidence or 1.0),), accepted=True)
    return RankedCategory(top, judgement.accepted and bool(top))


def with_later(known: Judgement, told: Judgement) -> Judgement:
    """`known` with the category that all words speak for (nlp.matter_category); `known` itself where nothing moves. What nobody could
    name waits for sure words. Delicate words move nothing: what they tell of is not for a group's card."""
    if told.delicate and not known.delicate:
        return known
    before, after = ranking_of(known), ranking_of(told)
    found = gathered(before, after, load_rules())
    if found == before or (known.category is None and not found.accepted):
        return known
    top = [(matter, round(share, 4)) for matter, share in found.top]
    change = {"category": found.best, "confidence": round(found.confidence, 4), "top": top, "accepted": found.accepted}
    return known.model_copy(update=change | ({"model_version": told.model_version} if found == after else {}))
