"""Texts to hashed n-grams: the same numbers in training and in the running product, and nothing that can be read back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

from nlp.segment import cut

Hashes = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.float32]

MAX_CHARS = 600
"""Longer texts are read from both ends: what a letter wants stands at its start and at its end."""
_DIGITS = re.compile(r"\d")
_MULTIPLY, _SPREAD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_START, _END = "\x02", "\x03"


@dataclass(frozen=True, slots=True)
class Field:
    """How one text is cut: characters in runs of `chars` (lowest, highest; 0 = none), words in runs of 1 to `words`."""

    chars: tuple[int, int] = (1, 4)
    words: int = 2
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Description:
    """What a model looks at: named texts, and flags that are there or not ("role=resident")."""

    texts: Mapping[str, str]
    flags: tuple[str, ...] = ()


def grams(text: str, field: Field, name: str) -> tuple[Hashes, Counts]:
    """Distinct n-grams of a text and how often each stands there. Digits count as one sign: 3栋 and 5栋 are one gram."""
    return _grams(text, field.chars, field.words, name)


@lru_cache(maxsize=512)
def _grams(text: str, chars: tuple[int, int], words: int, name: str) -> tuple[Hashes, Counts]:
    """Kept for a while: two models ask for the same text, a burst quotes the words before, and chatter repeats itself."""
    text = text.strip().lower()
    if len(text) > MAX_CHARS:
        text = text[: MAX_CHARS // 2] + "\n" + text[-MAX_CHARS // 2 :]
    if not text:
        return np.zeros(0, np.uint32), np.zeros(0, np.float32)
    salt = crc32(name.encode())
    found = []
    if chars[1]:
        found += _runs(_codes(_START + _DIGITS.sub("0", text) + _END), chars, salt)
    if words:
        codes = [crc32(w.encode()) for w in cut(text) if not w.isspace()]
        found += _runs(np.array(codes, np.uint64), (1, words), salt ^ 0x5BD1E995)
    hashes, counts = np.unique(np.concatenate(found), return_counts=True)
    weights = (1 + np.log(counts)).astype(np.float32)
    hashes.flags.writeable = weights.flags.writeable = False
    return hashes, weights


def flag_hashes(flags: Iterable[str]) -> Hashes:
    return np.array(sorted({crc32(b"flag:" + f.encode()) for f in flags}), np.uint32)


def _codes(text: str) -> npt.NDArray[np.uint64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def _runs(codes: npt.NDArray[np.uint64], lengths: tuple[int, int], salt: int) -> list[Hashes]:
    """Rolling polynomial hashes of all runs of each length, mixed to 32 bits; 64-bit arithmetic may wrap, and means to."""
    rolled, found = codes.copy(), []
    for length in range(1, lengths[1] + 1):
        if length > 1:
            if len(codes) < length:
                break
            rolled = rolled[:-1] * _MULTIPLY + codes[length - 1 :]
        if length >= lengths[0]:
            mixed = (rolled + np.uint64(salt * 31 + length)) * _SPREAD
            mixed ^= mixed >> np.uint64(32)
            found.append((mixed * _MULTIPLY >> np.uint64(32)).astype(np.uint32))
    return found
