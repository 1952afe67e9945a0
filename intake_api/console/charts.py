"""Charts as numbers for an SVG that the server writes: no script, readable without colours, with its figures as a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: the rectangle in the units of the view box, and what it stands for. `label`: written under it, where there is room."""

    x: float
    y: float
    width: float
    height: float
    day: date
    count: int
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the value of the upper line; `total` and `peak` are for the sentence that tells the chart to who cannot see it."""

    width: float
    height: float
    foot: float
    bars: tuple[Bar, ...]
    top: int
    total: int
    peak: Bar | None


def bars(days: Sequence[tuple[date, int]], width: float = 640, height: float = 170, foot: float = 22) -> Chart:
    """A bar a day, the oldest left; `foot` is the room under them for about six dates."""
    top = max((count for _, count in days), default=0)
    step = width / max(len(days), 1)
    every = max(1, -(-len(days) // 6))
    drawn = []
    for n, (day, count) in enumerate(days):
        tall = round((height - foot - 2) * count / top, 1) if top else 0.0
        label = f"{day.month}-{day.day}" if foot and (len(days) - 1 - n) % every == 0 else ""
        drawn.append(Bar(round(n * step + step * 0.12, 1), round(height - foot - tall, 1), round(step * 0.76, 1), tall, day, count, label))
    peak = max(drawn, key=lambda bar: bar.count) if top else None
    return Chart(width, height, foot, tuple(drawn), top, sum(count for _, count in days), peak)
