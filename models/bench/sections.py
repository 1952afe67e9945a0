"""The registry: a section measures one thing and returns its rows; what cannot run says why."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `n` and `hits` give the interval where the figure is a share; else `n` alone says how many were measured."""

    what: str
    value: float | str
    n: int = 0
    hits: int | None = None
    data: str = ""

    @classmethod
    def share(cls, what: str, hits: int, n: int, data: str = "") -> Row:
        return cls(what, hits / n if n else 0.0, n, hits, data)


@dataclass(frozen=True, slots=True)
class Bench:
    """What sections are given: the data folder (None: missing) and the folder of shipped models."""

    data: Path | None
    shipped: Path

    def need_data(self) -> Path:
        """The data folder. Raises NotRunError where it is missing."""
        if self.data is None:
            raise NotRunError("the data folder is missing; name it with --data or MINHU_DATA")
        return self.data


class NotRunError(RuntimeError):
    """A section could not run here; the message says why."""


Section = Callable[[Bench], Iterable[Row]]
SECTIONS: dict[str, Section] = {}


def section(name: str) -> Callable[[Section], Section]:
    """Registers a function under a name; the order of registration is the order of printing."""

    def register(measure: Section) -> Section:
        SECTIONS[name] = measure
        return measure

    return register


def interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, hits / n
    middle = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def run_sections(bench: Bench, names: Iterable[str]) -> int:
    """Prints each section as a table; returns how many could not run."""
    not_run = 0
    for name in names:
        print(f"\n## {name}")
        try:
            rows = list(SECTIONS[name](bench))
        except NotRunError as why:
            not_run += 1
            print(f"not run: {why}")
            continue
        for row in rows:
            print(_line(row))
        sys.stdout.flush()
    return not_run


def _line(row: Row) -> str:
    value = row.value if isinstance(row.value, str) else f"{row.value:.3f}"
    bounds = "" if row.hits is None else "[{:.3f}, {:.3f}]".format(*interval(row.hits, row.n))
    n = f"n={row.n}" if row.n else ""
    return f"{row.what:<44} {value:>10}  {bounds:<16} {n:<9} {row.data}".rstrip()
