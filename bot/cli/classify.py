"""`minhu classify`: a CSV of texts to matters, kinds and alarms, in the same order, other columns kept."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from bot.cli.files import progress, write_whole
from bot.errors import UsageError
from bot.settings import BotSettings
from models.csv_files import Table, TableError, csv_lines, open_table
from nlp.pipeline import Understander, load_understander
from nlp.schema import Utterance

ADDED = ("category", "confidence", "top3", "kind", "emergency")
_AT_ONCE = 256


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="IN.csv", help="a CSV with a column text")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.csv", help=f"the same rows with {', '.join(ADDED)}")


def run(options: argparse.Namespace) -> int:
    try:
        table = open_table(options.input, needed=("text",))
        understander = load_understander(BotSettings().models_dir)
        columns = [*(c for c in table.columns), *(c for c in ADDED if c not in table.columns)]
        write_whole(options.out, csv_lines(columns, _judged(table, understander)))
    except TableError as error:
        raise UsageError(str(error)) from error
    return 0


def judge(text: str, understander: Understander) -> dict[str, str]:
    """The added columns for one text; every text is ranked, also what the gate takes for chat."""
    found = understander.understand(Utterance(text))
    category = found.category if found.category.top else understander.category(text)
    return {
        "category": category.best or "",
        "confidence": f"{category.confidence:.4f}",
        "top3": ";".join(matter for matter, _ in category.top[:3]),
        "kind": found.kind,
        "emergency": "true" if found.emergency else "false",
    }


def _judged(table: Table, understander: Understander) -> Iterator[dict[str, str]]:
    rows = table.rows()
    with ThreadPoolExecutor(os.cpu_count() or 1, "classify") as pool:  # the encoder lets go of the interpreter
        for _ in progress(range(0, table.size, _AT_ONCE), "classify"):
            together = list(islice(rows, _AT_ONCE))
            answers: Iterable[dict[str, str]] = pool.map(lambda row: judge(row["text"], understander), together)
            for row, answer in zip(together, answers, strict=True):
                yield row | answer
