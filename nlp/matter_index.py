"""Open and recent matters of a city by area: which of them lie near a place, a time and a meaning (DD4).

Matching asks first where it is: only matters of one street office's area can be neighbours. So every area is a small flat index of
bytes with its filters beside it, and a query reads one area; the measurement is `python -m models.bench "matter index"`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.place import CROSSING
from nlp.schema import Place

Floats = NDArray[np.float32]
RANGE = 0.5
"""Components of unit vectors lie well inside ±this (the shipped encoder: ±0.14); a byte then errs by 0.002, a cosine by 0.001."""
_NAMED = ("block", "estate", "building", "unit", "road", "road2")
_COMPACT_FROM = 256
_UNKNOWN_AT = -1e18


@dataclass(frozen=True, slots=True)
class Entry:
    """A matter as the index keeps it. `area`: the street office, the part of a city that is searched together; `block`: the
    community in it. `vector` float32 [d], of length 1; None where there is no encoder.
    """

    id: str
    area: str
    block: str
    category: str | None
    place: Place
    last_at: datetime
    vector: Floats | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """A matter that may be meant, and how alike the words mean (cosine; 0 where either has no vector)."""

    id: str
    cosine: float


class MatterIndex:
    """Not safe for two threads at once. About 0.6 KB a matter."""

    def __init__(self, dimensions: int, window_h: Callable[[str | None], float]) -> None:
        """`window_h`: hours of silence after which a matter of a category is not meant any more (nlp.match_rules)."""
        self._dimensions = dimensions
        self._window_h = window_h
        self._areas: dict[str, _Area] = {}
        self._area_of: dict[str, _Area] = {}
        self._categories: dict[str | None, int] = {None: 0}
        self._windows: list[float] = [window_h(None) * 3600]

    def __len__(self) -> int:
        return len(self._area_of)

    def __contains__(self, matter: str) -> bool:
        return matter in self._area_of

    def put(self, entries: Iterable[Entry]) -> None:
        """Add matters, or put them anew with what has become of them."""
        by_area: dict[str, dict[str, Entry]] = {}
        for entry in entries:
            self.remove(entry.id)
            by_area.setdefault(entry.area, {})[entry.id] = entry
        for name, several in by_area.items():
            area = self._areas.get(name)
            if area is None:
                area = self._areas[name] = _Area(self._dimensions)
            area.add(list(several.values()), [self._code(e.category) for e in several.values()])
            self._area_of.update(dict.fromkeys(several, area))

    def remove(self, matter: str) -> bool:
        """Whether it was there."""
        area = self._area_of.pop(matter, None)
        if area is None:
            return False
        area.remove(matter)
        return True

    def query(
        self,
        area: str,
        at: datetime,
        place: Place,
        *,
        vector: Floats | None = None,
        block: str = "",
        categories: Iterable[str] | None = None,
        within_h: float | None = None,
        limit: int = 20,
    ) -> list[Near]:
        """Matters of the area whose place does not conflict with `place` (as nlp.place.conflicts), that were heard of within their
        window (or `within_h` hours), of one of the `categories` (None: any; a matter of unknown category always fits): the
        nearest in meaning first, without a vector the latest.

        With `block` only neighbours count: of the same community, or of the same estate or road.
        """
        found = self._areas.get(area)
        if found is None:
            return []
        if within_h is None:
            window: NDArray[np.float64] | float = np.array(self._windows)
        else:
            window = within_h * 3600.0
        wanted = None
        if categories is not None:
            wanted = np.array(sorted({0, *(self._categories[c] for c in categories if c in self._categories)}), np.int16)
        return found.query(at.timestamp(), place, vector, block, wanted, window, limit)

    def _code(self, category: str | None) -> int:
        if category not in self._categories:
            self._categories[category] = len(self._categories)
            self._windows.append(self._window_h(category) * 3600)
        return self._categories[category]


class _Area:
    """The matters of one area: vectors in a flat faiss index, filters in columns of the same rows. Removed rows stay until compacted."""

    def __init__(self, dimensions: int) -> None:
        import faiss

        faiss.omp_set_num_threads(1)  # a query has one row: a second thread would find nothing to do and spin
        self._faiss: Any = faiss
        quantizer = faiss.ScalarQuantizer.QT_8bit_uniform
        self._vectors: Any = faiss.IndexScalarQuantizer(dimensions, quantizer, faiss.METRIC_INNER_PRODUCT)
        edge = np.full(dimensions, RANGE, np.float32)
        self._vectors.train(np.stack([-edge, edge]))
        self._nothing = np.zeros(dimensions, np.float32)
        self._ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._at = np.zeros(0, np.float64)
        self._category = np.zeros(0, np.int16)
        self._names = np.zeros((len(_NAMED), 0), np.int32)
        self._codes: dict[str, int] = {"": 0}
        self._dead = 0

    def add(self, entries: Sequence[Entry], categories: Sequence[int]) -> None:
        first, many = len(self._ids), len(entries)
        if first + many > len(self._at):
            self._grow(max(first + many, len(self._at) * 3 // 2))
        for row, entry in enumerate(entries, first):
            self._row_of[entry.id] = row
            self._names[:, row] = [self._codes.setdefault(name, len(self._codes)) for name in _names_of(entry.place, entry.block)]
        self._ids += [e.id for e in entries]
        self._at[first : first + many] = [e.last_at.timestamp() for e in entries]
        self._category[first : first + many] = categories
        vectors = np.stack([self._nothing if e.vector is None else e.vector for e in entries])
        self._vectors.add(np.ascontiguousarray(vectors, np.float32))

    def _grow(self, rows: int) -> None:
        more = rows - len(self._at)
        self._at = np.concatenate([self._at, np.zeros(more)])
        self._category = np.concatenate([self._category, np.zeros(more, np.int16)])
        self._names = np.concatenate([self._names, np.zeros((len(_NAMED), more), np.int32)], axis=1)

    def remove(self, matter: str) -> None:
        self._at[self._row_of.pop(matter)] = _UNKNOWN_AT
        self._dead += 1
        if self._dead > _COMPACT_FROM and self._dead * 2 > len(self._ids):
            self._compact()

    def _compact(self) -> None:
        size = len(self._ids)
        live = np.flatnonzero(self._at[:size] != _UNKNOWN_AT)
        dead = np.flatnonzero(self._at[:size] == _UNKNOWN_AT)
        self._vectors.remove_ids(self._faiss.IDSelectorBatch(dead))
        self._ids = [self._ids[row] for row in live]
        self._row_of = {matter: row for row, matter in enumerate(self._ids)}
        self._at, self._category, self._names = self._at[live], self._category[live], self._names[:, live]
        self._dead = 0

    def query(
        self,
        at: float,
        place: Place,
        vector: Floats | None,
        block: str,
        categories: NDArray[np.int16] | None,
        window: NDArray[np.float64] | float,
        limit: int,
    ) -> list[Near]:
        size = len(self._ids)
        then, category = self._at[:size], self._category[:size]
        fits = np.abs(then - at) <= (window if isinstance(window, float) else window[category])
        if categories is not None:
            fits &= np.isin(category, categories)
        rows = np.flatnonzero(fits)
        rows = rows[_at_place(self._names[:, rows], self._asked(place, block))]
        if not len(rows):
            return []
        if vector is None:
            latest = rows[np.argsort(-then[rows], kind="stable")[:limit]]
            return [Near(self._ids[row], 0.0) for row in latest]
        only = np.zeros(size, bool)
        only[rows] = True
        chosen = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBitmap(np.packbits(only, bitorder="little")))
        cosines, found = self._vectors.search(vector[None, :].astype(np.float32), min(limit, len(rows)), params=chosen)
        return [Near(self._ids[row], float(cosine)) for row, cosine in zip(found[0], cosines[0], strict=True) if row >= 0]

    def _asked(self, place: Place, block: str) -> Mapping[str, int]:
        """What the query names, in this area's codes; -1: a name that no matter here has."""
        return {name: self._codes.get(value, -1) for name, value in zip(_NAMED, _names_of(place, block), strict=True)}


def _names_of(place: Place, block: str) -> tuple[str, ...]:
    """Every name with its kind before it, so that building 3 and unit 3 are two names; a crossing has two roads."""
    roads = [*(place.road or "").split(CROSSING), ""][:2]
    named = zip(("c", "e", "b", "u", "r", "r"), (block, place.estate, place.building, place.unit, *roads), strict=True)
    return tuple(f"{kind}{name}" if name else "" for kind, name in named)


def _at_place(names: NDArray[np.int32], asked: Mapping[str, int]) -> NDArray[np.bool_]:
    """Which columns of `names` [_NAMED, n] are at the place asked for."""
    of = dict(zip(_NAMED, names, strict=True))
    fits = np.ones(names.shape[1], bool)
    for name in ("estate", "building", "unit"):
        if asked[name]:
            fits &= (of[name] == 0) | (of[name] == asked[name])
    same_road = np.zeros(names.shape[1], bool)
    for mine in (asked["road"], asked["road2"]):
        if mine:
            same_road |= (of["road"] == mine) | (of["road2"] == mine)
    if asked["road"]:
        fits &= (of["road"] == 0) | same_road
    if asked["block"]:
        same_estate = (of["estate"] == asked["estate"]) if asked["estate"] else np.zeros(names.shape[1], bool)
        fits &= (of["block"] == asked["block"]) | same_estate | same_road
    return fits
