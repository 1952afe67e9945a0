"""`minhu kb`: documents into a base kept in a folder, and questions answered from it, out of reach of any network."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.assistant.policy import encoder_in, reader_in
from bot.cli.files import progress, whole, write_whole
from bot.errors import UsageError
from bot.settings import BotSettings
from nlp.base_folder import VECTORS, BaseError, encoding, is_base, read_documents, write_documents, writing
from nlp.documents import Document, DocumentError, iso_day, passages_of_all
from nlp.encoder import Encoder
from nlp.kept_vectors import KeptVectors
from nlp.readers import read_file, readable
from nlp.retrieve import Base, is_fitted, text_to_encode
from nlp.schema import Answer, Hit

_ROOT = Path(__file__).resolve().parents[2]


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="kb_command", required=True, metavar="import|encode|search")
    into = commands.add_parser("import", help="documents into a base", description="Documents (files or folders) into a base.")
    into.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    into.add_argument("--base", required=True, type=Path, metavar="DIR")
    later = into.add_mutually_exclusive_group()
    later.add_argument("--words-only", action="store_true", help="do not encode; search encodes what it needs, or goes by words")
    later.add_argument("--wait", action="store_true", help="return when everything is encoded; without, it goes on in the background")
    encode = commands.add_parser("encode", help="vectors for what has none", description="Vectors for what has none; import starts it.")
    encode.add_argument("--base", required=True, type=Path, metavar="DIR")
    find = commands.add_parser("search", help="questions answered from a base", description="Questions answered from a base.")
    find.add_argument("questions", type=Path, metavar="IN.jsonl", help='lines of {"id", "question"}')
    find.add_argument("--base", required=True, type=Path, metavar="DIR")
    find.add_argument("--top", type=int, default=10, metavar="K", help="documents a question (default 10)")
    find.add_argument("--out", required=True, type=Path, metavar="OUT.jsonl")
    find.add_argument("--words-only", action="store_true", help="do not wait for vectors: find by words alone")
    find.add_argument("--today", default="", metavar="YYYY-MM-DD", help="leave out what is not in force on this day")
    find.add_argument("--area", default="", metavar="市/区/街道/社区", help="leave out what is not in force there")


def run(options: argparse.Namespace) -> int:
    try:
        return {"import": _import, "encode": _encode, "search": _search}[options.kb_command](options)
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
        for name, path in progress(files, "reading"):
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
    if options.wait:
        _encode(options)
    elif not options.words_only:
        _encode_beside(options.base)
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
    passages = passages_of_all(documents.values())
    encoder = None if options.words_only else _encoder()
    with encoding(options.base) if encoder else nullcontext(False) as held:
        kept = KeptVectors(options.base / VECTORS, encoder, writable=held) if encoder else None
        vectors = kept.vectors([text_to_encode(p) for p in passages], _told) if kept else None
    base = Base.build(passages, encoder, vectors, reader=reader_in(BotSettings().models_dir) if encoder and is_fitted(encoder) else None)

    def lines() -> Iterator[str]:
        for row in progress(questions, "searching"):
            look = base.look(row["question"], today=today, area=options.area)
            yield json.dumps(line_of(row["id"], base.hits(look, options.top), base.answer_from(look)), ensure_ascii=False) + "\n"

    write_whole(options.out, lines())
    return 0


def _encoder() -> Encoder | None:
    settings = BotSettings()
    encoder = encoder_in(settings.models_dir, settings.encoder)
    if encoder is None:
        print("no encoder can be used: passages are found by their words alone", file=sys.stderr)
    return encoder


def _encode(options: argparse.Namespace) -> int:
    """Vectors for what is new, chunk by chunk: interrupted, the next one goes on where this one stopped."""
    encoder = _encoder()
    if encoder is None:
        return 1
    with encoding(options.base) as held:
        texts = [text_to_encode(p) for p in passages_of_all(read_documents(options.base).values())]
        kept = KeptVectors(options.base / VECTORS, encoder, writable=held)
        kept.vectors(texts, _told)
        kept.keep_only(texts)
    return 0


def _encode_beside(folder: Path) -> None:
    """`minhu kb encode` as a process of its own that outlives this one; what it leaves undone, search does."""
    quiet = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in range(3)]
    command = [sys.executable, "-m", "bot", "kb", "encode", "--base", str(folder.absolute())]
    os.posix_spawn(sys.executable, command, {**os.environ, "PYTHONPATH": str(_ROOT)}, file_actions=quiet, setpgroup=0)


def _told(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\rencoding {done} of {of} passages", end="\n" if done == of else "", file=sys.stderr, flush=True)


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
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {n}: not JSON ({getattr(error, 'msg', 'nested too deeply')})") from error
        if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("question"), str):
            raise UsageError(f'{path}, line {n}: needs "id" and "question"')
        found.append({name: whole(row[name]) if isinstance(row[name], str) else row[name] for name in ("id", "question")})
    return found
