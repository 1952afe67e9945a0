"""What can be trained, where it is shipped, and how each task reads its data: one registry for the command line and `make train`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import category, kind, letters, ship_documents, ship_encoder, ship_reader
from models.answering import answer_category, answer_kind, answer_letter, both_encoders, shipped_encoder
from models.cards import SHIPPED, write_json, write_trained_card
from models.corpora import Letter, transcript_reports, transcripts
from models.corpora import letters as read_letters
from models.csv_files import TableError, open_table
from models.fit import Fitted
from models.kind_trees import ranker_of
from nlp.encoder import OnnxEncoder
from nlp.linear import LinearModel
from nlp.pipeline import newest
from nlp.taxonomy import load_taxonomy

Progress = Callable[[str], None]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """`build` trains from the data folder and returns the model with its figures on development data."""

    name: str
    build: Callable[[Path, Progress], tuple[Fitted, Figures]]
    answer: Callable[[LinearModel, str], tuple[str, float]]


def build_category(data: Path, progress: Progress) -> tuple[Fitted, Figures]:
    taxonomy, encoder = load_taxonomy(), shipped_encoder(threads=2)
    train = category.training_set(data, taxonomy, encoder)
    fitted = category.fit_category(train, np.ones(len(train.rows), bool), encoder)
    figures: Figures = {"cross_validated": category.calibrate(fitted, category.out_of_fold(train, encoder, progress), train.rows)}
    fitted.config.update({"task": "category", "taxonomy_version": taxonomy.version})
    reports = [r for r in transcript_reports(data, "dev") if r.kind == "report"]
    model = fitted.runtime()
    figures["dev_reports_joined"] = category.scores(reports, model, taxonomy, encoder)
    figures["dev_reports_words"] = category.scores(reports, model, taxonomy, None)
    return fitted, figures


def build_kind(data: Path, progress: Progress) -> tuple[Fitted, Figures]:
    across, encoder = kind.across_authors(data, progress), shipped_encoder()
    fitted = kind.train_kind(data, progress=progress)
    fitted.config["task"] = "kind"
    fitted.config["trees"]["temperature"] = across.temperature
    if isinstance(encoder, OnnxEncoder) and "kind" in encoder.heads:
        kind.read_in_doubt(fitted, data, encoder, progress)
    model = fitted.runtime()
    ranker = ranker_of(LinearModel.load(newest(SHIPPED, "category") or SHIPPED / category.NAME))
    figures: Figures = {
        "other_author": across.figures,
        "reader": fitted.config.get("reader", {}),
        "dev": kind.scores(kind.predict(transcripts(data, "dev"), model, ranker)),
    }
    for source in ("sms", "weibo"):
        figures[f"unseen_{source}"] = {"taken_for_reports": kind.taken_for_reports(kind.unseen_talk(data, source), model, ranker)}
    return fitted, figures


def build_letters(data: Path, progress: Progress) -> tuple[Fitted, Figures]:
    progress("letters: fitting")
    dev = read_letters(data, "dev")
    encoder = both_encoders(threads=2)
    fitted = letters.train_letters(read_letters(data, "train"), encoder=encoder)
    model = fitted.runtime()
    figures = {}
    for name, beside in (("joined", encoder), ("words", None)):
        figures[f"dev_title_detail_{name}"] = letters.scores(dev, model, encoder=beside)
        figures[f"dev_title_{name}"] = letters.scores(dev, model, with_detail=False, encoder=beside)
    return fitted, figures


def train_letters_csv(train: Path, dev: Path | None) -> tuple[Fitted, Figures]:
    """Letters from any CSV with title, detail and label. Raises TableError."""
    held = _letters_of(dev) if dev else []
    fitted = letters.train_letters(_letters_of(train), held)
    model = fitted.runtime()
    return fitted, {"dev_title_detail": letters.scores(held, model), "dev_title": letters.scores(held, model, with_detail=False)}


def _letters_of(path: Path) -> list[Letter]:
    rows = open_table(path, needed=("title", "label")).rows()
    found = [Letter(r.get("row", ""), r["title"], r.get("detail", ""), r["label"]) for r in rows]
    if len({x.label for x in found}) < 2:
        raise TableError(f"{path} holds {len({x.label for x in found})} labels; at least two are needed")
    return found


ENCODERS = {"encoder": ship_encoder.ship_encoder, "documents": ship_documents.ship_documents, "reader": ship_reader.ship_reader}
TASKS = {
    task.name: task
    for task in (
        Task("category", build_category, answer_category),
        Task("kind", build_kind, answer_kind),
        Task("letters", build_letters, lambda model, text: answer_letter(model, text, "")),
    )
}

# Written for this project; replayed by a test against every shipped linear model.
REFERENCE = (
    "5栋一单元的电梯又停了，老人下不了楼",
    "小区东门的路灯坏了三盏，晚上看不见路",
    "楼上天天半夜拖桌子，吵得睡不着",
    "请问租房子的人怎么给孩子报名上小学？",
    "谢谢师傅，已经修好了",
    "建议在学校门口加一条斑马线",
    "厂里三个月没有发工资了，找谁管",
)


def ship(name: str, data: Path, shipped: Path = SHIPPED, progress: Progress = print) -> Figures:
    """Builds a task and writes its whole folder: model, config, figures in the card, reference answers."""
    started = time.monotonic()
    if name in ENCODERS:
        return ENCODERS[name](data, shipped, progress)
    task = TASKS[name]
    fitted, figures = task.build(data, progress)
    folder = shipped / str(fitted.config["name"])
    fitted.write(folder)
    model = LinearModel.load(folder)
    answers = [task.answer(model, text) for text in REFERENCE]
    write_json(
        folder / "reference.json",
        [{"text": t, "label": a, "confidence": round(c, 4)} for t, (a, c) in zip(REFERENCE, answers, strict=True)],
    )
    figures["seconds"] = round(time.monotonic() - started)
    write_trained_card(folder, name, figures)
    return figures
