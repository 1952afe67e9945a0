"""The mouth of every channel: what waits on `speech:<channel>` is said once, in order, at the pace the platform allows.

Nothing twice, nothing lost. Before a speech goes out it is marked in flight; afterwards one script marks it said, notes where
its card stands and takes the stream entry away. A speaker that dies between the two leaves a speech that was *maybe* said:

- an edit of a card is simply made again: the message then reads the same;
- a channel that is `idempotent` itself is simply asked again: it knows the key;
- urgent speech (emergency guidance) is said again: twice is a nuisance, silence may cost a life;
- anything else is NOT said again. A second acknowledgement looks like a broken machine to two hundred neighbours, while a
  missing one is mended by the next state of the same card. It is counted and logged as `speech.uncertain`.

The same choice is made when the network breaks after a request went out. Only the holder of the channel's lease speaks, so a
chat is never spoken to by two processes; a stand-by takes over what the dead one had read.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, cast

import structlog
from prometheus_client import Gauge
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bot.channels.contract import Channel, Fetch, Speech
from bot.channels.delivery import After, Delivery, Evidence, Manners, Pace
from bot.channels.lanes import Body, Item, Lanes
from bot.channels.ledger import Ledger, Rate
from bot.channels.stopping import heed_cancel

__all__ = ["Evidence", "Manners", "Pace", "Rate", "Speaker"]

log = structlog.get_logger()

GROUP = "speaker"
WAITING = Gauge("minhu_speech_waiting", "Things read from the stream that wait for their turn", ["channel"])


class LeaseLostError(Exception):
    """Another speaker holds the channel now."""


@dataclass(slots=True)
class Desk(Generic[Body]):
    """Lanes, the act that serves them, and the bell that rings when they change."""

    act: Callable[[Item[Body]], Awaitable[After]]
    at_once: int
    lanes: Lanes[Body] = field(default_factory=Lanes)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    closed_until: float = 0.0

    def add(self, item: Item[Body]) -> None:
        self.lanes.add(item, _now())
        self.bell.set()


class Speaker:
    """Says what waits on the channel's stream. `redis` decodes responses. `intake` None: things to fetch are set aside.

    `sample_latency`: keep the newest latencies, in seconds, in the list `latency:<channel>` for benchmarks.
    """

    def __init__(
        self,
        redis: Redis,
        channel: Channel,
        intake: Evidence | None = None,
        *,
        pace: Pace | None = None,
        sample_latency: bool = False,
    ) -> None:
        self.redis = redis
        self.pace = pace or Pace()
        self.consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.ledger = Ledger(redis, channel.name, token=self.consumer, group=GROUP, lease_s=self.pace.lease_s)
        self.manners: Manners = getattr(channel, "manners", None) or Manners(idempotent=getattr(channel, "idempotent", False))
        sample = f"latency:{channel.name}" if sample_latency else ""
        self._delivery = Delivery(channel, self.ledger, self.manners, self.pace, intake, sample)
        self._waiting = WAITING.labels(channel.name)
        self._log = log.bind(channel=channel.name)
        self._stop = asyncio.Event()
        self._out: set[asyncio.Task[None]] = set()
        self._order = 0
        self._clear()

    def _clear(self) -> None:
        self._speech: Desk[Speech] = Desk(self._delivery.say, self.pace.at_once)
        self._fetches: Desk[Fetch] = Desk(self._delivery.bring, self.pace.fetches_at_once)
        self._known: set[str] = set()
        self._lost = asyncio.Event()

    # ---- life ---------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Stop gracefully: what is out is finished, what waits stays in the stream."""
        self._stop.set()

    async def run(self) -> None:
        """Speak until `stop` or cancelled. Redis being away is waited out; one speaker of a channel is active at a time."""
        try:
            while not self._stop.is_set():
                heed_cancel()
                try:
                    if await self.ledger.hold():
                        await self._work()
                    else:
                        await self._rest(self.pace.lease_s / 3)
                except LeaseLostError:
                    self._log.warning("speech.lease_lost")
                except (RedisError, OSError) as error:
                    self._log.warning("speech.redis_away", error=type(error).__name__)
                    await self._rest(1.0)
        finally:
            await self._settle(timeout_s=10.0)
            with suppress(RedisError, OSError):
                await self.ledger.release()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _work(self) -> None:
        """One spell at the microphone: from taking over what is pending to the first trouble or the end."""
        self._clear()
        try:
            await self.redis.xgroup_create(self.ledger.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        loops: list[Awaitable[object]] = [
            self._keep_lease(),
            self._read(),
            self._serve(self._speech),
            self._serve(self._fetches),
            self._stop.wait(),
        ]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not self._stop.is_set():
            # the next spell reads everything anew: what is out must be marked by then
            await self._settle(timeout_s=None)
        for task in done:
            task.result()

    async def _settle(self, timeout_s: float | None) -> None:
        """Wait for what is out; what is out longer is left marked in flight."""
        if self._out:
            _, late = await asyncio.wait(self._out, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _keep_lease(self) -> None:
        while True:
            heed_cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), self.pace.lease_s / 3)
            if self._lost.is_set() or not await self.ledger.hold():
                raise LeaseLostError

    # ---- reading ------------------------------------------------------------------------------------------------
    async def _read(self) -> None:
        # we hold the lease, so whoever had read these no longer speaks
        await self._claim(idle_s=0)
        claimed_at = _now()
        while True:
            heed_cancel()
            waiting = len(self._speech.lanes) + len(self._fetches.lanes)
            self._waiting.set(waiting)
            if waiting >= self.pace.most_waiting:
                await asyncio.sleep(0.2)
                continue
            wanted: dict[Any, Any] = {self.ledger.stream: ">"}
            for entry, fields in _rows(await self.redis.xreadgroup(GROUP, self.consumer, wanted, count=200, block=1000)):
                await self._take(entry, fields)
            if _now() - claimed_at >= self.pace.take_over_s:
                await self._claim(idle_s=self.pace.take_over_s)
                claimed_at = _now()

    async def _claim(self, idle_s: float) -> None:
        """Take over entries that another speaker read and did not finish."""
        start = "0-0"
        while True:
            heed_cancel()
            answer = await self.redis.xautoclaim(self.ledger.stream, GROUP, self.consumer, int(idle_s * 1000), start_id=start, count=500)
            start = str(answer[0])
            for entry, fields in answer[1]:
                await self._take(entry, fields)
            if start == "0-0":
                return

    async def _take(self, entry: str, fields: dict[str, str]) -> None:
        if entry in self._known:
            return
        self._known.add(entry)
        raw = fields.get("body", "")
        try:
            if fields.get("type") == "fetch":
                fetch = Fetch.model_validate_json(raw)
                self._fetches.add(Item(f"{fetch.chat_id}:{fetch.message_id}", self._next(), fetch, (entry,)))
            else:
                for item in self._items(entry, Speech.model_validate_json(raw)):
                    self._speech.add(item)
        except ValidationError as error:
            await self._delivery.set_aside((entry,), raw, f"unreadable entry: {error.errors()[0]['msg']}")

    def _items(self, entry: str, speech: Speech) -> list[Item[Speech]]:
        """A text longer than the platform takes is said in pieces, one after the other; a card is one message, so it is cut."""
        texts = self.manners.parts(speech.text) or [speech.text]
        if speech.card_id:
            texts = texts[:1]
        items = []
        for number, text in enumerate(texts, start=1):
            last = number == len(texts)
            part = {
                "text": text,
                "key": speech.key if last else f"{speech.key}#{number}",
                "buttons": speech.buttons if last else (),
                "reply_to": speech.reply_to if number == 1 else "",
                "heard_at": speech.heard_at if number == 1 else None,
            }
            body = speech.model_copy(update=part)
            items.append(Item(speech.chat_id, self._next(), body, (entry,) if last else (), urgent=speech.urgent))
        return items

    def _next(self) -> int:
        self._order += 1
        return self._order

    # ---- taking turns -------------------------------------------------------------------------------------------
    async def _serve(self, desk: Desk[Body]) -> None:
        slots = asyncio.Semaphore(desk.at_once)
        while True:
            await slots.acquire()
            item = await self._turn(desk)
            task = asyncio.ensure_future(self._attend(desk, item))
            self._out.add(task)
            task.add_done_callback(self._out.discard)
            task.add_done_callback(lambda _: slots.release())

    @staticmethod
    async def _turn(desk: Desk[Body]) -> Item[Body]:
        """The next item that may go out, as soon as there is one."""
        while True:
            heed_cancel()
            desk.bell.clear()
            now = _now()
            closed = desk.closed_until - now
            if item := desk.lanes.next(now, only_urgent=closed > 0):
                return item
            waits = [wait for wait in (desk.lanes.wait_s(now), closed if closed > 0 else None) if wait is not None]
            with suppress(TimeoutError):
                await asyncio.wait_for(desk.bell.wait(), min(waits) if waits else None)

    async def _attend(self, desk: Desk[Body], item: Item[Body]) -> None:
        after = await desk.act(item)
        now = _now()
        if after.closed:
            desk.closed_until = now + after.wait_s
        if after.then == "again":
            desk.lanes.again(replace(item, attempts=after.attempts), now, now if after.closed else now + after.wait_s)
        else:
            desk.lanes.done(item, now)
        if after.then == "done":
            self._known.difference_update(item.entries)
        elif after.then == "moved":
            body = cast(Any, item.body).model_copy(update={"chat_id": after.moved_to})
            desk.add(replace(item, lane=after.moved_to, body=body, hops=item.hops + 1))
        elif after.then == "lost":
            self._lost.set()
        desk.bell.set()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _rows(answer: Any) -> list[tuple[str, dict[str, str]]]:
    """XREADGROUP's answer for one stream, in the shapes of both protocol versions."""
    streams = answer.items() if isinstance(answer, dict) else answer or []
    for _stream, found in streams:
        flat = found[0] if found and isinstance(found[0], list) and found[0] and isinstance(found[0][0], (list, tuple)) else found
        return [(str(entry), fields or {}) for entry, fields in flat]
    return []
