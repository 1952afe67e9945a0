"""Whole transcripts through `minhu replay`, scored by the scorer that lies beside the data where there is one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.bench.sections import Bench, NotRunError, Row, section
from models.composed.reading import FOLDER, conversations

SCORER = Path("score/score_replay.py")
UNREAD = FOLDER / "unread"
"""Conversations that no model reads: `misleading`, written to mislead by hands of the training ones; `terse`, by two other hands, in
few words; `plain`, by one more, as people write; `alike`, by another, in the manner of the training authors; `six`, by six more, each on
something that is hard."""


@section("transcripts through the assistant")
def replay(bench: Bench) -> Iterator[Row]:
    data = bench.need_data()
    scorer = data.parent / SCORER
    if not scorer.is_file():
        raise NotRunError(f"{scorer} is missing")
    yield from _scored(data / "transcripts" / "dev.jsonl", scorer, "transcripts/dev")
    with tempfile.TemporaryDirectory() as folder:
        for unread in sorted(p for p in UNREAD.iterdir() if p.is_dir()):
            gold = Path(folder) / f"{unread.name}.jsonl"
            gold.write_text("".join(json.dumps(talk, ensure_ascii=False) + "\n" for talk in conversations(unread)), encoding="utf8")
            yield from _scored(gold, scorer, f"models/composed/unread/{unread.name}")


def _scored(gold: Path, scorer: Path, source: str) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        _run([sys.executable, "-m", "bot", "replay", str(gold), "--out", str(out)])
        figures = json.loads(_run([sys.executable, str(scorer), str(gold), str(out), "--json"]))
    for name, value in figures.items():
        if name.startswith("_"):
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, number in parts:
            yield Row(f"{name} {part}".strip(), float(number), data=source)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRunError(f"{' '.join(command[1:4])}: {done.stderr.strip()[-300:] or done.returncode}")
    return done.stdout
