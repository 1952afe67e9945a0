"""Results are whole or not there, and what is no file is never replaced by one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.files import whole, write_whole
from bot.errors import UsageError


def test_a_break_in_the_middle_keeps_what_stood_there(tmp_path: Path) -> None:
    def breaking() -> Iterator[str]:
        yield "half"
        raise KeyboardInterrupt

    out = tmp_path / "deep" / "out.csv"
    write_whole(out, iter(["old"]))
    with pytest.raises(KeyboardInterrupt):
        write_whole(out, breaking())
    assert out.read_text() == "old"
    assert [p.name for p in out.parent.iterdir()] == ["out.csv"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, iter(["new"]))
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, iter(["a", "b"]))
    reader.join()
    assert read == ["ab"]
    assert pipe.is_fifo()


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_whole(tmp_path, iter(["x"]))
    assert list(tmp_path.iterdir()) == []


def test_half_characters_are_left_out() -> None:
    assert whole("\ud83d路\ude00灯") == "路灯"
