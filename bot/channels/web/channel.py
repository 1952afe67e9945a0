"""The web channel: hears from the page's server, speaks into the chat log."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvicorn
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.channels.contract import Ear, Media, Sender, SpeakError, Speech, Spoken
from bot.channels.web.app import build_app
from bot.channels.web.feed import Feed, end
from bot.channels.web.log import ChatLog, Shown
from bot.channels.web.photos import Photos
from bot.channels.web.play import Player
from bot.channels.web.room import Room
from bot.channels.web.sample import Sample, load_morning, load_sample

log = structlog.get_logger(__name__)

SWEEP_S = 20


class _Server(uvicorn.Server):
    """uvicorn inside somebody else's loop: signals belong to the process that started us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebChannel:
    """Serves the page on `sock`, or on host and port. `uploads` is the folder of photos. State is in Redis at `redis_url`."""

    name = "web"
    # saying a key again changes nothing, so after a crash the speaker simply asks again
    idempotent = True

    def __init__(
        self,
        redis_url: str,
        uploads: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 8701,
        sock: socket.socket | None = None,
        sample: Sample | None = None,
        messages_a_minute: int = 40,
        console_url: str = "",
    ) -> None:
        self.host, self.port, self._sock = host, port, sock
        self.console_url = console_url
        self.sample = sample or load_sample()
        self.redis = Redis.from_url(redis_url, decode_responses=True)
        self.log = ChatLog(self.redis)
        self.photos = Photos(uploads)
        self.room = Room(self.name, self.redis, self.log, self.sample, messages_a_minute)
        self.player = Player(self.redis, self.room, self.log, self.photos, self.sample, load_morning(self.sample))

    async def hear(self, ear: Ear) -> None:
        """Serve until cancelled. OSError when the port is taken."""
        self.room.ear = ear
        feed = Feed(self.redis)
        sock = self._sock or listen(self.host, self.port)
        app = build_app(self.sample, self.room, self.player, self.photos, feed, self.console_url)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3)
        server = _Server(config)
        beside = [asyncio.create_task(feed.run()), asyncio.create_task(self._sweep())]
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            await asyncio.shield(serving)
        finally:
            feed.close()
            server.should_exit = True
            await self.player.close()
            await end(beside)
            await asyncio.gather(serving, return_exceptions=True)
            sock.close()
            await self.redis.aclose()

    async def _sweep(self) -> None:
        """What stands in the chat reaches the ear, and a broken-off sample morning goes on, whatever died in between."""
        while True:
            try:
                await self.room.hand_over_left()
                await self.player.resume()
            except Exception as error:  # the outermost door: the next sweep tries again
                log.warning("web.sweep_failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def speak(self, speech: Speech, message_id: str | None) -> Spoken:
        """Show what the assistant says. The id of the message follows from the key, or from the card, so that saying it
        again changes nothing, whenever the process died."""
        if not self.sample.knows(speech.chat_id):
            raise SpeakError(f"no chat {speech.chat_id} in the web channel")
        shown_id = message_id or name_of(speech)
        try:
            old = await self.log.get(speech.chat_id, shown_id)
            quoted = await self.room.quote(speech.chat_id, speech.reply_to) if speech.reply_to else None
            shown = Shown(
                id=shown_id,
                sender=Sender(id=self.sample.assistant.id, name=self.sample.assistant.name),
                at=old.at if old else datetime.now(UTC),
                text=speech.text,
                # an edited card still answers what it answered
                quote=quoted or (old.quote if old else None),
                buttons=speech.buttons,
                card_id=speech.card_id,
                version=speech.version,
                edited=False,
                state=speech.state,
                urgency=speech.urgency,
            )
            await self.log.put(speech.chat_id, shown)
        except RedisError as error:
            raise SpeakError(f"the chat log is out of reach: {type(error).__name__}", retry_after_s=1) from error
        return Spoken(message_id=shown_id)

    async def fetch(self, media: Media) -> tuple[bytes, str]:
        """The bytes of a photo and their type. SpeakError when it is gone."""
        path = self.photos.path(media.ref)
        if path is None:
            raise SpeakError(f"no photo {media.ref[:12]} in the uploads folder")
        return await asyncio.to_thread(path.read_bytes), "image/jpeg"


def name_of(speech: Speech) -> str:
    """The message id of a speech: one a card, else one a key."""
    kind, name = ("card", speech.card_id) if speech.card_id else ("say", speech.key)
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that answers at once: accepted connections inherit TCP_NODELAY (44 ms a call without)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(512)
    return sock
