"""What the contract test needs of a channel: people who use it, and a look at what stands in the chat.

A new channel adds a rig to RIGS and passes the same tests. ABILITIES says what its people are able to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Protocol

import httpx
from PIL import Image
from redis.asyncio import Redis

from bot.channels.contract import Channel, ChatMessage
from bot.channels.outgoing import Manners
from bot.channels.replay.channel import ReplayChannel
from bot.channels.replay.transcript import Transcript
from bot.channels.telegram import TelegramChannel
from bot.channels.web.channel import WebChannel, listen
from tests.bot.channels.telegram.bot_api import TOKEN, BotApi
from tests.bot.channels.telegram.ears import Notes


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot as people see it."""

    id: str
    text: str
    actions: tuple[str, ...] = ()


class Rig(Protocol):
    channel: Channel
    ear: Notes
    group: str

    async def say(self, text: str, *, reply_to: str = "") -> str: ...

    async def edit(self, message_id: str, text: str) -> None: ...

    async def press(self, message_id: str, action: str) -> None: ...

    async def send_photo(self, jpeg: bytes, text: str) -> str: ...

    async def send_location(self, lat: float, long: float) -> str: ...

    async def shown(self) -> list[Shown]: ...


def jpeg() -> bytes:
    raw = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(raw, "JPEG")
    return raw.getvalue()


EVERYTHING = frozenset({"edit", "press", "photo", "location"})


@dataclass
class TelegramRig:
    """People at a stand-in of Telegram."""

    channel: TelegramChannel
    api: BotApi
    ear: Notes = field(default_factory=Notes)
    group: str = "-1001"
    can: ClassVar[frozenset[str]] = EVERYTHING
    person: dict[str, Any] = field(default_factory=lambda: {"id": 7, "is_bot": False, "first_name": "王<i>阿姨</i>"})

    @property
    def _chat(self) -> int:
        return int(self.group)

    def _message(self, message_id: str) -> dict[str, Any]:
        return self.api.messages[self._chat, int(message_id)]

    async def say(self, text: str, *, reply_to: str = "") -> str:
        more = {}
        if reply_to:
            more["reply_to_message"] = {k: v for k, v in self._message(reply_to).items() if k != "reply_markup"}
        return str(self.api.say(self._chat, self.person, text, **more)["message_id"])

    async def edit(self, message_id: str, text: str) -> None:
        self.api.edit(self._message(message_id), text)

    async def press(self, message_id: str, action: str) -> None:
        self.api.press(self._chat, int(message_id), self.person, action)

    async def send_photo(self, jpeg: bytes, text: str) -> str:
        size = {"file_id": self.api.file("photos/1.jpg", jpeg), "file_unique_id": "u", "width": 64, "height": 48}
        return str(self.api.send(self._chat, self.person, photo=[size], caption=text)["message_id"])

    async def send_location(self, lat: float, long: float) -> str:
        return str(self.api.send(self._chat, self.person, location={"latitude": lat, "longitude": long})["message_id"])

    async def shown(self) -> list[Shown]:
        def actions(message: dict[str, Any]) -> tuple[str, ...]:
            return tuple(b["callback_data"] for row in message.get("reply_markup", {}).get("inline_keyboard", []) for b in row)

        return [Shown(str(m["message_id"]), m["text"], actions(m)) for m in self.api.shown(self._chat)]


@dataclass
class WebRig:
    """A browser at the web chat."""

    channel: WebChannel
    http: httpx.AsyncClient
    ear: Notes = field(default_factory=Notes)
    group: str = "g-yunshan-03"
    can: ClassVar[frozenset[str]] = EVERYTHING
    who: str = "p-chen"
    sent: int = 0

    async def _post(self, path: str, **body: Any) -> dict[str, Any]:
        self.sent += 1
        answer = await self.http.post(f"/chat/{path}", json={"who": self.who, "chat": self.group} | body)
        return dict(answer.raise_for_status().json())

    async def _send(self, text: str, **more: Any) -> str:
        return str((await self._post("messages", nonce=f"nonce-{self.sent:06}", text=text, **more))["id"])

    async def say(self, text: str, *, reply_to: str = "") -> str:
        return await self._send(text, reply_to=reply_to)

    async def edit(self, message_id: str, text: str) -> None:
        await self._post("edits", id=message_id, text=text)

    async def press(self, message_id: str, action: str) -> None:
        await self._post("presses", nonce=f"nonce-{self.sent:06}", id=message_id, action=action)

    async def send_photo(self, jpeg: bytes, text: str) -> str:
        kept = (await self.http.post(f"/chat/photos?who={self.who}", content=jpeg)).raise_for_status().json()
        return await self._send(text, media=[kept])

    async def send_location(self, lat: float, long: float) -> str:
        return await self._send("", media=[{"kind": "location", "lat": lat, "long": long}])

    async def shown(self) -> list[Shown]:
        state = (await self.http.get("/chat/state", params={"who": self.who})).raise_for_status().json()
        (group,) = [c for c in state["chats"] if c["id"] == self.group]
        mine = [m for m in group["messages"] if m["sender"]["id"] == self.channel.sample.assistant.id]
        return [Shown(m["id"], m["text"], tuple(b["action"] for row in m["buttons"] for b in row)) for m in mine]


@asynccontextmanager
async def telegram_rig(redis: Redis, redis_url: str, folder: Path) -> AsyncIterator[Rig]:
    api = BotApi()
    await api.start()
    channel = TelegramChannel(TOKEN, redis, base_url=api.base_url, base_file_url=api.base_file_url, manners=Manners())
    rig = TelegramRig(channel, api)
    api.chat(int(rig.group))
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(channel.hear(rig.ear))
        yield rig
        hearing.cancel()
    await channel.close()
    await api.stop()


@asynccontextmanager
async def web_rig(redis: Redis, redis_url: str, folder: Path) -> AsyncIterator[Rig]:
    sock = listen("127.0.0.1", 0)
    channel = WebChannel(redis_url, folder, sock=sock)
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as http, asyncio.TaskGroup() as tasks:
        rig = WebRig(channel, http)
        hearing = tasks.create_task(channel.hear(rig.ear))
        yield rig
        hearing.cancel()


@dataclass
class ReplayRig:
    """A transcript that is still being written."""

    channel: ReplayChannel
    lines: asyncio.Queue[ChatMessage]
    ear: Notes = field(default_factory=Notes)
    group: str = "t001"
    can: ClassVar[frozenset[str]] = frozenset()
    written: int = 0

    async def say(self, text: str, *, reply_to: str = "") -> str:
        self.written += 1
        message_id = f"m{self.written}"
        raw = {"id": message_id, "sender": "u1", "at": datetime.now(UTC), "text": text, "reply_to": reply_to or None}
        transcript = Transcript.model_validate({"id": self.group, "members": [{"id": "u1", "name": "3栋老张"}], "messages": [raw]})
        async for message in transcript.heard():
            await self.lines.put(message)
        return message_id

    async def edit(self, message_id: str, text: str) -> None:
        raise NotImplementedError

    async def press(self, message_id: str, action: str) -> None:
        raise NotImplementedError

    async def send_photo(self, jpeg: bytes, text: str) -> str:
        raise NotImplementedError

    async def send_location(self, lat: float, long: float) -> str:
        raise NotImplementedError

    async def shown(self) -> list[Shown]:
        return [Shown(i, s.text, tuple(b.action for row in s.buttons for b in row)) for i, s in self.channel.shown.items()]


@asynccontextmanager
async def replay_rig(redis: Redis, redis_url: str, folder: Path) -> AsyncIterator[Rig]:
    lines: asyncio.Queue[ChatMessage] = asyncio.Queue()

    async def written() -> AsyncIterator[ChatMessage]:
        while True:
            yield await lines.get()

    rig = ReplayRig(ReplayChannel("t001", written()), lines)
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(rig.channel.hear(rig.ear))
        yield rig
        hearing.cancel()


RIGS: dict[str, Callable[[Redis, str, Path], AbstractAsyncContextManager[Rig]]] = {
    "replay": replay_rig,
    "telegram": telegram_rig,
    "web": web_rig,
}
ABILITIES = {"replay": ReplayRig.can, "telegram": TelegramRig.can, "web": WebRig.can}
