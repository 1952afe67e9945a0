"""A shipped model over the rows of a table: which columns it reads, and how well it answered. Needs no training parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from models.csv_files import Table, TableError
from nlp.classify import rank
from nlp.gate import choose_kind, kind_scores
from nlp.grams import Description
from nlp.linear import LinearModel
from nlp.schema import Utterance
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise

Answer = Callable[[Mapping[str, str]], tuple[str, float]]


def describe_letter(title: str, detail: str) -> Description:
    """What the letters model looks at: the title, and both together as one text."""
    title, detail = normalise(title).text, normalise(detail).text
    return Description({"title": title, "whole": f"{title}\n{detail}".strip()})


def answer_letter(model: LinearModel, title: str, detail: str) -> tuple[str, float]:
    """(label, calibrated confidence)."""
    found = model.probabilities(describe_letter(title, detail))
    best = int(found.argmax())
    return model.labels[best], float(found[best])


def answer_category(model: LinearModel, text: str) -> tuple[str, float]:
    found = rank(normalise(text).text, model, load_taxonomy())
    return found.best or "", found.confidence


def answer_kind(model: LinearModel, text: str) -> tuple[str, float]:
    found = kind_scores(Utterance(text), model)
    best = choose_kind(found, model.config["thresholds"])
    return best, found[best]


def answerer(model: LinearModel, table: Table) -> Answer:
    """The model as a function of a row. Raises TableError where the table lacks the column the model reads."""
    task = str(model.config.get("task", ""))
    column = "title" if task == "letters" else "text"
    if column not in table.columns:
        raise TableError(f"{table.path} has no column {column!r} (it has {', '.join(table.columns)}); {model.version} reads it")
    if task == "letters":
        return lambda row: answer_letter(model, row["title"], row.get("detail", ""))
    if task == "kind":
        return lambda row: answer_kind(model, row["text"])
    return lambda row: answer_category(model, row["text"])


def figures_of(gold: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """Number, accuracy, and F1 averaged over the labels that occur in the right answers."""
    pairs = list(zip(gold, answers, strict=True))
    if not pairs:
        return {"n": 0}
    labels = sorted(set(gold))
    scores = []
    for label in labels:
        both = sum(g == a == label for g, a in pairs)
        scores.append(2 * both / ((gold.count(label) + list(answers).count(label)) or 1))
    return {"n": len(pairs), "accuracy": sum(g == a for g, a in pairs) / len(pairs), "macro_f1": sum(scores) / len(scores)}
