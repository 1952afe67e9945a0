"""What a question in a chat asks: without what people put around it, and joined with the earlier one it leans on."""

from __future__ import annotations

import re
from functools import lru_cache

from nlp.schema import Kind
from nlp.terms import fold, lexicon, named, other_names, terms, topic

_CLAUSE = re.compile(r"[^，。！？；,!?;\n]+[，。！？；,!?;\n]*")
# shorter questions are what they are; in longer ones the clauses that ask are also read by themselves
_LONG = 24
_LEAST = 4
_SHORT = 14


@lru_cache(maxsize=1)
def _framing() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in lexicon()["framing"]))


def plain(question: str) -> str:
    """A question without greetings, calls and thanks; as it was where nothing of it would be left."""
    left = _framing().sub(" ", question)
    left = " ".join("".join(part for part in _CLAUSE.findall(left) if any(c.isalnum() for c in part)).split())
    return left if len(topic(left)) > 1 else question


def readings(question: str) -> list[str]:
    """The question, and where it is long also its clauses that ask, each alone and with the clause before it."""
    clauses = _CLAUSE.findall(question)
    if len(question) < _LONG or len(clauses) < 2:
        return [question]
    found = [question]
    for n, clause in enumerate(clauses):
        if re.search(lexicon()["asks"], clause.strip()):
            found += [part for part in (clause, "".join(clauses[max(0, n - 1) : n + 1])) if len(topic(part)) >= _LEAST]
    return list(dict.fromkeys(found))


def leans(question: str) -> bool:
    """Whether a question may hang on something said before: it says so (那…呢, 也…吗), or is too short to name all it is about."""
    folded = fold(question).strip()
    return 0 < len(folded) <= _SHORT or _says_it_leans(folded)


def _says_it_leans(folded: str) -> bool:
    marks = lexicon()["leaning"]
    return any(re.search(marks[name], folded) for name in ("opens", "ends", "holds"))


def asks(message: str) -> bool:
    """Whether a message has the form of a question, whatever it is about."""
    return any(re.search(lexicon()["asks"], clause.strip()) for clause in _CLAUSE.findall(message))


def may_ask(message: str, kind: Kind, *, in_thread: bool) -> bool:
    """Whether a message that was taken for another kind may be a question to the base after all: chatter in the form of one; after a
    question of the same person also what leans on it, and a "report" only where it says that it leans (那电梯里呢)."""
    if kind == "question" or not asks(message):
        return False
    if in_thread and leans(message):
        return kind != "report" or _says_it_leans(fold(message).strip())
    return kind == "chat" or (in_thread and kind in ("supplement", "follow_up"))


def names_nothing(question: str) -> bool:
    """Whether a question holds nothing but asking words and what is asked about anything (要带啥, 几天能拿到)."""
    left = fold(question)
    for word in sorted(lexicon()["official"], key=len, reverse=True):
        left = left.replace(word, " ")
    return sum(c.isalnum() for c in topic(left)) < 2


def hangs(question: str) -> bool:
    """Whether a question says itself that something was said before it (那…呢, 也…吗)."""
    return _says_it_leans(fold(question).strip())


def is_elliptic(question: str) -> bool:
    """Whether a question leaves even what it asks to what was said before (那外地户口呢; but 那居住证要几天呢 asks)."""
    return re.search(lexicon()["leaning"]["elliptic"], fold(question).strip()) is not None


def joined(earlier: str, question: str) -> str:
    """The question with what the earlier one was about before it."""
    return f"{topic(plain(earlier))}，{question}"


def fits(question: str, passage: str) -> float:
    """The share of what a leaning question says itself that a passage says too, under any of its names; 1 where it says nothing."""
    said, text = re.sub(lexicon()["leaning"]["age"], " ", fold(question)), fold(passage)
    units = []
    for word in named(said):
        units.append(any(one in text for one in (word, *other_names(word))))
        said = said.replace(word, " ")
    here = set(terms(passage))
    units += [term in here for term in dict.fromkeys(terms(topic(said)))]
    return sum(units) / len(units) if units else 1.0
