"""What a browser is told: the state of its chats once, then every change, from where it last was."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from redis.exceptions import RedisError

from bot.channels.web.feed import Feed
from bot.channels.web.log import ChatLog
from bot.channels.web.play import Player
from bot.channels.web.sample import Person, Sample

PAGE = 80
# proxies close silent connections after a minute; this is also how late a lost wake-up is noticed at worst
HEARTBEAT_S = 15
_CURSOR = re.compile(r"^\d{1,20}-\d{1,20}(~\d{1,20}-\d{1,20})*$")


async def snapshot(log: ChatLog, player: Player, sample: Sample, person: Person) -> dict[str, Any]:
    """The newest messages of a person's chats and the cursor from which changes follow.

    The cursor is read first: a change in between is told twice, which changes nothing, and never lost.
    """
    chats = sample.chats_of(person)
    cursor = "~".join([await log.position(chat) for chat in chats])
    views = []
    for chat in chats:
        messages, more = await log.latest(chat, PAGE)
        shown = [message.model_dump(mode="json") for message in messages]
        views.append({"id": chat, "kind": "group" if chat == sample.group_id else "private", "messages": shown, "more": more})
    return {"chats": views, "cursor": cursor, "play": await player.state()}


async def events(log: ChatLog, feed: Feed, chats: tuple[str, ...], after: str) -> AsyncIterator[str]:
    """Server-sent events after a cursor: `message`, `play`, and `reset` when the browser must load afresh."""
    if not _CURSOR.match(after) or after.count("~") != len(chats) - 1:
        yield "event: reset\ndata: {}\n\n"
        return
    at = dict(zip(chats, after.split("~"), strict=True))
    yield "retry: 1500\n\n"
    with feed.watch(chats) as bell:
        while not feed.closing:
            bell.clear()
            try:
                for chat in chats:
                    found = await log.changes(chat, at[chat])
                    if found is None:
                        yield "event: reset\ndata: {}\n\n"
                        return
                    for entry, kind, body in found:
                        at[chat] = entry
                        cursor = "~".join(at[name] for name in chats)
                        yield f'id: {cursor}\nevent: {kind}\ndata: {{"chat":{json.dumps(chat)},"{kind}":{body}}}\n\n'
                    if len(found) >= 500:
                        bell.set()
            except RedisError:
                # the browser reconnects with its cursor and goes on from there
                return
            try:
                await asyncio.wait_for(bell.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
