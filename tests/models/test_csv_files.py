"""CSV as people send it: every fault is one clear line, and nothing is lost from a good file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.csv_files import TableError, csv_lines, open_table


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    ["\ufeffid,text\n1,电梯坏了\n".encode(), "id,text\r\n1,电梯坏了\r\n".encode(), "id,text\n1,电梯坏了\n".encode("gb18030"),
     "id,text\n\n1,电梯坏了".encode()],
    ids=["mark", "windows", "gb18030", "empty line"],
)  # fmt: skip
def test_encodings_and_line_ends(tmp_path: Path, content: bytes) -> None:
    table = open_table(written(tmp_path / "a.csv", content), needed=("text",))
    assert (table.columns, table.size) == (("id", "text"), 1)
    assert list(table.rows()) == [{"id": "1", "text": "电梯坏了"}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"id,words\n1,a\n", "no column 'text'"),
        (b"text,text\na,b\n", "stands twice"),
        (b"text\n\xff\xff\xff\n", "neither UTF-8 nor GB18030"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(TableError, match=says):
        open_table(written(tmp_path / "a.csv", content), needed=("text",))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TableError, match="cannot be read"):
            open_table(path)


def test_a_row_longer_than_the_header_names_its_line(tmp_path: Path) -> None:
    table = open_table(written(tmp_path / "a.csv", b"id,text\n1,a\n2,b,c\n"))
    with pytest.raises(TableError, match="line 3: 3 cells under 2 columns"):
        list(table.rows())


def test_a_shorter_row_is_filled(tmp_path: Path) -> None:
    assert list(open_table(written(tmp_path / "a.csv", b"id,text\n1\n")).rows()) == [{"id": "1", "text": ""}]


def test_a_cell_of_a_hundred_kilobytes(tmp_path: Path) -> None:
    cell = "长" * 100_000
    table = open_table(written(tmp_path / "a.csv", f'id,text\n1,"{cell}"\n'.encode()))
    assert [row["text"] for row in table.rows()] == [cell]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r")), min_size=1, max_size=5))
def test_any_cells_come_back_whole(cells: list[str]) -> None:
    columns = [f"c{i}" for i in range(len(cells))]
    text = "".join(csv_lines(columns, [dict(zip(columns, cells, strict=True))]))
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == cells
