"""The bench prints n and intervals, goes on without data, and says what it did not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.bench.__main__ import main
from models.bench.sections import SECTIONS, Bench, Row, interval, run_sections, section


def test_interval_of_a_share() -> None:
    low, high = interval(95, 100)
    assert low == pytest.approx(0.888, abs=0.002)
    assert high == pytest.approx(0.978, abs=0.002)
    assert interval(0, 0) == (0.0, 1.0)


def test_rows_carry_n_interval_and_data(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.bench.sections.SECTIONS", {})

    @section("one")
    def one(bench: Bench) -> Iterator[Row]:
        yield Row.share("right", 95, 100, "some data")

    @section("two")
    def two(bench: Bench) -> Iterator[Row]:
        bench.need_data()
        yield Row("never", 1.0)

    assert run_sections(Bench(None, Path()), ["one", "two"]) == 1
    printed = capsys.readouterr().out
    assert "0.950" in printed
    assert "[0.888, 0.978]" in printed
    assert "n=100" in printed
    assert "not run: the data folder is missing" in printed
    assert "never" not in printed


def test_without_data_the_bench_still_measures_speed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["speed of understanding", "kinds", "--data", str(tmp_path / "nowhere")]) == 0
    printed = capsys.readouterr()
    assert "messages a second, one core, words alone" in printed.out
    assert "1 sections were not run" in printed.out
    assert "there is no data folder" in printed.err


def test_an_unknown_section_is_refused_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "letters" in capsys.readouterr().err
    assert "kinds" in SECTIONS
