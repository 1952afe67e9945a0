"""A running web channel on a real socket and a real Redis, with an ear that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.contract import ChatMessage
from bot.channels.web.channel import WebChannel, listen

GROUP = "g-yunshan-03"


class RememberingEar:
    """Stores like the streams do: the same key once. `deaf` raises, as when the stream is out of reach."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self.deaf = False

    async def heard(self, message: ChatMessage) -> bool:
        if self.deaf:
            raise ConnectionError("the stream is out of reach")
        if message.key in {m.key for m in self.messages}:
            return False
        self.messages.append(message)
        return True

    def of(self, kind: str) -> list[ChatMessage]:
        return [m for m in self.messages if m.kind == kind]


class Chat:
    """The running channel, its ear, and a browser's requests."""

    def __init__(self, channel: WebChannel, ear: RememberingEar, http: httpx.AsyncClient) -> None:
        self.channel, self.ear, self.http = channel, ear, http
        self._count = 0

    async def post(self, who: str, text: Any, **more: Any) -> httpx.Response:
        self._count += 1
        body = {"who": who, "chat": GROUP, "nonce": f"nonce-{self._count:06}", "text": text} | more
        return await self.http.post("/chat/messages", json=body)

    async def state(self, who: str) -> dict[str, Any]:
        answer = await self.http.get("/chat/state", params={"who": who})
        return dict(answer.raise_for_status().json())

    async def group(self, who: str = "p-zhang") -> list[dict[str, Any]]:
        return list((await self.state(who))["chats"][0]["messages"])


async def running(redis_url: str, uploads: Path, ear: RememberingEar, **settings: Any) -> AsyncIterator[Chat]:
    sock = listen("127.0.0.1", 0)
    channel = WebChannel(redis_url, uploads, sock=sock, **settings)
    hearing = asyncio.create_task(channel.hear(ear))
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as http:
        yield Chat(channel, ear, http)
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)


@pytest.fixture
def ear() -> RememberingEar:
    return RememberingEar()


@pytest.fixture
async def chat(redis_url: str, tmp_path: Path, ear: RememberingEar) -> AsyncIterator[Chat]:
    async for running_chat in running(redis_url, tmp_path, ear):
        yield running_chat
