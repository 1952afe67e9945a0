"""A shipped model over the rows of a table: which columns it reads, and how well it answered. Needs no training parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.cards import SHIPPED
from models.csv_files import Table, TableError
from nlp.classify import rank
from nlp.encoder import Encoder, JoinedEncoder, OnnxEncoder, load_encoder
from nlp.gate import choose_kind, kind_scores
from nlp.grams import Description
from nlp.linear import LinearModel
from nlp.pipeline import newest
from nlp.schema import Utterance
from nlp.taxonomy import load_taxonomy
from nlp.text import normalise

DETAIL_CHARS = 200
Answer = Callable[[Mapping[str, str]], tuple[str, float]]


def describe_letter(title: str, detail: str) -> Description:
    """What the letters model looks at: the title, and both together as one text."""
    title, detail = normalise(title).text, normalise(detail).text
    return Description({"title": title, "whole": f"{title}\n{detail}".strip()})


def shipped_encoder(threads: int = 1, name: str = "encoder", shipped: Path = SHIPPED) -> Encoder | None:
    """The newest encoder of models/shipped (`encoder`: of chats, `documents`: of documents and letters), or None where there is none.
    Raises EncoderError when it is damaged."""
    folder = newest(shipped, name)
    return load_encoder(folder, threads) if folder else None


def both_encoders(threads: int = 1, shipped: Path = SHIPPED) -> JoinedEncoder | None:
    """The shipped encoders of chats and of documents as one, None where one of them is missing."""
    found = [e for name in ("encoder", "documents") if isinstance(e := shipped_encoder(threads, name, shipped), OnnxEncoder)]
    return JoinedEncoder(found) if len(found) > 1 else None


def encoder_beside(model: LinearModel, threads: int = 1, shipped: Path = SHIPPED) -> Encoder | None:
    """What votes beside a model: the shipped encoder of chats, or both; None where it asks neither."""
    found = (make(threads, shipped=shipped) for make in (shipped_encoder, both_encoders))
    return next((encoder for encoder in found if encoder and model.has_head_for(encoder.name)), None)


def letter_words(title: str, detail: str) -> str:
    """What the encoder reads of a letter."""
    return f"{normalise(title).text} {normalise(detail).text[:DETAIL_CHARS]}".strip()


def answer_letter(model: LinearModel, title: str, detail: str, encoder: Encoder | None = None) -> tuple[str, float]:
    """(label, calibrated confidence); the encoder votes where the model has a head for it."""
    reads = encoder is not None and model.has_head_for(encoder.name)
    vector = encoder.encode([letter_words(title, detail)])[0] if encoder and reads else None
    found = model.joined(describe_letter(title, detail), vector)
    best = int(found.argmax())
    return model.labels[best], float(found[best])


def answer_category(model: LinearModel, text: str, encoder: Encoder | None = None) -> tuple[str, float]:
    read = normalise(text).text
    reads = encoder is not None and model.has_head_for(encoder.name) and read.strip()
    found = rank(read, model, load_taxonomy(), encoder.encode([read])[0] if encoder and reads else None)
    return found.best or "", found.confidence


def answer_kind(model: LinearModel, text: str) -> tuple[str, float]:
    found = kind_scores(Utterance(text), model)
    best = choose_kind(found, model.config["thresholds"])
    return best, found[best]


def answerer(model: LinearModel, table: Table, encoder: Encoder | None = None) -> Answer:
    """The model, with the encoder beside it, as a function of a row. Raises TableError where the table lacks the column the model reads."""
    task = str(model.config.get("task", ""))
    column = "title" if task == "letters" else "text"
    if column not in table.columns:
        raise TableError(f"{table.path} has no column {column!r} (it has {', '.join(table.columns)}); {model.version} reads it")
    if task == "letters":
        return lambda row: answer_letter(model, row["title"], row.get("detail", ""), encoder)
    if task == "kind":
        return lambda row: answer_kind(model, row["text"])
    return lambda row: answer_category(model, row["text"], encoder)


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
