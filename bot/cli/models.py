"""`minhu models`: train, evaluate, predict and ship the models of models/shipped."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.cli.files import progress, write_whole
from bot.errors import UsageError
from models.csv_files import Table, TableError, csv_lines, open_table
from nlp.linear import LinearModel, ModelError

ENCODERS = ("encoder", "documents", "reader")
TASKS = ("letters", "category", "kind", *ENCODERS)
OUT_COLUMNS = ("row", "label", "confidence")


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="train|evaluate|predict|ship")
    train = commands.add_parser("train", help="train a model into a folder")
    train.add_argument("--task", required=True, choices=TASKS)
    train.add_argument("--data", type=Path, help="letters: a CSV with title, detail, label; other tasks: the data folder")
    train.add_argument("--dev", type=Path, metavar="DEV.csv", help="letters: a CSV to calibrate and measure on")
    train.add_argument("--out", required=True, type=Path, metavar="DIR")
    evaluate = commands.add_parser("evaluate", help="figures of a model on labelled rows, as JSON")
    predict = commands.add_parser("predict", help="labels for the rows of a CSV")
    for sub in (evaluate, predict):
        sub.add_argument("--model", required=True, type=Path, metavar="DIR")
        sub.add_argument("--data", required=True, type=Path, metavar="X.csv", help="columns title, detail (letters), or text")
    predict.add_argument("--out", required=True, type=Path, metavar="Y.csv", help="columns row, label, confidence")
    ship = commands.add_parser("ship", help="rebuild a folder of models/shipped from the data folder")
    ship.add_argument("--task", required=True, choices=TASKS)
    ship.add_argument("--data", help="the data folder (default: MINHU_DATA, else ../shared/data)")
    ship.add_argument("--out", type=Path, metavar="DIR", help="another folder than models/shipped")


def run(options: argparse.Namespace) -> int:
    from models.corpora import DataMissingError

    act = {"train": _train, "evaluate": _evaluate, "predict": _predict, "ship": _ship}[options.models_command]
    try:
        return act(options)
    except (TableError, ModelError, DataMissingError) as error:
        raise UsageError(str(error)) from error
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed; training needs: pip install minhu[train]") from error


def _train(options: argparse.Namespace) -> int:
    from models import tasks
    from models.corpora import data_folder

    if options.task in ENCODERS:
        raise UsageError(f"an encoder is shipped as a whole; use: minhu models ship --task {options.task}")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{options.out} cannot be a folder ({error.strerror}); name another") from error
    if options.task == "letters" and options.data and options.data.is_file():
        fitted, figures = tasks.train_letters_csv(options.data, options.dev)
    else:
        fitted, figures = tasks.TASKS[options.task].build(data_folder(options.data), _say)
    fitted.write(options.out)
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    return 0


def _ship(options: argparse.Namespace) -> int:
    from models import tasks
    from models.cards import SHIPPED
    from models.corpora import data_folder

    figures = tasks.ship(options.task, data_folder(options.data), options.out or SHIPPED, _say)
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    return 0


def _predict(options: argparse.Namespace) -> int:
    table = open_table(options.data)
    write_whole(options.out, csv_lines(OUT_COLUMNS, _answers(table, options.model)))
    return 0


def _answers(table: Table, folder: Path) -> Iterator[dict[str, str]]:
    """One answer a row; `row` is the input's own column of that name, else the number of the row from 1."""
    answer = _answerer(table, folder)
    rows = table.rows()
    for number in progress(range(1, table.size + 1), "predict"):
        row = next(rows)
        label, confidence = answer(row)
        yield {"row": row.get("row", str(number)), "label": label, "confidence": f"{confidence:.4f}"}


def _answerer(table: Table, folder: Path) -> Any:
    from models.answering import answerer, encoder_beside

    model = LinearModel.load(folder)
    return answerer(model, table, encoder_beside(model, threads=os.cpu_count() or 1))


def _evaluate(options: argparse.Namespace) -> int:
    from models.answering import figures_of

    table = open_table(options.data)
    wanted = "label" if "label" in table.columns else "category" if "category" in table.columns else ""
    if not wanted:
        raise UsageError(f"{options.data} has no column label or category; add the right answers")
    answers = [a["label"] for a in _answers(table, options.model)]
    print(json.dumps(figures_of([row[wanted] for row in table.rows()], answers), ensure_ascii=False, indent=1))
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
