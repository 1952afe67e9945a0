"""CSV files as people send them: with a byte-order mark or in GB18030, of any size; what is wrong is said in one line."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20


class TableError(ValueError):
    """The table cannot be read: the fact; the remedy."""


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV on disk, read once more for every pass over `rows`. `size`: number of data rows."""

    path: Path
    columns: tuple[str, ...]
    encoding: str
    size: int

    def rows(self) -> Iterator[dict[str, str]]:
        """Each row with every column; cells missing at the end are empty. Raises TableError with the line of a longer row."""
        with self.path.open(encoding=self.encoding, newline="") as lines:
            reader = csv.reader(lines)
            next(reader)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) > len(self.columns):
                    found = f"{len(cells)} cells under {len(self.columns)} columns"
                    raise TableError(f"{self.path}, line {reader.line_num}: {found}; quote cells that hold commas")
                yield dict(zip(self.columns, cells + [""] * (len(self.columns) - len(cells)), strict=True))


def open_table(path: Path, needed: Sequence[str] = ()) -> Table:
    """Checks the whole file before anything is done with it. Raises TableError."""
    csv.field_size_limit(2**31 - 1)
    try:
        encoding = _encoding(path)
        with path.open(encoding=encoding, newline="") as lines:
            reader = csv.reader(lines)
            columns = tuple(next(reader, ()))
            if not columns or not any(c.strip() for c in columns):
                raise TableError(f"{path} is empty; its first line must name the columns ({', '.join(needed) or 'any'})")
            size = sum(1 for cells in reader if cells)
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); name an existing CSV file") from error
    except csv.Error as error:
        raise TableError(f"{path} is no CSV ({error}); save it as CSV with commas and quotes") from error
    for column in columns:
        if columns.count(column) > 1:
            raise TableError(f"{path}: the column {column!r} stands twice; rename one of them")
    for column in needed:
        if column not in columns:
            raise TableError(f"{path} has no column {column!r} (it has {', '.join(columns)}); rename or add it")
    return Table(path, columns, encoding, size)


def _encoding(path: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise TableError(f"{path} is neither UTF-8 nor GB18030; save it as UTF-8")


def csv_lines(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> Iterator[str]:
    """The header, then each row as CSV text, quoted where it must be."""
    line = io.StringIO()
    writer = csv.DictWriter(line, columns, lineterminator="\n")
    writer.writeheader()
    yield line.getvalue()
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow(row)
        yield line.getvalue()
