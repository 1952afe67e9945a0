"""The index of matters at the size of a prefecture-level city: rebuilt, asked, changed; with one index over everything to compare."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bench.sections import Bench, Row, section
from nlp.match_rules import load_rules
from nlp.matter_index import Entry, Floats, MatterIndex
from nlp.schema import Place
from nlp.taxonomy import load_taxonomy

MATTERS = int(os.environ.get("MINHU_BENCH_MATTERS", "500000"))
STREETS, COMMUNITIES_A_STREET, DIMENSIONS, ASKED = 150, 12, 384, 2000
_NOW = datetime(2026, 6, 2, 8, tzinfo=UTC)
_CHUNK = 2000


def _vectors(rng: np.random.Generator, n: int) -> Floats:
    """As the shipped encoder's lie: any two have a cosine of about 0.87."""
    drawn = rng.standard_normal((n, DIMENSIONS), np.float32) * np.float32(0.38 / np.sqrt(DIMENSIONS)) + np.float32(1 / np.sqrt(DIMENSIONS))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def _chunks(seed: int, n: int) -> Iterator[list[Entry]]:
    """Matters of the last four days in streets of very different sizes (the largest holds about 6 % of all)."""
    rng, choice = np.random.default_rng(seed), random.Random(seed)
    categories = [m.id for m in load_taxonomy().matters]
    streets: NDArray[np.int64] = rng.choice(STREETS, n, p=np.random.default_rng(1).dirichlet(np.full(STREETS, 1.0)))
    for start in range(0, n, _CHUNK):
        vectors = _vectors(rng, min(_CHUNK, n - start))
        yield [_entry(f"{seed}-{start + i:08d}-0000-0000-0000-000000000000", int(streets[start + i]), v, categories, choice)
               for i, v in enumerate(vectors)]  # fmt: skip


def _entry(matter: str, street: int, vector: Floats, categories: list[str], choice: random.Random) -> Entry:
    place = Place(
        estate=choice.choice([None, f"小区{choice.randrange(200)}"]), building=choice.choice([None, str(choice.randrange(1, 30))]),
        road=choice.choice([None, None, f"第{choice.randrange(40)}大道"]),
    )  # fmt: skip
    community = f"社区{choice.randrange(COMMUNITIES_A_STREET)}"
    last_at = _NOW - timedelta(seconds=choice.randrange(96 * 3600))
    return Entry(matter, f"街道{street}", f"{street}-{community}", choice.choice(categories), place, last_at, vector)


@section("matter index")
def matters(bench: Bench) -> Iterator[Row]:
    """MINHU_BENCH_MATTERS names another size. Rebuilding reads matters whose vectors are known, as from the intake API's database."""
    before = _resident_gb()
    index = MatterIndex(DIMENSIONS, load_rules().window_h)
    seconds = 0.0
    for chunk in _chunks(0, MATTERS):
        start = time.perf_counter()
        index.put(chunk)
        seconds += time.perf_counter() - start
    yield Row("rebuild, s", seconds, len(index))
    yield Row("memory, GB", _resident_gb() - before, len(index))
    asked = [entry for chunk in _chunks(1, ASKED) for entry in chunk]
    whole = partial(_ask, index, nearby=False)
    yield from _timed("query, whole area", whole, asked)
    yield from _timed("query, neighbours of one category", partial(_ask, index, nearby=True), asked)
    yield from _timed("insert", lambda e: index.put([e]), asked)
    yield from _timed("update", lambda e: index.put([e]), asked)
    yield from _timed("remove", lambda e: index.remove(e.id), asked)
    yield from _one_for_all()


def _ask(index: MatterIndex, e: Entry, nearby: bool) -> object:
    if nearby:
        return index.query(e.area, _NOW, e.place, vector=e.vector, block=e.block, categories=[e.category or ""], within_h=24)
    return index.query(e.area, _NOW, e.place, vector=e.vector)


def _timed(what: str, do: Callable[[Entry], object], entries: list[Entry]) -> Iterator[Row]:
    took = []
    for entry in entries:
        start = time.perf_counter()
        do(entry)
        took.append((time.perf_counter() - start) * 1000)
    yield Row(f"{what}: p50, ms", float(np.percentile(took, 50)), len(took))
    yield Row(f"{what}: p95, ms", float(np.percentile(took, 95)), len(took))


def _one_for_all() -> Iterator[Row]:
    """What the partition by area replaced: one inverted file over the city, filtered after the search."""
    import faiss

    faiss.omp_set_num_threads(1)
    cells = max(16, int(4 * np.sqrt(MATTERS)) // 2)
    index: Any = faiss.index_factory(DIMENSIONS, f"IVF{cells},SQ8", faiss.METRIC_INNER_PRODUCT)
    rng = np.random.default_rng(2)
    start = time.perf_counter()
    index.train(_vectors(rng, cells * 40))
    for begin in range(0, MATTERS, 50_000):
        index.add(_vectors(rng, min(50_000, MATTERS - begin)))
    yield Row("one IVF for all: rebuild with drawing, s", time.perf_counter() - start, MATTERS)
    index.nprobe = max(1, cells // 8)
    took = []
    for row in _vectors(rng, 200):
        start = time.perf_counter()
        index.search(row[None], 1000)
        took.append((time.perf_counter() - start) * 1000)
    yield Row("one IVF for all, an eighth probed: p95, ms", float(np.percentile(took, 95)), len(took))


def _resident_gb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
