"""A policy base kept in a folder: whole or not there, never half, and never written by two at once."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from nlp.documents import Document, DocumentError, document

FORMAT = 1
_CURRENT = "current"
_DOCUMENTS = "documents.jsonl"
VECTORS = "vectors"


class BaseError(RuntimeError):
    """The folder cannot be used as a base; the message says what is wrong and what to do."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder for writing. Raises BaseError at once when somebody else does, or when it is no folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BaseError(f"{folder} cannot be written ({error.strerror}); give a folder of your own") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BaseError(f"{folder} is being written by another import; wait until it is done") from error
    finally:
        os.close(lock)


@contextmanager
def encoding(folder: Path) -> Iterator[bool]:
    """Wait for who else encodes this base, then hold its vectors; False where the folder can only be read."""
    try:
        lock = os.open(folder / ".encoding", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield True
    finally:
        os.close(lock)


def read_documents(folder: Path) -> dict[str, Document]:
    """Every document of the base by id. Raises BaseError when there is no base or it is damaged."""
    current = folder / _CURRENT
    try:
        about = json.loads(current.read_text(encoding="utf8"))
        if about["format"] != FORMAT:
            raise BaseError(f"{folder} was written in format {about['format']}, this program reads {FORMAT}; import the documents again")
        data = (folder / about["generation"] / _DOCUMENTS).read_bytes()
        if sha256(data).hexdigest() != about["sha256"]:
            raise BaseError(
                f"{folder} is damaged (its documents do not match their checksum); import the documents again into a new folder"
            )
        found = [document(json.loads(line)) for line in data.decode("utf8").splitlines()]
        return {d.id: d for d in found}
    except FileNotFoundError as error:
        reason = "is damaged (a part of it is missing)" if current.exists() else "holds no base"
        raise BaseError(f"{folder} {reason}; make one with: minhu kb import PATH… --base {folder}") from error
    except (OSError, KeyError, TypeError, ValueError, DocumentError) as error:
        raise BaseError(f"{folder} is damaged ({type(error).__name__}); import the documents again into a new folder") from error


def is_base(folder: Path) -> bool:
    return (folder / _CURRENT).exists()


def write_documents(folder: Path, documents: Mapping[str, Document]) -> None:
    """Replace the base in one step: a reader sees the old one or the new one. The caller holds `writing(folder)`."""
    generation = Path(tempfile.mkdtemp(prefix="g-", dir=folder))
    data = "".join(json.dumps(_row(d), ensure_ascii=False) + "\n" for d in documents.values()).encode("utf8")
    _write(generation / _DOCUMENTS, data)
    about = {"format": FORMAT, "generation": generation.name, "documents": len(documents), "sha256": sha256(data).hexdigest()}
    fresh = folder / f".{_CURRENT}"
    _write(fresh, json.dumps(about).encode())
    os.replace(fresh, folder / _CURRENT)
    for old in folder.glob("g-*"):
        if old != generation:
            shutil.rmtree(old, ignore_errors=True)


def _row(source: Document) -> dict[str, Any]:
    return {k: v for k, v in asdict(source).items() if v}


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
