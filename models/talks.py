"""All conversations and single messages that models may learn from, and the share that is kept back to set weights with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from models.composed.reading import conversations, single_messages
from models.corpora import Labelled, labelled_messages, transcripts

AUTHORS = ("train_a", "train_b")
HELD_EVERY = 7
"""One conversation (one group of letters) in so many teaches no encoder: what it answers there sets shares and temperatures."""


SUBTLE = frozenset({"maple", "field", "iron", "lotus", "warden", "lamp", "tenant", "creek"})
"""Hands that were asked for what the models mistook, so that it is commoner with them than in any group."""


def kind_weight(talk: Mapping[str, Any]) -> float:
    """What a message of a conversation weighs where kinds are learned: of the two training authors, composed here, of a subtle hand.
    Of 1, 1, 1; 3, 1, 1 and 2, 1, 0.5 the last did best: F1 of reports on dev, on composed/unread/plain and unread/terse (minhu replay)
    0.879, 0.820, 0.731; 0.886, 0.816, 0.706; 0.891, 0.831, 0.733."""
    hand = talk.get("hand")
    return 2.0 if hand is None else 0.5 if hand in SUBTLE else 1.0


def training_talks(data: Path) -> list[dict[str, Any]]:
    """Transcripts of the two training authors, and those composed for this project."""
    return [*(t for name in AUTHORS for t in transcripts(data, name)), *conversations()]


def training_singles(data: Path) -> list[Labelled]:
    """Composed single messages in a mix of kinds, chat rows included (category empty)."""
    return [*labelled_messages(data), *single_messages()]


def is_held_out(group: str) -> bool:
    return crc32(group.encode()) % HELD_EVERY == 0
