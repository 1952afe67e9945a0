import csv
from pathlib import Path

import pytest

from bot.__main__ import main

HEAD = "id,user,title,time,detail,likes,against\n"
SMOKE = "小区一楼的烧烤店油烟直排，每天晚上呛得人睡不着，窗户都不敢开，多次投诉没有人管"
ROWS = (
    f"1,甲,投诉槐荫苑小区一楼烧烤店油烟扰民,2026/3/1 9:05:00,槐荫苑{SMOKE},3,0\n"
    f"2,乙,槐荫苑小区烧烤店油烟直排扰民,2026-03-02 10:00:00,我是槐荫苑业主，{SMOKE},0,0\n"
    f"3,丙,请管管槐荫苑小区烧烤店油烟,2026-03-04,槐荫苑{SMOKE},0,1\n"
    "4,丁,咨询居住证怎么续签,2026-03-05 08:00,我的居住证下个月到期，需要带什么材料,0,0\n"
)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_three_tables_have_their_columns_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    source, out = write(tmp_path / "in.csv", HEAD + ROWS, encoding), tmp_path / "out"
    assert main(["topics", str(source), "--out", str(out), "--top", "5"]) == 0
    topic = rows(out / "topics.csv")[0]
    assert list(topic) == ["rank", "id", "heat", "from", "to", "place", "description"]
    assert (topic["rank"], topic["from"], topic["to"], topic["place"]) == ("1", "2026-03-01", "2026-03-04", "槐荫苑小区")
    assert rows(out / "members.csv") == [{"topic": "1", "letter": n} for n in "123"]
    pairs = rows(out / "pairs.csv")
    assert list(pairs[0]) == ["a", "b", "score"]
    assert {(p["a"], p["b"]) for p in pairs} == {("1", "2"), ("1", "3"), ("2", "3")}


def test_the_headers_of_the_contest_are_understood(tmp_path: Path) -> None:
    head = "留言编号,留言用户,留言主题,留言时间,留言详情,反对数,点赞数\n"
    source = write(tmp_path / "in.csv", head + ROWS)
    assert main(["topics", str(source), "--out", str(tmp_path / "out")]) == 0
    assert len(rows(tmp_path / "out" / "pairs.csv")) == 3


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", HEAD + ROWS + ROWS.splitlines(keepends=True)[0])
    assert main(["topics", str(source), "--out", str(tmp_path / "out")]) == 0
    assert len(rows(tmp_path / "out" / "pairs.csv")) == 3


def test_a_letter_with_a_broken_date_is_kept_and_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "in.csv", HEAD + ROWS.replace("2026-03-04", "昨天"))
    assert main(["topics", str(source), "--out", str(tmp_path / "out")]) == 0
    assert "row 4" in capsys.readouterr().err
    assert len(rows(tmp_path / "out" / "pairs.csv")) == 3


@pytest.mark.parametrize(
    ("text", "fact", "remedy"),
    [
        ("", "is empty", "columns"),
        ("id,user,title,time\n1,a,b,2026-01-01\n", "no column 'detail'", "rename or add"),
        (HEAD + "1,a,b,mañana,c,0,0\n", "is no time", "2019-07-21"),
        (HEAD + "1,a,b,2026-01-01,c,viele,0\n", "likes 'viele' is no number", "whole number"),
        (HEAD + "1,a,b,2026-01-01,c,0,0\n1,a,x,2026-01-01,c,0,0\n", "stands twice", "its own id"),
        (HEAD + ",a,b,2026-01-01,c,0,0\n", "has no id", "its own id"),
        (HEAD + "1,a,b,2026-01-01,c,0,0,9,9\n", "9 cells under 7", "quote"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, fact: str, remedy: str
) -> None:
    source, out = write(tmp_path / "in.csv", text), tmp_path / "out"
    assert main(["topics", str(source), "--out", str(out)]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert fact in said
    assert remedy in said
    assert not out.exists()


def test_a_missing_file_and_a_file_as_folder_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")]) == 2
    source = write(tmp_path / "in.csv", HEAD + ROWS)
    assert main(["topics", str(source), "--out", str(source)]) == 2
    assert main(["topics", str(source), "--out", str(tmp_path / "out"), "--top", "0"]) == 2
    assert "give 1 or more" in capsys.readouterr().err


def test_no_letters_give_three_empty_tables(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", HEAD)
    assert main(["topics", str(source), "--out", str(tmp_path / "out")]) == 0
    assert [rows(tmp_path / "out" / f"{n}.csv") for n in ("topics", "members", "pairs")] == [[], [], []]
