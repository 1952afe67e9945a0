"""Readers of the training and development data, which stay outside the repository."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

DATA_VARIABLE = "MINHU_DATA"
DEFAULT_DATA = Path(__file__).parents[1].parent / "shared" / "data"


class DataMissingError(RuntimeError):
    """The data folder, or one file of it, is not there; the message says which and how to name another."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with its matter. `second` is another acceptable matter. `group`: rows of one group never part in cross-validation."""

    text: str
    category: str
    second: str
    kind: str
    emergency: bool
    source: str
    group: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to the authority (泰迪杯 C): first-level category as label."""

    row: str
    title: str
    detail: str
    label: str


def data_folder(given: str | Path | None = None) -> Path:
    """The folder named, else $MINHU_DATA, else ../shared/data beside the checkout. Raises DataMissingError."""
    folder = Path(given or os.environ.get(DATA_VARIABLE) or DEFAULT_DATA)
    if not folder.is_dir():
        raise DataMissingError(f"there is no data folder {folder}; name one with --data or {DATA_VARIABLE}")
    return folder


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DataMissingError(f"{path} is missing; the data folder must hold {name}")
    return path


def _rows(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def labelled_messages(folder: Path) -> list[Labelled]:
    """Composed single messages: `labels/messages.csv`, chat rows included (category empty)."""
    rows = _rows(_file(folder, "labels/messages.csv"))
    return [_labelled(row, "messages", f"messages:{i}") for i, row in enumerate(rows)]


def labelled_real(folder: Path) -> list[Labelled]:
    """Real citizens' messages: `labels/dev.csv`, grouped by the letter they come from."""
    rows = _rows(_file(folder, "labels/dev.csv"))
    return [_labelled(row, row["source"], f"{row['source'].rsplit('_', 1)[0]}:{row['source_id']}") for row in rows]


def _labelled(row: dict[str, str], source: str, group: str) -> Labelled:
    return Labelled(row["text"], row["category"], row["second"], row["kind"], row["emergency"] == "true", source, group, row["place"])


def letters(folder: Path, split: str) -> list[Letter]:
    """`split`: train or dev."""
    return [Letter(r["row"], r["title"], r["detail"], r["label"]) for r in _rows(_file(folder, f"letters/{split}.csv"))]


def transcripts(folder: Path, name: str) -> list[dict[str, Any]]:
    """`name`: dev, train_a, train_b. Whole transcripts as in their format, gold included."""
    with _file(folder, f"transcripts/{name}.jsonl").open(encoding="utf8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def transcript_reports(folder: Path, name: str) -> list[Labelled]:
    """Messages of kind report or question that carry a category; grouped by transcript."""
    return reports_of(transcripts(folder, name), name)


def reports_of(told: Iterable[dict[str, Any]], name: str) -> list[Labelled]:
    """As `transcript_reports`, of transcripts at hand; `name` is their source."""
    found = []
    for transcript in told:
        burning = {m["id"] for m in transcript["matters"] if m["emergency"]}
        for message in transcript["messages"]:
            gold = message["gold"]
            if gold["kind"] in ("report", "question") and gold.get("category") and message["text"]:
                alarm = gold.get("matter") in burning
                group = f"{name}:{transcript['id']}"
                found.append(Labelled(message["text"], gold["category"], "", gold["kind"], alarm, name, group))
    return found


def hotline_items(folder: Path) -> list[tuple[str, str, str]]:
    """`letters/fuzhou_12345.csv`: (title, body, the authority's reply)."""
    return [(r["title"], r["body"], r["reply"]) for r in _rows(_file(folder, "letters/fuzhou_12345.csv"))]


def topic_letters(folder: Path) -> list[tuple[str, str]]:
    """`hot_topics/letters.csv`: (title, detail); none of them carries a label here."""
    return [(r["title"], r["detail"]) for r in _rows(_file(folder, "hot_topics/letters.csv"))]


def question_pairs(folder: Path) -> list[tuple[str, str, str]]:
    """`pairs/lcqmc_dev.tsv`: (question, one that means the same, one that only looks alike or ""), where both were judged."""
    same: dict[str, list[str]] = {}
    other: dict[str, list[str]] = {}
    with _file(folder, "pairs/lcqmc_dev.tsv").open(encoding="utf8") as lines:
        for one, two, judged in (line.rstrip("\n").split("\t") for line in lines):
            (same if judged == "1" else other).setdefault(one, []).append(two)
    return [(one, two, other.get(one, [""])[0]) for one, twos in same.items() for two in twos]


def small_talk(folder: Path) -> Iterator[tuple[str, str]]:
    """(source, text) of what is nobody's request: text messages, and the turns of short dialogues."""
    with _file(folder, "chat/sms.txt").open(encoding="utf8") as lines:
        yield from (("sms", line.strip()) for line in lines if line.strip())
    with _file(folder, "chat/weibo_dialogues.jsonl").open(encoding="utf8") as lines:
        for line in lines:
            yield from (("weibo", turn) for turn in json.loads(line))


def is_training_talk(text: str) -> bool:
    """One half of the text messages may be learnt from, the other is for measuring."""
    return crc32(text.encode()) % 2 == 0
