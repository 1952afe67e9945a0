"""Plays the written morning into the group: each run once, one run at a time, and on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from bot.channels.web.feed import end
from bot.channels.web.log import ChatLog, Picture
from bot.channels.web.photos import Photos
from bot.channels.web.room import Room
from bot.channels.web.sample import HERE, Line, Morning, Sample

log = structlog.get_logger(__name__)

# one player a group, even with several channel processes; the lease is renewed with every message
LEASE_S = 20


class Player:
    """State lives in Redis: {run, sent, total, state: playing|stopped|done}. Message ids name the run, so none is sent twice."""

    def __init__(self, redis: Redis, room: Room, chatlog: ChatLog, photos: Photos, sample: Sample, morning: Morning) -> None:
        self.redis = redis
        self.room = room
        self.log = chatlog
        self.photos = photos
        self.sample = sample
        self.morning = morning
        self.chat = sample.group_id
        self._key = f"web:{{{self.chat}}}:play"
        self._lease = f"web:{{{self.chat}}}:player"
        self._task: asyncio.Task[None] | None = None

    async def state(self) -> dict[str, Any]:
        kept = cast("dict[str, str]", await cast(Any, self.redis.hgetall(self._key)))
        total = len(self.morning.messages)
        return {"run": kept.get("run", ""), "state": kept.get("state", "idle"), "sent": int(kept.get("sent", 0)), "total": total}

    async def start(self, run: str) -> dict[str, Any]:
        """Begin a run. A run that was begun before goes on, or stays done; while one plays, another is not begun."""
        now = await self.state()
        if now["state"] == "playing" and now["run"] != run and await self.redis.exists(self._lease):
            return now
        if now["run"] != run:
            await self.close()
            await self._keep(run, 0, "playing")
        elif now["state"] == "stopped":
            await self._keep(run, now["sent"], "playing")
        return await self.resume()

    async def stop(self) -> dict[str, Any]:
        now = await self.state()
        if now["state"] == "playing":
            await self._keep(now["run"], now["sent"], "stopped")
            await self.close()
        return await self.state()

    async def resume(self) -> dict[str, Any]:
        """Go on with a run that is marked as playing and that nobody plays."""
        now = await self.state()
        if now["state"] == "playing" and (self._task is None or self._task.done()):
            lease_is_mine = await self.redis.set(self._lease, now["run"], nx=True, ex=LEASE_S)
            if lease_is_mine:
                self._task = asyncio.create_task(self._guarded(self._play(now["run"], now["sent"])))
        return now

    async def close(self) -> None:
        if self._task is not None:
            await end([self._task])
            self._task = None

    async def _guarded(self, playing: Coroutine[Any, Any, None]) -> None:
        try:
            await playing
        except Exception as error:  # the outermost door of this task: the run stays resumable, the page can start it again
            log.warning("web.play_broken", error=type(error).__name__)
        finally:
            await self.redis.delete(self._lease)

    async def _play(self, run: str, sent: int) -> None:
        log.info("web.play_started", run=run, sent=sent)
        for number, line in enumerate(self.morning.messages[sent:], start=sent + 1):
            await asyncio.sleep(line.pause_s if line.pause_s is not None else self.morning.pace_s)
            now = await self.state()
            if now["run"] != run or now["state"] != "playing":
                return
            await self._send(run, line)
            await self.redis.expire(self._lease, LEASE_S)
            await self._keep(run, number, "playing" if number < len(self.morning.messages) else "done")

    async def _send(self, run: str, line: Line) -> None:
        person = self.sample.person(line.from_)
        assert person is not None  # noqa: S101 - load_morning checked it
        media: list[Picture] = []
        if line.photo:
            media.append(await self.photos.keep((HERE / "static" / line.photo).read_bytes()))
        quoted = next((other for other in self.morning.messages if other.id == line.reply_to), None)
        reply_to = f"{quoted.from_}.{run}-{quoted.id}" if quoted else ""
        await self.room.post(person, self.chat, f"{run}-{line.id}", line.text, reply_to=reply_to, media=media, limited=False)

    async def _keep(self, run: str, sent: int, state: str) -> None:
        await cast(Any, self.redis.hset(self._key, mapping={"run": run, "sent": sent, "state": state}))
        await self.log.announce(self.chat, "play", await self.state())
