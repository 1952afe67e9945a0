"""`minhu topics`: letters to hot-topic tables (热点问题表, 热点问题留言明细表) and the pairs judged one matter."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bot.cli.files import progress, write_whole
from bot.errors import UsageError
from bot.settings import BotSettings
from models.csv_files import TableError, csv_lines, open_table
from nlp.classify import rank
from nlp.encoder import Encoder, EncoderError, load_encoder
from nlp.letters import Letter, Ranker
from nlp.pipeline import load_understander, newest
from nlp.schema import RankedCategory
from nlp.text import normalise
from nlp.topic_rules import load_topic_rules
from nlp.topics import Topic, find_topics

NEEDED = ("id", "user", "title", "time", "detail")
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="IN.csv", help=f"letters: {','.join(NEEDED)}, and likes, against where counted")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets topics.csv, members.csv, pairs.csv")
    parser.add_argument("--top", type=int, default=20, metavar="N", help="so many topics in the tables, hottest first (pairs.csv: all)")


def run(options: argparse.Namespace) -> int:
    if options.top < 1:
        raise UsageError(f"--top {options.top} leaves nothing to show; give 1 or more")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"{options.out} is a file; name a folder")
    try:
        letters = read_letters(options.input)
    except TableError as error:
        raise UsageError(str(error)) from error
    topics = find_topics(letters, *_models())
    shown = topics[: options.top]
    tables = {name: list(table) for name, table in (("pairs", _pairs(topics)), ("members", _members(shown)), ("topics", _topics(shown)))}
    for name, lines in tables.items():
        write_whole(options.out / f"{name}.csv", iter(lines))
    return 0


def read_letters(path: Path) -> list[Letter]:
    """Letters of a CSV, its columns by their names or those of `columns` in nlp/topics.yaml. A row that stands twice counts once; letters
    without a readable time are kept and counted on stderr. Raises TableError, or UsageError for the first row that cannot be used.
    """
    table = open_table(path)
    other = load_topic_rules().columns
    columns = {other.get(c.strip(), c.strip()): c for c in table.columns}
    for name in NEEDED:
        if name not in columns:
            raise UsageError(f"{path} has no column {name!r} (it has {', '.join(table.columns)}); rename or add it")
    found: dict[str, Letter] = {}
    timeless: list[str] = []
    for number, row in enumerate(table.rows(), 2):
        letter = _letter({name: row[column].strip() for name, column in columns.items()}, path, number)
        if letter.id in found and found[letter.id] != letter:
            raise UsageError(f"{path}, row {number}: the id {letter.id} stands twice with different words; give every letter its own id")
        if letter.id not in found and letter.at is None:
            timeless.append(f"row {number}: {row[columns['time']][:30]!r}")
        found[letter.id] = letter
    if timeless and len(timeless) == len(found):
        raise UsageError(f"{path}, {timeless[0]} is no time, and no other row has one; write times like 2019-07-21 10:29:36")
    if timeless:
        print(f"minhu topics: {len(timeless)} letters have no readable time ({timeless[0]}); they are kept without one", file=sys.stderr)
    return list(found.values())


def _letter(row: dict[str, str], path: Path, number: int) -> Letter:
    if not row["id"]:
        raise UsageError(f"{path}, row {number} has no id; give every letter its own id")
    counts = []
    for name in ("likes", "against"):
        try:
            counts.append(max(0, int(float(row.get(name) or 0))))
        except (ValueError, OverflowError):
            raise UsageError(f"{path}, row {number}: {name} {row[name][:30]!r} is no number; write a whole number or nothing") from None
    return Letter(row["id"], row["user"] or row["id"], row["title"], _time(row["time"]), row["detail"], counts[0], counts[1])


def _time(text: str) -> datetime | None:
    plain = text.replace("/", "-").split(".")[0].split("+")[0].removesuffix("Z")
    for form in _FORMATS:
        try:
            return datetime.strptime(plain, form).astimezone()
        except (ValueError, OverflowError, OSError):
            continue
    return None


def _models() -> tuple[Ranker | None, Encoder | None]:
    """What ranks a letter's matter, and what reads its meaning on every core."""
    folder = BotSettings().models_dir
    understander, documents = load_understander(folder), newest(folder, "documents")
    if understander.models.category is None or documents is None:
        lacking = "category model" if understander.models.category is None else "encoder of documents"
        print(f"minhu topics: there is no {lacking}; the judgement is weaker (run: minhu models ship)", file=sys.stderr)
        return None, None

    def ranked(text: str) -> RankedCategory:
        return rank(normalise(text).text, understander.models.category, understander.taxonomy)

    try:
        return ranked, load_encoder(documents, threads=os.cpu_count() or 1)
    except EncoderError as error:
        raise UsageError(str(error)) from error


def _topics(topics: Sequence[Topic]) -> Iterator[str]:
    columns = ("rank", "id", "heat", "from", "to", "place", "description")
    rows = (
        {
            "rank": str(t.rank), "id": str(t.rank), "heat": f"{t.heat:.3f}", "from": f"{t.start:%Y-%m-%d}" if t.start else "",
            "to": f"{t.end:%Y-%m-%d}" if t.end else "", "place": t.place, "description": t.description,
        }
        for t in topics
    )  # fmt: skip
    return csv_lines(columns, rows)


def _members(topics: Sequence[Topic]) -> Iterator[str]:
    return csv_lines(("topic", "letter"), ({"topic": str(t.rank), "letter": letter} for t in topics for letter in t.letters))


def _pairs(topics: Sequence[Topic]) -> Iterator[str]:
    rows = ({"a": a, "b": b, "score": f"{p:.4f}"} for t in progress(topics, "pairs") for a, b, p in t.pairs)
    return csv_lines(("a", "b", "score"), rows)
