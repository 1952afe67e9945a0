"""`minhu models`: train on a CSV, predict, evaluate; formats fixed, faults in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bot.__main__ import main
from tests.shipped import shipped

ROADS = ("路口红绿灯太短", "公交车总是不来", "出租车拒载", "地铁口堵车严重", "公交站台太远", "高速收费站拥堵")
SCHOOLS = ("学校乱收费", "幼儿园报名难", "老师有偿补课", "孩子上学太远", "学校食堂卫生差", "教育局何时招聘老师")


def letters_csv(path: Path) -> Path:
    rows = [(t, "交通运输") for t in ROADS] + [(t, "教育文体") for t in SCHOOLS]
    body = "".join(f"{i},{title},{title}，请领导重视,{label}\n" for i, (title, label) in enumerate(rows))
    path.write_text(f"row,title,detail,label\n{body}", encoding="utf8")
    return path


def test_train_predict_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model, out = letters_csv(tmp_path / "train.csv"), tmp_path / "m", tmp_path / "y.csv"
    assert main(["models", "train", "--task", "letters", "--data", str(data), "--dev", str(data), "--out", str(model)]) == 0
    assert json.loads(capsys.readouterr().out)["dev_title_detail"]["n"] == 12
    assert main(["models", "predict", "--model", str(model), "--data", str(data), "--out", str(out)]) == 0
    with out.open(encoding="utf8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["row", "label", "confidence"]
    assert [r["row"] for r in rows] == [str(i) for i in range(12)]
    assert [r["label"] for r in rows] == ["交通运输"] * 6 + ["教育文体"] * 6
    assert main(["models", "evaluate", "--model", str(model), "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out) == {"n": 12, "accuracy": 1.0, "macro_f1": 1.0}


def test_predict_without_row_or_detail_numbers_the_rows(tmp_path: Path) -> None:
    data, out = tmp_path / "x.csv", tmp_path / "y.csv"
    data.write_text("title\n学校乱收补课费\n出租车拒载，公交车不进站\n", encoding="utf8")
    assert main(["models", "predict", "--model", str(shipped("letters")), "--data", str(data), "--out", str(out)]) == 0
    with out.open(encoding="utf8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(r["row"], r["label"]) for r in rows] == [("1", "教育文体"), ("2", "交通运输")]


@pytest.mark.parametrize("task", ["category", "kind"])
def test_the_other_models_read_text(tmp_path: Path, task: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "x.csv", tmp_path / "y.csv"
    data.write_text("text\n6栋电梯又坏了没人修\n", encoding="utf8")
    assert main(["models", "predict", "--model", str(shipped(task)), "--data", str(data), "--out", str(out)]) == 0
    assert main(["models", "predict", "--model", str(shipped("letters")), "--data", str(data), "--out", str(out)]) == 2
    assert "no column 'title'" in capsys.readouterr().err


def test_faults_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, one = letters_csv(tmp_path / "a.csv"), tmp_path / "one.csv"
    one.write_text("title,label\n甲,x\n乙,x\n", encoding="utf8")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, says in (
        (["predict", "--model", str(empty), "--data", str(data), "--out", str(tmp_path / "y.csv")], "no usable model"),
        (["train", "--task", "letters", "--data", str(one), "--out", str(tmp_path / "m")], "1 labels"),
        (["train", "--task", "kind", "--data", str(empty), "--out", str(tmp_path / "m")], "is missing"),
        (["train", "--task", "encoder", "--out", str(tmp_path / "m")], "minhu models ship"),
        (["ship", "--task", "kind", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "m")], "no data folder"),
    ):
        assert main(["models", *arguments]) == 2
        error = capsys.readouterr().err.strip()
        assert says in error
        assert "\n" not in error
    assert not (tmp_path / "y.csv").exists()
