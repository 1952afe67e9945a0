"""`minhu kb`: the formats judges outside the project rely on; a base that is whole or not there; one line for every bad input."""

from __future__ import annotations

import fcntl
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main

RULES = {"id": "dogs", "text": "养犬规定 第一条 每户限养一只犬。 第二条 遛狗应当牵绳，违者罚款五十元。"}
OTHER = {"id": "heat", "title": "供暖通知", "text": "一、每年十一月十五日开始供暖。二、按面积缴费。", "valid_until": "2024-12-31"}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in (RULES, OTHER)), encoding="utf8")
    return path


def take(base: Path, *paths: Path, words_only: bool = True) -> int:
    return main(["kb", "import", *map(str, paths), "--base", str(base), *(["--words-only"] if words_only else [])])


def ask(tmp_path: Path, base: Path, *questions: str, more: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"id": i, "question": q}) + "\n" for i, q in enumerate(questions)), encoding="utf8")
    assert main(["kb", "search", str(source), "--base", str(base), "--top", "3", "--out", str(out), *more]) == 0
    return [json.loads(line) for line in out.read_text(encoding="utf8").splitlines()]


def test_import_and_search_out_of_reach_of_any_network(tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("reached for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    assert take(tmp_path / "base", documents, words_only=False) == 0
    known, unknown = ask(tmp_path, tmp_path / "base", "遛狗不牵绳罚款多少", "公积金贷款利率是多少")
    assert set(known) == {"id", "hits", "answer", "citation"}
    assert known["hits"][0]["doc"] == "dogs"
    assert set(known["hits"][0]) == {"doc", "score", "passage"}
    assert "五十元" in known["answer"]
    assert known["answer"] in known["citation"]["quote"]
    assert known["citation"]["quote"] in RULES["text"]
    assert (unknown["answer"], unknown["citation"]) == (None, None)
    scores = [h["score"] for h in known["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_an_import_does_not_wait_for_vectors_and_nothing_is_encoded_twice(
    tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base"
    with encoding_held(tmp_path / "base"):
        assert take(base, documents, words_only=False) == 0
        (found,) = ask(tmp_path, base, "遛狗不牵绳罚款多少", more=("--words-only",))
        assert "五十元" in found["answer"]
        assert not (base / "vectors").exists()
    assert main(["kb", "encode", "--base", str(base)]) == 0
    size = (base / "vectors").stat().st_size
    assert size > 0
    ask(tmp_path, base, "遛狗不牵绳罚款多少")
    assert main(["kb", "encode", "--base", str(base)]) == 0
    assert (base / "vectors").stat().st_size == size


@contextmanager
def encoding_held(base: Path) -> Iterator[None]:
    """As while another process encodes."""
    base.mkdir()
    with (base / ".encoding").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_importing_again_changes_nothing_and_an_edit_changes_one(
    tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base"
    take(base, documents)
    before = (base / "current").read_bytes()
    take(base, documents)
    assert (base / "current").read_bytes() == before
    documents.write_text(json.dumps({**RULES, "text": RULES["text"] + " 第三条 另行规定。"}), encoding="utf8")
    take(base, documents)
    assert "0 documents added, 1 changed, 0 the same" in capsys.readouterr().out
    assert len(list(base.glob("g-*"))) == 1


def test_folders_other_encodings_and_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "停车.txt").write_bytes("停车办法\n第一条 访客停车两小时内免费。".encode("gb18030"))
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "broken.docx").write_bytes(b"not a zip")
    (folder / ".hidden.txt").write_text("x")
    assert take(tmp_path / "base", folder) == 0
    said = capsys.readouterr()
    assert "1 documents added" in said.out
    assert "photo.jpg: files ending in .jpg are not read" in said.err
    assert "broken.docx: damaged" in said.err
    (found,) = ask(tmp_path, tmp_path / "base", "访客停车免费吗")
    assert found["hits"][0]["doc"] == "sub/停车.txt"


def test_validity_is_kept_to_on_a_given_day(tmp_path: Path, documents: Path) -> None:
    take(tmp_path / "base", documents)
    for today, docs in (("2024-01-01", ["heat"]), ("2025-01-01", [])):
        (found,) = ask(tmp_path, tmp_path / "base", "供暖从什么时候开始", more=("--today", today))
        assert [h["doc"] for h in found["hits"] if h["doc"] == "heat"] == docs


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("minhu kb: ")
    return said[-1]


def test_two_importers_at_once(tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tmp_path / "base"
    take(base, documents)
    with (base / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert take(base, documents) == 2
    assert "another import" in line_of(capsys)
    assert take(base, documents) == 0


def test_a_damaged_base_is_one_clear_line(tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tmp_path / "base"
    take(base, documents)
    (kept,) = base.glob("g-*/documents.jsonl")
    whole = kept.read_bytes()
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"id": 1, "question": "x"}\n')
    search = ["kb", "search", str(questions), "--base", str(base), "--out", str(tmp_path / "o.jsonl")]
    for wrong in (whole[:-20], b"", whole.replace(b"dogs", b"cats")):
        kept.write_bytes(wrong)
        assert main(search) == 2
        assert "damaged" in line_of(capsys)
    kept.unlink()
    assert main(search) == 2
    assert "damaged" in line_of(capsys)
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "line 1: not JSON"),
        (b'{"id": 1}\n', 'line 1: needs "id" and "question"'),
        (b"[1]\n", "line 1: needs"),
        (b"\xff\xff", "cannot be read"),
    ],
)
def test_bad_questions(tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str) -> None:
    take(tmp_path / "base", documents)
    (tmp_path / "q.jsonl").write_bytes(content)
    assert main(["kb", "search", str(tmp_path / "q.jsonl"), "--base", str(tmp_path / "base"), "--out", str(tmp_path / "o")]) == 2
    assert said in line_of(capsys)


def test_nothing_to_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take(tmp_path / "base", tmp_path / "nowhere") == 2
    assert "is not there" in line_of(capsys)
    (tmp_path / "empty.txt").touch()
    assert take(tmp_path / "base", tmp_path / "empty.txt") == 2
    assert "none of the files could be read" in line_of(capsys)
    assert not (tmp_path / "base" / "current").exists()


def test_half_characters_in_a_question_are_left_out(tmp_path: Path, documents: Path) -> None:
    base = tmp_path / "base"
    take(base, documents)
    halved, plain = ask(tmp_path, base, "遛狗要\ud800牵绳吗", "遛狗要牵绳吗")
    assert halved["hits"] == plain["hits"]


def test_questions_nested_too_deeply_are_named(tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, questions = tmp_path / "base", tmp_path / "deep.jsonl"
    take(base, documents)
    questions.write_text("[" * 100_000, encoding="utf8")
    assert main(["kb", "search", str(questions), "--base", str(base), "--out", str(tmp_path / "out.jsonl")]) == 2
    assert "deep.jsonl, line 1" in capsys.readouterr().err
