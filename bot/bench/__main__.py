"""`python -m bot.bench`: messages a second through the whole path, and the time from a message to its reply."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from redis.asyncio import Redis

from bot.bench.installation import Installation, sample_grid
from bot.bench.load import messages
from bot.channels.contract import ChatMessage, Ear, Media, Speech, Spoken
from bot.channels.outgoing import Speaker
from bot.streams import Streams

CHANNEL = "bench"
CHATS = 64
FLOOD = 3000
GOAL_PER_S = 300
PACED_S = 30
# one a core of the machine that the goal names (2 cores, 300 messages a second); a chat has one of them at a time
ASSISTANTS = ("assistant", "assistant2")


class Silent:
    """A channel that takes everything at once and notes how long it took since the message was heard."""

    name = CHANNEL

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def hear(self, ear: Ear) -> None:
        return None

    async def speak(self, speech: Speech, message_id: str | None) -> Spoken:
        if speech.heard_at is not None:
            self.seconds.append((datetime.now(UTC) - speech.heard_at).total_seconds())
        return Spoken(message_id=message_id or speech.key)

    async def fetch(self, media: Media) -> tuple[bytes, str]:
        return b"", ""


async def send(streams: Streams, batch: list[ChatMessage], per_s: float) -> None:
    """At a pace, or as fast as Redis takes them (per_s 0). `at` is the moment of sending."""
    began = time.monotonic()
    for n, message in enumerate(batch):
        if per_s and (wait := began + n / per_s - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        await streams.heard(message.model_copy(update={"at": datetime.now(UTC)}))


async def measure(database_url: str) -> list[str]:
    with (
        tempfile.TemporaryDirectory(prefix="minhu-bench-") as folder,
        Installation(Path(folder), database_url=database_url) as installed,
    ):
        installed.start("api", "jobs", *ASSISTANTS)
        await installed.ready()
        chats = [f"g{n}" for n in range(CHATS)]
        await installed.bind(CHANNEL, chats, sample_grid())
        redis = Redis.from_url(installed.redis.url, decode_responses=True)
        channel = Silent()
        speaker = Speaker(redis, channel)
        speaking = asyncio.create_task(speaker.run())
        streams = Streams(redis, 16)
        await send(streams, messages(chats, 64, channel=CHANNEL, seed=1), 0)
        await installed.calm()
        began, before = time.monotonic(), installed.cpu_s()
        await send(streams, [m.model_copy(update={"message_id": f"f{m.message_id}"}) for m in messages(chats, FLOOD, channel=CHANNEL)], 0)
        await installed.calm(1.0)
        flood_s = time.monotonic() - began - 1.0
        used = {name: spent - before.get(name, 0.0) for name, spent in installed.cpu_s().items()}
        channel.seconds.clear()
        paced = messages(chats, GOAL_PER_S // 2 * PACED_S, channel=CHANNEL, seed=3)
        await send(streams, [m.model_copy(update={"message_id": f"p{m.message_id}"}) for m in paced], GOAL_PER_S / 2)
        await installed.calm(1.0)
        speaker.stop()
        await asyncio.gather(speaking, return_exceptions=True)
        await redis.aclose()
        return rows(flood_s, used, channel.seconds, len(paced), "PostgreSQL" if database_url else "SQLite")


def rows(flood_s: float, used: dict[str, float], seconds: list[float], paced: int, database: str) -> list[str]:
    """`used`: CPU seconds of each process during the flood; the busiest is what limits the throughput."""
    p50, p95, p99 = np.percentile(seconds, [50, 95, 99]) if seconds else (float("nan"),) * 3
    cores = os.cpu_count()
    busiest = max(used, key=lambda name: used[name])
    shares = ", ".join(f"{name} {spent / flood_s:.0%}" for name, spent in sorted(used.items(), key=lambda kv: -kv[1]))
    return [
        f"whole path, {database}, {cores} cores, {len(ASSISTANTS)} assistants, {CHATS} groups, 1 in 10 a report (composed; no network)",
        f"  throughput   {FLOOD / flood_s:8.1f} messages/s   n={FLOOD}   goal {GOAL_PER_S}",
        f"  limited by   {busiest}: share of one core during the flood: {shares}",
        f"  reply p50    {p50:8.3f} s            n={len(seconds)} replies to {paced} messages at {GOAL_PER_S / 2:.0f}/s",
        f"  reply p95    {p95:8.3f} s            goal 1.000 at half the goal's load",
        f"  reply p99    {p99:8.3f} s",
    ]


def main() -> int:
    for line in asyncio.run(measure(os.environ.get("MINHU_BENCH_DATABASE_URL", ""))):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
