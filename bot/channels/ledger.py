"""What a channel has said, kept in Redis: said marks, card map, pauses, rates, and the lease of the one who speaks.

Every key of a channel carries the hash tag `{speech:<channel>}`, the slot of its stream, so that one script may touch them
all on a Redis Cluster too:

- `spoken:{…}:<key>`              said, or dropped with a reason
- `inflight:{…}:<key>`            being said; left behind by a crash it means "maybe said"
- `card:{…}:<chat>:<card_id>`     hash message_id, version: where a card stands
- `cardof:{…}:<chat>:<message>`   the card a message is
- `moved:{…}:<chat>`              the chat's new id
- `pause:{…}:<chat>`              the platform said "not before"
- `sent:{…}:<chat>`, `sent:{…}`   when was something sent lately (sliding windows; they survive a restart)
- `lease:{…}`                     who speaks
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from redis.asyncio import Redis

# a speech is not asked for again after this long; the publishing side remembers its keys as long
MARK_TTL_S = 8 * 86_400
# a ticket's card is edited for as long as the ticket lives; each edit starts the time anew
CARD_TTL_S = 180 * 86_400
MOVED_TTL_S = 366 * 86_400

Verdict = Literal["go", "spoken", "stale", "uncertain", "moved", "wait", "wait_all", "lost"]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `window_s` seconds, of which `reserved` are for urgent speech only. count 0: no limit."""

    count: int = 0
    window_s: float = 1.0
    reserved: int = 0


NO_LIMIT = Rate()


@dataclass(frozen=True, slots=True)
class Leave:
    """The answer to "may I say this now": with `go`, `message_id` is the card's message to edit ("" = say it anew)."""

    verdict: Verdict
    message_id: str = ""
    wait_s: float = 0.0
    moved_to: str = ""


_BEGIN = """
local lease, spoken, inflight, card, moved, pause, sent, sent_all = unpack(KEYS)
local token, lease_ms, key, version, again, urgent, ttl = unpack(ARGV, 1, 7)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local holder = redis.call('GET', lease)
if holder and holder ~= token then return {'lost', ''} end
if not holder then redis.call('SET', lease, token, 'PX', lease_ms) end
if redis.call('EXISTS', spoken) == 1 then return {'spoken', ''} end
local to = redis.call('GET', moved)
if to then return {'moved', to} end

local message = ''
if ARGV[14] == '1' then
  local shown = redis.call('HMGET', card, 'message_id', 'version')
  if shown[1] then
    if tonumber(version) <= tonumber(shown[2]) then return {'stale', ''} end
    message = shown[1]
  end
end
if message == '' and again ~= '1' and redis.call('EXISTS', inflight) == 1 then return {'uncertain', ''} end

local paused = redis.call('PTTL', pause)
if paused > 0 then return {'wait', tostring(paused)} end
local function room(name, count, window, reserved)
  count, window, reserved = tonumber(count), tonumber(window), tonumber(reserved)
  if count == 0 then return 0 end
  if urgent == '1' then reserved = 0 end
  redis.call('ZREMRANGEBYSCORE', name, '-inf', now - window)
  local used, free = redis.call('ZCARD', name), count - reserved
  if used < free then return 0 end
  return redis.call('ZRANGE', name, used - free, used - free, 'WITHSCORES')[2] + window - now
end
local wait = room(sent, ARGV[8], ARGV[9], ARGV[10])
if wait > 0 then return {'wait', tostring(wait)} end
wait = room(sent_all, ARGV[11], ARGV[12], ARGV[13])
if wait > 0 then return {'wait_all', tostring(wait)} end

local member = key .. ':' .. time[1] .. time[2]
if tonumber(ARGV[8]) > 0 then redis.call('ZADD', sent, now, member); redis.call('PEXPIRE', sent, ARGV[9]) end
if tonumber(ARGV[11]) > 0 then redis.call('ZADD', sent_all, now, member); redis.call('PEXPIRE', sent_all, ARGV[12]) end
redis.call('SET', inflight, token, 'EX', ttl)
return {'go', message}
"""

# KEYS: stream, card, cardof, then spoken and inflight of every key.
# ARGV: group, ttl, value, message_id, version, card_id, card ttl, entries…
_FINISH = """
for i = 4, #KEYS, 2 do
  redis.call('SET', KEYS[i], ARGV[3], 'EX', ARGV[2])
  redis.call('DEL', KEYS[i + 1])
end
if ARGV[6] ~= '' and ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'message_id', ARGV[4], 'version', ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[7])
  redis.call('SET', KEYS[3], ARGV[6], 'EX', ARGV[7])
end
for i = 8, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
end
return 1
"""

_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Ledger:
    """The marks of one channel. `redis` decodes responses; `token` names this speaker."""

    def __init__(self, redis: Redis, channel: str, *, token: str = "", group: str = "speaker", lease_s: float = 5.0) -> None:
        self.redis = redis
        self.stream = f"speech:{channel}"
        self.group = group
        self._tag = "{" + self.stream + "}"
        self._token = token
        self._lease_ms = int(lease_s * 1000)
        self._begin = redis.register_script(_BEGIN)
        self._finish = redis.register_script(_FINISH)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    def _key(self, kind: str, *parts: str) -> str:
        return ":".join((kind, self._tag, *parts))

    async def hold(self) -> bool:
        """Take or renew the lease; False while somebody else has it."""
        return bool(await self._renew(keys=[self._key("lease")], args=[self._token, self._lease_ms]))

    async def release(self) -> None:
        await self._release(keys=[self._key("lease")], args=[self._token])

    async def begin(
        self, key: str, chat: str, *, card_id: str = "", version: int = 0, urgent: bool = False, again: bool = False,
        chat_rate: Rate = NO_LIMIT, total_rate: Rate = NO_LIMIT,
    ) -> Leave:  # fmt: skip
        """Ask for leave to say `key` now; with `go` it is marked in flight and counted.

        `again`: say it even if it was perhaps said before.
        """
        rates = [chat_rate, total_rate]
        numbers = [n for r in rates for n in (r.count, int(r.window_s * 1000), r.reserved)]
        keys = [
            self._key("lease"), self._key("spoken", key), self._key("inflight", key), self._key("card", chat, card_id),
            self._key("moved", chat), self._key("pause", chat), self._key("sent", chat), self._key("sent"),
        ]  # fmt: skip
        args: list[str | int] = [
            self._token,
            self._lease_ms,
            key,
            version,
            int(again),
            int(urgent),
            MARK_TTL_S,
            *numbers,
            int(bool(card_id)),
        ]
        verdict, value = cast(tuple[Verdict, str], await self._begin(keys=keys, args=args))
        if verdict in ("wait", "wait_all"):
            return Leave(verdict, wait_s=float(value) / 1000)
        return Leave(verdict, moved_to=value) if verdict == "moved" else Leave(verdict, message_id=value)

    async def finish(
        self, keys: tuple[str, ...], entries: tuple[str, ...], *, value: str = "said", chat: str = "", message_id: str = "",
        card_id: str = "", version: int = 0,
    ) -> None:  # fmt: skip
        """In one step: the keys are said, the card stands at `message_id`, the stream entries are done with."""
        marks = [name for key in keys for name in (self._key("spoken", key), self._key("inflight", key))]
        places = [self.stream, self._key("card", chat, card_id), self._key("cardof", chat, message_id)]
        args: list[str | int] = [self.group, MARK_TTL_S, value, message_id, version, card_id, CARD_TTL_S, *entries]
        await self._finish(keys=[*places, *marks], args=args)

    async def undo(self, key: str) -> None:
        """It was certainly not said: no longer in flight."""
        await self.redis.delete(self._key("inflight", key))

    async def said(self, key: str) -> bool:
        return bool(await self.redis.exists(self._key("spoken", key)))

    async def pause(self, chat: str, seconds: float) -> None:
        await self.redis.set(self._key("pause", chat), "1", px=max(1, int(seconds * 1000)))

    async def move(self, chat: str, to: str) -> None:
        await self.redis.set(self._key("moved", chat), to, ex=MOVED_TTL_S)
        # a chat that moved back must not send its speech round in a circle
        await self.redis.delete(self._key("moved", to))

    async def forget_card(self, chat: str, card_id: str) -> None:
        """The card's message is gone from the chat: the next state is said anew."""
        await self.redis.delete(self._key("card", chat, card_id))

    async def card_of(self, chat: str, message_id: str) -> str:
        """The card that `message_id` is, or ""."""
        return str(await self.redis.get(self._key("cardof", chat, message_id)) or "")

    async def message_of(self, chat: str, card_id: str) -> str:
        """The message where a card stands, or ""."""
        return str(await self.redis.hget(self._key("card", chat, card_id), "message_id") or "")
