"""Files of the command line: written only when whole, with progress on a terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.progress import track

from bot.errors import UsageError

Thing = TypeVar("Thing")


def progress(things: Sequence[Thing], what: str) -> Iterable[Thing]:
    """The things, with a bar on a terminal and silence elsewhere."""
    if not sys.stderr.isatty():
        return things
    from rich.console import Console

    return track(things, description=what, console=Console(stderr=True), transient=True)


def whole(text: str) -> str:
    """Without half surrogates, which JSON can spell (`\\ud800`) and no file can hold."""
    return text.encode("utf8", "ignore").decode("utf8")


def write_whole(path: Path, lines: Iterator[str]) -> None:
    """Write beside the target, then rename: nobody ever reads half a result. Raises UsageError when it cannot be written.

    A link stays a link; a device or a pipe (`/dev/stdout`, `/dev/null`) is written into, never replaced.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        return _write_into(path, lines)
    path = path.resolve() if path.is_symlink() else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another place") from error
    try:
        with os.fdopen(handle, "w", encoding="utf8", newline="") as out:
            for line in lines:
                out.write(line)
            out.flush()
            os.fsync(out.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; free some space or choose another place") from error
    finally:
        Path(name).unlink(missing_ok=True)


def _write_into(path: Path, lines: Iterator[str]) -> None:
    try:
        with path.open("w", encoding="utf8", newline="") as out:
            out.writelines(lines)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another place") from error
