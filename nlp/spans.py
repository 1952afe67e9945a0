"""Which words of a passage answer a question: every stretch between two punctuation marks, described by numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from nlp.terms import fold

_SETTINGS = Path(__file__).with_name("answering.yaml")
_CLAUSE = re.compile(r"[^，。；：！？、,;:!?\n]*(?:[，。；：！？、,;:!?\n]+[”’」』）)]*\s*|$)")
_END = re.compile(r"[。；！？!?;\n][”’」』）)]*\s*$")
_COLON = re.compile(r"[：:]\s*$")
MAX_CLAUSES = 24
MAX_CHARS = 320

_WEIGHTS = Path(__file__).with_name("answering.npz")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Patterns:
    asks: tuple[tuple[str, re.Pattern[str]], ...]
    holds: tuple[tuple[str, re.Pattern[str]], ...]


@lru_cache(maxsize=1)
def patterns() -> Patterns:
    raw = yaml.safe_load(_SETTINGS.read_text(encoding="utf8"))
    asks, holds = (tuple((k, re.compile(v)) for k, v in raw[part].items()) for part in ("asks", "holds"))
    return Patterns(asks, holds)


def asked_kinds(question: str) -> tuple[str, ...]:
    """What a question asks for (phone, when, amount …); several when its words say several, "else" when none."""
    return tuple(name for name, pattern in patterns().asks if pattern.search(question)) or ("else",)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Candidate answers of a passage: `text[starts[i]:ends[i]]`, described by row i of `features` (float32 [n, k])."""

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    features: Floats


@lru_cache(maxsize=1)
def weights() -> Floats:
    """float32 [k + 2], fitted by models/spans.py: one a feature, then how far the passage is behind the best, and being the best."""
    with np.load(_WEIGHTS, allow_pickle=False) as stored:
        if tuple(stored["names"].tolist()) != feature_names():
            raise ValueError(f"{_WEIGHTS} was fitted for other features; run: python -m models.spans")
        return np.asarray(stored["weights"], np.float32)


def best_stretch(question: str, text: str, rarity: dict[str, float], *, behind: float, first: bool) -> tuple[float, int, int] | None:
    """(score, start, end) of the stretch of `text` that answers best, None when there is none; scores compare between passages."""
    found = stretches(question, text, rarity)
    if not len(found.starts):
        return None
    fitted = weights()
    scores = found.features @ fitted[:-2] + fitted[-2] * behind + fitted[-1] * first
    best = int(scores.argmax())
    return float(scores[best]), int(found.starts[best]), int(found.ends[best])


def feature_names() -> tuple[str, ...]:
    plain = _plain_names()
    kinds = (*(name for name, _ in patterns().asks), "else")
    return plain + tuple(f"{kind}:{name}" for kind in kinds for name in _crossed(plain))


def _plain_names() -> tuple[str, ...]:
    held = tuple(name for name, _ in patterns().holds)
    return (*_SHAPE, *(f"has_{h}" for h in held), *(f"much_{h}" for h in held))


_SHAPE = (
    "constant", "log_length", "log_length2", "sentences", "whole_start", "whole_end", "after_colon", "ends_colon", "first", "last",
    "overlap", "overlap_share", "overlap_around", "overlap_before", "overlap_passage", "missing_after", "title_like",
)  # fmt: skip


def _crossed(plain: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(n for n in plain if n not in ("first", "last", "overlap_passage", "title_like"))


def stretches(question: str, text: str, rarity: dict[str, float]) -> Stretches:
    """Stretches of `text` of whole sentences.

    `rarity`: the weight of each pair of characters of the question (see terms.pairs).
    """
    clauses = [m for m in _CLAUSE.finditer(text) if m[0].strip()]
    starts = np.array([m.start() for m in clauses], np.int32)
    ends = np.array([m.end() for m in clauses], np.int32)
    n = len(clauses)
    first, last = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    keep = (last >= first) & (last - first < MAX_CLAUSES)
    first, last = first[keep], last[keep]
    keep = ends[last] - starts[first] <= MAX_CHARS
    keep |= first == last
    keep &= _opens(clauses)[first] & _closes(clauses)[last]
    first, last = first[keep], last[keep]
    matrix = _describe(text, [m[0] for m in clauses], starts, ends, first, last, rarity)
    return Stretches(starts[first], ends[last], _cross(matrix, asked_kinds(question)))


def _opens(clauses: list[re.Match[str]]) -> NDArray[np.bool_]:
    """Where an answer may begin: with a sentence, or after a colon. From a comma on it would lose its condition or its subject."""
    before = [True, *(bool(_END.search(c[0]) or _COLON.search(c[0])) for c in clauses[:-1])]
    return np.array(before)


def _closes(clauses: list[re.Match[str]]) -> NDArray[np.bool_]:
    ended = [bool(_END.search(c[0])) for c in clauses]
    return np.array([*ended[:-1], True])


def _describe(
    text: str,
    clauses: list[str],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    rarity: dict[str, float],
) -> Floats:
    total = max(sum(rarity.values()), 1e-6)
    folded = fold(text)
    folded = folded if len(folded) == len(text) else text
    match = np.array([rarity.get(folded[i : i + 2], 0.0) for i in range(len(folded))] or [0.0], np.float32) / total
    run = np.concatenate(([0], np.cumsum(match)))
    ended = np.array([bool(_END.search(c)) for c in clauses])
    colon = np.array([bool(_COLON.search(c)) for c in clauses])
    closes = np.concatenate(([True], ended))
    sentence = np.cumsum(closes[:-1]) - 1
    opens_at = np.array([starts[np.flatnonzero(sentence == s)[0]] for s in sentence])
    closes_at = np.array([ends[np.flatnonzero(sentence == s)[-1]] for s in sentence])
    a, b = starts[first], ends[last]
    length = (b - a).astype(np.float32)
    inside = run[b] - run[a]
    around = run[closes_at[last]] - run[opens_at[first]]
    before = run[a] - run[np.maximum(a - 30, 0)]
    shape = [
        np.ones(len(a)), np.log(length), np.log(length) ** 2, (sentence[last] - sentence[first]).astype(np.float32),
        closes[first], ended[last], np.concatenate(([False], colon))[first], colon[last], first == 0, last == len(clauses) - 1,
        inside, inside / np.log1p(length), around - inside, before, np.full(len(a), run[-1]), run[np.minimum(b + 30, len(text))] - run[b],
        (length < 25) & (first == 0),
    ]  # fmt: skip
    counts = [np.concatenate(([0], np.cumsum([len(p.findall(c)) for c in clauses]))) for _, p in patterns().holds]
    held = [(c[last + 1] - c[first]).astype(np.float32) for c in counts]
    return np.stack(
        [*(np.asarray(s, np.float32) for s in shape), *((h > 0).astype(np.float32) for h in held), *(np.log1p(h) for h in held)], 1
    )


def _cross(matrix: Floats, kinds: tuple[str, ...]) -> Floats:
    plain = _plain_names()
    crossed = [plain.index(n) for n in _crossed(plain)]
    every = (*(name for name, _ in patterns().asks), "else")
    parts = [matrix[:, crossed] if kind in kinds else np.zeros((len(matrix), len(crossed)), np.float32) for kind in every]
    return np.concatenate([matrix, *parts], 1).astype(np.float32)
