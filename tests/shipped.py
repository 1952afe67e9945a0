"""The folders of the shipped models, of whichever version is the newest."""

from __future__ import annotations

from pathlib import Path

from models.cards import SHIPPED
from nlp.pipeline import newest


def shipped(task: str) -> Path:
    folder = newest(SHIPPED, task)
    assert folder is not None, f"no {task}_v* in {SHIPPED}"
    return folder
