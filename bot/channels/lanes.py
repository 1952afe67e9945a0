"""Who may speak next: one lane a chat, urgent first, edits of one card folded into the newest. Pure: no clock, no network."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Generic, TypeVar

from bot.channels.contract import Fetch, Speech

Body = TypeVar("Body", Speech, Fetch)


@dataclass(frozen=True, slots=True)
class Item(Generic[Body]):
    """A thing waiting in `lane`. `entries`: the stream entries that end with it (none for the first parts of a long text)."""

    lane: str
    order: int
    body: Body
    entries: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    urgent: bool = False
    attempts: int = 0
    hops: int = 0

    @property
    def rank(self) -> tuple[bool, int]:
        return (not self.urgent, self.order)


@dataclass(slots=True)
class Lane(Generic[Body]):
    items: list[Item[Body]] = field(default_factory=list)
    busy: bool = False
    ready_at: float = 0.0


def fold(older: Item[Speech], newer: Item[Speech]) -> Item[Speech]:
    """Two waiting states of one card → the newest of them at the older's turn; the other one's key counts as said.

    Of two states with the same version the first stands. The quote and the oldest `heard_at` are kept: a reply stays a reply.
    """
    wins, loses = (newer, older) if newer.body.version > older.body.version else (older, newer)
    heard = [b.heard_at for b in (older.body, newer.body) if b.heard_at]
    urgent = older.urgent or newer.urgent
    body = wins.body.model_copy(
        update={
            "reply_to": wins.body.reply_to or loses.body.reply_to,
            "heard_at": min(heard) if heard else None,
            "urgent": urgent,
        }
    )
    return replace(
        older,
        body=body,
        urgent=urgent,
        order=min(older.order, newer.order),
        entries=older.entries + newer.entries,
        keys=tuple(dict.fromkeys((*older.keys, *newer.keys, loses.body.key))),
    )


class Lanes(Generic[Body]):
    """At most one thing of a lane is out at a time, so a chat reads what was said in the order it was said."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane[Body]] = {}
        self._ready: list[tuple[tuple[bool, int], str]] = []
        self._later: list[tuple[float, str]] = []
        self._waiting = 0

    def __len__(self) -> int:
        """Things waiting, without those that are out."""
        return self._waiting

    def add(self, item: Item[Body], now: float) -> None:
        """Queue an item behind its elders; a waiting edit of the same card takes it in."""
        lane = self._lanes.setdefault(item.lane, Lane())
        twin = self._twin(lane, item)
        if twin is not None:
            lane.items.remove(twin)
            self._waiting -= 1
            item = fold(twin, item)  # type: ignore[arg-type, assignment]
        if item.urgent:
            lane.ready_at = min(lane.ready_at, now)
        self._insert(lane, item, now)

    @staticmethod
    def _twin(lane: Lane[Body], item: Item[Body]) -> Item[Body] | None:
        card = getattr(item.body, "card_id", "")
        return next((i for i in lane.items if getattr(i.body, "card_id", "") == card), None) if card else None

    def _insert(self, lane: Lane[Body], item: Item[Body], now: float) -> None:
        insort(lane.items, item, key=lambda i: i.rank)
        self._waiting += 1
        self._announce(item.lane, lane, now)

    def _announce(self, name: str, lane: Lane[Body], now: float) -> None:
        if lane.busy or not lane.items:
            return
        if lane.ready_at <= now:
            heappush(self._ready, (lane.items[0].rank, name))
        else:
            heappush(self._later, (lane.ready_at, name))

    def next(self, now: float, *, only_urgent: bool = False) -> Item[Body] | None:
        """The item whose turn it is, urgent ones of any lane first; its lane is busy until `done` or `again`."""
        while self._later and self._later[0][0] <= now:
            _, name = heappop(self._later)
            if lane := self._lanes.get(name):
                self._announce(name, lane, now)
        while self._ready:
            rank, name = self._ready[0]
            lane = self._lanes.get(name)
            # an announcement outlived by its lane: the lane announced itself anew when it changed
            if lane is None or lane.busy or lane.ready_at > now or not lane.items or lane.items[0].rank != rank:
                heappop(self._ready)
                continue
            if only_urgent and not lane.items[0].urgent:
                return None
            heappop(self._ready)
            lane.busy = True
            self._waiting -= 1
            return lane.items.pop(0)
        return None

    def done(self, item: Item[Body], now: float) -> None:
        lane = self._lanes[item.lane]
        lane.busy = False
        if lane.items:
            self._announce(item.lane, lane, now)
        else:
            del self._lanes[item.lane]

    def again(self, item: Item[Body], now: float, ready_at: float) -> None:
        """Put an item back at its turn; its lane rests until `ready_at` (an urgent newcomer may wake it)."""
        lane = self._lanes[item.lane]
        lane.busy = False
        lane.ready_at = ready_at
        twin = self._twin(lane, item)
        if twin is not None:
            lane.items.remove(twin)
            self._waiting -= 1
            item = fold(item, twin)  # type: ignore[arg-type, assignment]
        self._insert(lane, item, now)

    def wait_s(self, now: float) -> float | None:
        """Seconds until a resting lane wakes; None when none rests."""
        return max(0.0, self._later[0][0] - now) if self._later else None
