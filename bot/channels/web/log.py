"""What stands in a chat, kept in Redis: the web chat is its own messenger, so it needs its own memory of messages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict
from redis.asyncio import Redis

from bot.channels.contract import Button, ChatMessage, Media, Sender

# A chat remembers this many messages; older ones leave the page (tickets keep theirs in the intake API).
KEPT = 5_000
# Changes kept for browsers that reconnect; one that was away for longer loads the chat afresh.
CHANGES_KEPT = 2_000
CHANGED = "web:changed"

# One step: a message stands in the log, its change is announced and the duty to have it heard is noted, or nothing happened.
# A version that is not newer than the one shown changes nothing: that makes speaking and posting idempotent.
_PUT = """
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old and tonumber(cjson.decode(old).version) >= tonumber(ARGV[3]) then return {0, old} end
if not old then
  if redis.call('RPUSH', KEYS[2], ARGV[1]) > tonumber(ARGV[6]) then
    redis.call('HDEL', KEYS[1], redis.call('LPOP', KEYS[2]))
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', 'message', ARGV[2])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[4], ARGV[4], ARGV[5]) end
redis.call('PUBLISH', ARGV[8], ARGV[9])
return {1, ARGV[2]}
"""


class Quote(BaseModel):
    """The quoted message as it was when it was quoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    text: str
    card_id: str = ""


class Picture(Media):
    """A photo with its size in pixels, so that the page can keep its place before it is loaded."""

    width: int = 0
    height: int = 0


class Shown(BaseModel):
    """A message as it stands in a chat. `version` grows with every edit; `state` and `urgency` colour a card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    sender: Sender
    at: AwareDatetime
    text: str = ""
    quote: Quote | None = None
    media: tuple[Picture, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    card_id: str = ""
    version: int = 0
    edited: bool = False
    state: str = ""
    urgency: str = ""


class ChatLog:
    """Messages of every chat. All keys of a chat carry its name in braces, so that a Redis Cluster keeps them together."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._put = redis.register_script(_PUT)

    @staticmethod
    def _key(chat: str, part: str) -> str:
        return f"web:{{{chat}}}:{part}"

    async def put(self, chat: str, shown: Shown, unheard: ChatMessage | None = None) -> tuple[bool, Shown]:
        """Show a message, or a newer version of one. → (whether anything changed, what stands there now).

        With `unheard`, the duty to hand that message to the ear is noted in the same step.
        """
        body = shown.model_dump_json()
        heard_key, heard_body = (unheard.key, unheard.model_dump_json()) if unheard else ("", "")
        keys = [self._key(chat, part) for part in ("messages", "order", "changes", "unheard")]
        arguments: list[str | int] = [shown.id, body, shown.version, heard_key, heard_body, KEPT, CHANGES_KEPT, CHANGED, chat]
        changed, standing = await self._put(keys=keys, args=arguments)
        return bool(changed), Shown.model_validate_json(standing)

    async def get(self, chat: str, message_id: str) -> Shown | None:
        body = await cast(Any, self.redis.hget(self._key(chat, "messages"), message_id))
        return Shown.model_validate_json(body) if body else None

    async def latest(self, chat: str, count: int, before: str = "") -> tuple[list[Shown], bool]:
        """The newest `count` messages, oldest first, or those before a message; and whether there are earlier ones."""
        order = self._key(chat, "order")
        length = cast(int, await cast(Any, self.redis.llen(order)))
        end = length
        if before:
            end = cast("int | None", await cast(Any, self.redis.lpos(order, before))) or 0
        start = max(0, end - count)
        ids = await cast(Any, self.redis.lrange(order, start, end - 1)) if end else []
        bodies = await cast(Any, self.redis.hmget(self._key(chat, "messages"), ids)) if ids else []
        return [Shown.model_validate_json(body) for body in bodies if body], start > 0

    # ---- the duty to be heard
    async def heard(self, chat: str, message: ChatMessage) -> None:
        await cast(Any, self.redis.hdel(self._key(chat, "unheard"), message.key))

    async def unheard(self, chat: str) -> AsyncIterator[ChatMessage]:
        """Messages that stand in the chat and never reached the ear: the process died, or the ear was out of reach."""
        left = await cast(Any, self.redis.hvals(self._key(chat, "unheard")))
        for message in sorted((ChatMessage.model_validate_json(body) for body in left), key=lambda m: m.at):
            yield message

    # ---- changes
    async def announce(self, chat: str, kind: str, body: dict[str, Any]) -> None:
        """Tell the browsers of a chat something that is not a message."""
        fields = {kind: json.dumps(body, ensure_ascii=False)}
        key = self._key(chat, "changes")
        await self.redis.xadd(key, cast(dict[Any, Any], fields), maxlen=CHANGES_KEPT, approximate=True)
        await self.redis.publish(CHANGED, chat)

    async def position(self, chat: str) -> str:
        """The id of the newest change, "0-0" when there is none."""
        newest = await self.redis.xrevrange(self._key(chat, "changes"), count=1)
        return cast(str, newest[0][0]) if newest else "0-0"

    async def changes(self, chat: str, after: str) -> list[tuple[str, str, str]] | None:
        """(id, kind, JSON) of the changes after a position; None when it is so old that some of them are gone."""
        key = self._key(chat, "changes")
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xrange(key, count=1)
            pipe.xrange(key, min=f"({after}", count=500)
            oldest, found = await pipe.execute()
        if after != "0-0" and oldest and _order(oldest[0][0]) > _order(after):
            return None
        return [(entry, kind, body) for entry, fields in found for kind, body in fields.items()]


def _order(stream_id: str) -> tuple[int, int]:
    milliseconds, _, count = stream_id.partition("-")
    return int(milliseconds), int(count or 0)
