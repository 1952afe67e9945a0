"""`minhu classify`: the format judges outside the project rely on, and one line for every bad input."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bot.__main__ import main
from nlp.taxonomy import load_taxonomy

ADDED = ["category", "confidence", "top3", "kind", "emergency"]


def classify(tmp_path: Path, content: str) -> tuple[list[str], list[dict[str, str]]]:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(content, encoding="utf8")
    assert main(["classify", str(source), "--out", str(out)]) == 0
    with out.open(encoding="utf8", newline="") as lines:
        reader = csv.DictReader(lines)
        return list(reader.fieldnames or []), list(reader)


def test_order_columns_and_values(tmp_path: Path) -> None:
    columns, rows = classify(tmp_path, "\ufeffid,text,note\n7,6栋电梯又坏了没人修,甲\n3,请问居住证在哪里办,乙\n5,厨房着火了快来救命,丙\n")
    assert columns == ["id", "text", "note", *ADDED]
    assert [r["id"] for r in rows] == ["7", "3", "5"]
    assert [r["note"] for r in rows] == ["甲", "乙", "丙"]
    assert rows[0]["category"] == "housing.elevator"
    assert rows[0]["kind"] == "report"
    assert rows[1]["kind"] == "question"
    assert [r["emergency"] for r in rows] == ["false", "false", "true"]
    ids = set(load_taxonomy().ids())
    for row in rows:
        top = row["top3"].split(";")
        assert top[0] == row["category"]
        assert len(top) == len(set(top)) == 3
        assert set(top) <= ids
        assert 0 <= float(row["confidence"]) <= 1


def test_columns_of_the_same_name_are_replaced_in_place(tmp_path: Path) -> None:
    columns, rows = classify(tmp_path, "category,text,kind\nold,路灯不亮好几天了,old\n")
    assert columns == ["category", "text", "kind", "confidence", "top3", "emergency"]
    assert rows[0]["category"] == "facility.streetlight"
    assert rows[0]["kind"] != "old"


def test_odd_cells_pass_through_unharmed(tmp_path: Path) -> None:
    odd = ["<script>alert(1)</script>", "'; DROP TABLE tickets; --", "", "=1+1", "a\nb", 'say "hi"', "长" * 100_000, "\x00\x07"]
    quoted = "\n".join('"' + text.replace('"', '""') + '"' for text in odd)
    _, rows = classify(tmp_path, f"text\n{quoted}\n")
    assert [r["text"] for r in rows] == odd
    assert rows[2]["category"] == ""


def test_a_header_alone_gives_a_header_alone(tmp_path: Path) -> None:
    assert classify(tmp_path, "text\n") == (["text", *ADDED], [])


def test_in_place(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\n电梯坏了\n", encoding="utf8")
    assert main(["classify", str(file), "--out", str(file)]) == 0
    assert file.read_text(encoding="utf8").startswith("text,category")


@pytest.mark.parametrize(
    ("content", "says"),
    [("", "is empty"), ("id\n1\n", "no column 'text'"), ("text,text\na,b\n", "stands twice"), ("id,text\n1,a,b\n", "line 2")],
)
def test_bad_input_is_one_line_and_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(content, encoding="utf8")
    assert main(["classify", str(source), "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert "\n" not in error
    assert list(tmp_path.iterdir()) == [source]


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", str(tmp_path / "no.csv"), "--out", str(tmp_path / "out.csv")]) == 2
    assert "no.csv cannot be read" in capsys.readouterr().err
