"""`minhu replay`: the same transcript is the same line, and one line says what is wrong with any other file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main

AT = "2026-03-02T09:00:00+08:00"


def transcript(**change: Any) -> dict[str, Any]:
    messages = [
        {"id": "1", "from": "a", "at": AT, "text": "3栋2单元的电梯又停了"},
        {"id": "2", "from": "b", "at": "2026-03-02T09:01:00+08:00", "text": "\u202e哈哈\u0000<script>\ud800"},
    ]
    members = [{"id": "a", "name": "甲", "role": "resident"}, {"id": "b", "name": "", "role": "resident"}]
    grid = {"code": "g-1", "name": "白鹭里网格", "estates": ["白鹭里", ""]}
    return {"id": "t", "grid": grid, "members": members, "messages": messages, "gold": 1} | change


def replay(tmp_path: Path, content: bytes) -> int:
    source = tmp_path / "in.jsonl"
    source.write_bytes(content)
    return main(["replay", str(source), "--out", str(tmp_path / "out.jsonl")])


def test_a_transcript_is_one_line_and_the_same_again(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(transcript()).encode() + b"\r\n\n"
    assert replay(tmp_path, content) == 0
    first = (tmp_path / "out.jsonl").read_bytes()
    (line,) = [json.loads(one) for one in first.splitlines()]
    assert [m["id"] for m in line["messages"]] == ["1", "2"]
    assert line["matters"][0]["category"] == "housing.elevator"
    assert replay(tmp_path, content) == 0
    assert (tmp_path / "out.jsonl").read_bytes() == first


def message(**change: Any) -> dict[str, Any]:
    return transcript(messages=[{"id": "1", "from": "a", "at": AT, "text": "x"} | change])


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"{oops", "is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"5", "the line"),
        (b'{"id": "t"}', "messages"),
        (json.dumps(transcript(messages=["a"])).encode(), "messages.0"),
        (json.dumps(transcript(messages=[{"id": "1", "at": AT}])).encode(), "messages.0.from"),
        (json.dumps(transcript(messages=transcript()["messages"][:1] * 2)).encode(), "stands twice"),
        (json.dumps(message(at="2026-03-02T09:00:00")).encode(), "messages.0.at"),
        (json.dumps(message(at="9999-12-31T23:59:59-08:00")).encode(), "messages.0.at"),
        (json.dumps(message(id="")).encode(), "messages.0.id"),
        (json.dumps(message(**{"from": ""})).encode(), "messages.0.from"),
        (json.dumps(transcript(id="t" * 5000)).encode(), "id"),
        (json.dumps(transcript(grid={"name": "格" * 5000})).encode(), "grid.name"),
        (json.dumps(transcript(grid={"estates": ["苑" * 150]})).encode(), "grid.estates.0"),
        (json.dumps(transcript(grid={"estates": [f"{n}苑" for n in range(600)]})).encode(), "estates"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: bytes, named: str) -> None:
    assert replay(tmp_path, json.dumps(transcript()).encode() + b"\n" + line + b"\n") == 2
    said = capsys.readouterr().err
    assert "in.jsonl:2" in said
    assert named in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_another_encoding_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path, json.dumps(transcript(), ensure_ascii=False).replace("\ud800", "").encode("gb18030")) == 2
    assert "not UTF-8" in capsys.readouterr().err
