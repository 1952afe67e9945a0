"""Why a passage was found for a question: the words that hit, its places by words and by meaning, and what kept others out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlp.retrieve import Base, Found, LeftOut, Look, terms_of_use, words_of
from nlp.schema import Passage
from nlp.terms import fold, synonyms_in, terms

SHOWN_WORDS = 8


@dataclass(frozen=True, slots=True)
class Explained:
    """A passage found, with its places (from 1; 0: not compared) among what was found by words, by meaning, and by all that speaks for it
    (a reader reads the best of what may be cited). `words` are those of the question that stand in it, the rarest first. `left_out`: why it
    may not be cited here and now ("" = it may)."""

    passage: Passage
    words: tuple[str, ...]
    by_words: int
    by_meaning: int
    by_both: int
    left_out: LeftOut


def explain(
    base: Base, question: str, top: int = 8, *, today: str = "", area: str = "", for_staff: bool = True
) -> tuple[Look, list[Explained]]:
    """(what is found as if for an answer, the first passages before anything is filtered out)."""
    look = base.look(question, today=today, area=area, for_staff=for_staff)
    read = {one.row: one for one in look.found if one.reading}
    every = sorted((read.get(one.row, one) for one in base.found(question)), key=lambda one: -one.score)
    by_words = _places(every, [one.words for one in every])
    by_meaning = _places(every, [one.meaning or 0.0 for one in every]) if base.meaning else {}
    explained = []
    for place, one in enumerate(every[:top], 1):
        passage = base.passages[one.row]
        why = terms_of_use(passage).left_out(today=today, area=area, for_staff=for_staff)
        hit = shared_words(base, question, passage)
        explained.append(Explained(passage, hit, by_words[one.row] if one.words else 0, by_meaning.get(one.row, 0), place, why))
    return look, explained


def shared_words(base: Base, question: str, passage: Passage) -> tuple[str, ...]:
    """Words of the question, or other names for what it names, that the passage is found by; parts of a longer one are left out."""
    here = set(terms(words_of(passage)))
    asked = dict.fromkeys(t for one in (question, *synonyms_in(question)) for t in terms(fold(one)) if t in here and len(t) > 1)
    rare = sorted(asked, key=lambda word: (-len(word) > -3, -base.by_passage.idf_of(word)))
    kept: list[str] = []
    for word in rare:
        if not any(word in longer for longer in kept):
            kept.append(word)
    return tuple(kept[:SHOWN_WORDS])


def _places(found: Sequence[Found], scores: Sequence[float]) -> dict[int, int]:
    order = sorted(range(len(found)), key=lambda i: -scores[i])
    return {found[i].row: place for place, i in enumerate(order, 1)}
