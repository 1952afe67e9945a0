"""Vectors kept beside a base, by what they are of: an import that was interrupted, or repeated, encodes only what is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlp.encoder import Encoder
from nlp.meaning import CHUNK, Floats

_KEY_BYTES = 16


class KeptVectors:
    """A file of records (key of encoder and text, float16 vector) that only grows; one cut short by a crash counts as not there.

    `writable`: the caller holds the folder for writing; else new vectors are not kept.
    """

    def __init__(self, path: Path, encoder: Encoder, *, writable: bool) -> None:
        self._path, self._encoder, self._writable = path, encoder, writable
        self._record = np.dtype([("key", f"V{_KEY_BYTES}"), ("vector", np.float16, encoder.dimensions)])
        self._known: dict[bytes, NDArray[np.float16]] = {}
        if path.exists():
            whole = path.stat().st_size // self._record.itemsize
            if writable:
                os.truncate(path, whole * self._record.itemsize)
            for row in np.fromfile(path, self._record, whole):
                self._known[row["key"].tobytes()] = row["vector"]

    def vectors(self, texts: Sequence[str], done: Callable[[int, int], None] = lambda n, of: None) -> Floats:
        """float32 [n, d] of `texts` as passages, in order. New ones are encoded and kept chunk by chunk; `done(n, of)` tells how many."""
        keys = [self._key(t) for t in texts]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        for start in range(0, len(new), CHUNK):
            chunk = new[start : start + CHUNK]
            rows = np.zeros(len(chunk), self._record)
            rows["vector"] = self._encoder.encode([texts[i] for i in chunk], "passage")
            for at, i in enumerate(chunk):
                rows["key"][at] = np.void(keys[i])
                self._known[keys[i]] = rows["vector"][at]
            if self._writable:
                with self._path.open("ab") as file:
                    file.write(rows.tobytes())
            done(min(start + CHUNK, len(new)), len(new))
        return np.array([self._known[k] for k in keys], np.float32).reshape(len(keys), self._encoder.dimensions)

    def missing(self, texts: Sequence[str]) -> list[str]:
        """Those that were never encoded, each once, in order."""
        return list(dict.fromkeys(t for t in texts if self._key(t) not in self._known))

    @property
    def size(self) -> int:
        """How many vectors are kept."""
        return len(self._known)

    def keep_only(self, texts: Sequence[str]) -> None:
        """Forget the vectors of everything else."""
        wanted = {key: None for t in texts if (key := self._key(t)) in self._known}
        if len(wanted) == len(self._known) or not self._writable:
            return
        rows = np.zeros(len(wanted), self._record)
        for at, key in enumerate(wanted):
            rows["key"][at], rows["vector"][at] = np.void(key), self._known[key]
        fresh = self._path.with_suffix(".fresh")
        rows.tofile(fresh)
        os.replace(fresh, self._path)
        self._known = {key: self._known[key] for key in wanted}

    def _key(self, text: str) -> bytes:
        return blake2b(f"{self._encoder.name}\x00{text}".encode(), digest_size=_KEY_BYTES).digest()
