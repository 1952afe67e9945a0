"""`minhu kb`: documents into a base kept in a folder, and questions answered from it, out of reach of any network."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from bot.errors import UsageError
from nlp.base_folder import BaseError, is_base, read_documents, write_documents, writing
from nlp.documents import Document, DocumentError, iso_day, passages_of
from nlp.readers import read_file, readable
from nlp.retrieve import Base
from nlp.schema import Answer, Hit


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="kb_command", required=True, metavar="import|search")
    into = commands.add_parser("import", help="documents into a base", description="Documents (files or folders) into a base.")
    into.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    into.add_argument("--base", required=True, type=Path, metavar="DIR")
    find = commands.add_parser("search", help="questions answered from a base", description="Questions answered from a base.")
    find.add_argument("questions", type=Path, metavar="IN.jsonl", help='lines of {"id", "question"}')
    find.add_argument("--base", required=True, type=Path, metavar="DIR")
    find.add_argument("--top", type=int, default=10, metavar="K", help="documents a question (default 10)")
    find.add_argument("--out", required=True, type=Path, metavar="OUT.jsonl")
    find.add_argument("--today", default="", metavar="YYYY-MM-DD", help="leave out what is not in force on this day")
    find.add_argument("--area", default="", metavar="市/区/街道/社区", help="leave out what is not in force there")


def run(options: argparse.Namespace) -> int:
    try:
        return _import(options) if options.kb_command == "import" else _search(options)
    except BaseError as error:
        raise UsageError(str(error)) from error


@dataclass(slots=True)
class Tally:
    """What an import did; `unread` are the files and lines it could not read, with the reason."""

    added: int = 0
    changed: int = 0
    same: int = 0
    unread: list[str] = field(default_factory=list)


def _import(options: argparse.Namespace) -> int:
    if missing := [p for p in options.paths if not p.exists()]:
        raise UsageError(f"{missing[0]} is not there; give files or folders that exist")
    with writing(options.base):
        known = read_documents(options.base) if is_base(options.base) else {}
        tally, documents = Tally(), dict(known)
        files = list(_files(options.paths))
        for name, path in track(files, "reading", console=Console(stderr=True), disable=not sys.stderr.isatty()):
            for found in _read(name, path, tally):
                before = documents.get(found.id)
                if before is None:
                    tally.added += 1
                elif before.hash == found.hash:
                    tally.same += 1
                else:
                    tally.changed += 1
                documents[found.id] = found
        for line in tally.unread:
            print(f"not read: {line}", file=sys.stderr)
        if not documents:
            raise UsageError("none of the files could be read, the base was not written")
        if tally.added or tally.changed or not is_base(options.base):
            write_documents(options.base, documents)
    print(
        f"{tally.added} documents added, {tally.changed} changed, {tally.same} the same, {len(tally.unread)} not read; "
        f"{options.base} holds {len(documents)}"
    )
    return 1 if tally.unread and not (tally.added or tally.changed or tally.same) else 0


def _files(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    """Each file once, with the name its document gets: its path below the folder that was given."""
    for given in paths:
        if given.is_dir():
            inside = sorted(p for p in given.rglob("*") if p.is_file() and not p.name.startswith((".", "~$")))
            yield from ((p.relative_to(given).as_posix(), p) for p in inside)
        else:
            yield given.name, given


def _read(name: str, path: Path, tally: Tally) -> list[Document]:
    if not readable(name):
        tally.unread.append(f"{path}: files ending in {path.suffix or 'nothing'} are not read")
        return []
    try:
        found, wrong = read_file(name, path.read_bytes())
    except DocumentError as error:
        tally.unread.append(f"{path}: {error}")
        return []
    except OSError as error:
        tally.unread.append(f"{path}: {error.strerror}")
        return []
    tally.unread += [f"{path}: {line}" for line in wrong]
    return found


def _search(options: argparse.Namespace) -> int:
    if options.top < 1:
        raise UsageError(f"--top {options.top} finds nothing; give 1 or more")
    try:
        today = iso_day(options.today) if options.today else ""
    except DocumentError as error:
        raise UsageError(f"--today {error}") from error
    questions = _questions(options.questions)
    documents = read_documents(options.base)
    base = Base.build(p for d in documents.values() for p in passages_of(d))
    with _whole(options.out) as out:
        for row in track(questions, "searching", console=Console(stderr=True), disable=not sys.stderr.isatty()):
            hits = base.search(row["question"], options.top, today=today, area=options.area)
            answer = base.answer(row["question"], today=today, area=options.area)
            out.write(json.dumps(line_of(row["id"], hits, answer), ensure_ascii=False) + "\n")
    return 0


def line_of(question_id: Any, hits: list[Hit], answer: Answer | None) -> dict[str, Any]:
    """One line of OUT.jsonl; `answer` and `citation` are null where the base refuses."""
    cited = answer.citation if answer else None
    return {
        "id": question_id,
        "hits": [{"doc": h.passage.doc, "score": h.score, "passage": h.passage.text} for h in hits],
        "answer": answer.text if answer else None,
        "citation": {name: getattr(cited, name) for name in cited.__slots__} if cited else None,
    }


def _questions(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise UsageError(f'{path} is not there; give a file of lines {{"id", "question"}}') from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); give a UTF-8 file of JSON lines") from error
    found: list[dict[str, Any]] = []
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}, line {n}: not JSON ({error.msg})") from error
        if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("question"), str):
            raise UsageError(f'{path}, line {n}: needs "id" and "question"')
        found.append(row)
    return found


class _whole:  # noqa: N801  # read as a verb: with _whole(path) as out
    """A text file that appears under its name only when it was written to the end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._partial = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        except OSError as error:
            raise UsageError(f"{self._path} cannot be written ({error.strerror}); give another place") from error
        self._out = os.fdopen(handle, "w", encoding="utf8")
        return self._out

    def __exit__(self, kind: object, *_: object) -> None:
        self._out.close()
        if kind is None:
            os.replace(self._partial, self._path)
        else:
            os.unlink(self._partial)
