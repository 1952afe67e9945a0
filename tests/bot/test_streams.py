"""Everything heard is kept once; what cannot be handled is set aside with its error, masked."""

import asyncio
from datetime import UTC, datetime

from redis.asyncio import Redis

from bot.channels.contract import ChatMessage, Sender, Speech
from bot.streams import POISON, Streams
from intake_api.contracts import shard_of


def message(n: int = 1, text: str = "路灯不亮") -> ChatMessage:
    return ChatMessage(channel="web", chat_id="g", message_id=str(n), sender=Sender(id="u"), at=datetime.now(UTC), text=text)


async def test_the_same_message_heard_twice_is_one(redis: Redis) -> None:
    streams = Streams(redis, 4)
    assert await streams.heard(message())
    assert not await streams.heard(message())
    shard = shard_of("web", "g", 4)
    await streams.prepare(shard)
    entries = await streams.fresh([shard], 10, 10)
    assert [e.body for e in entries] == [message(1).model_copy(update={"at": entries[0].body.at})]  # type: ignore[union-attr]


async def test_an_edit_is_another_thing_heard(redis: Redis) -> None:
    streams = Streams(redis, 4)
    await streams.heard(message())
    assert await streams.heard(message().model_copy(update={"kind": "edit", "edit_version": 1}))


async def test_the_same_speech_is_queued_once(redis: Redis) -> None:
    streams = Streams(redis, 4)
    speech = Speech(key="k", channel="web", chat_id="g", text="好的")
    assert await streams.say(speech)
    assert not await streams.say(speech)
    assert await redis.xlen("speech:web") == 1


async def test_what_was_taken_and_not_finished_is_found_again_in_order(redis: Redis) -> None:
    streams = Streams(redis, 1)
    await streams.prepare(0)
    for n in range(5):
        await streams.heard(message(n))
    first = await streams.fresh([0], 10, 10)
    await streams.done(first[0])
    again = await Streams(redis, 1).pending(0)
    assert [e.body.message_id for e in again] == ["1", "2", "3", "4"]  # type: ignore[union-attr]
    assert await redis.xlen("heard:0") == 4, "what is done leaves the stream: its length is the backlog"


async def test_of_what_is_finished_together_each_leaves_its_stream_and_no_other(redis: Redis) -> None:
    streams = Streams(redis, 2)
    chats = {shard_of("web", chat, 2): chat for chat in "abcdefgh"}
    for shard, chat in chats.items():
        await streams.prepare(shard)
        for n in range(3):
            await streams.heard(message(n).model_copy(update={"chat_id": chat}))
    entries = await streams.fresh([0, 1], 10, 10)
    finished = [e for e in entries if e.body and e.body.message_id != "1"]  # type: ignore[union-attr]
    finishing = [asyncio.create_task(streams.done(entry)) for entry in finished]
    await asyncio.sleep(0)
    finishing[0].cancel()  # its lane was given up: the others' work is done all the same
    await asyncio.gather(*finishing, return_exceptions=True)
    left = [e for shard in (0, 1) for e in await Streams(redis, 2).pending(shard)]
    assert len(finished) == 4
    assert [e.body.message_id for e in left] == ["1", "1"]  # type: ignore[union-attr]
    assert await redis.xlen("heard:0") == await redis.xlen("heard:1") == 1


async def test_poison_is_set_aside_with_its_error_and_without_personal_data(redis: Redis) -> None:
    streams = Streams(redis, 1)
    await streams.prepare(0)
    await redis.xadd("heard:0", {"body": '{"not": "a message", "phone": "13800138000"}'})
    entry = (await streams.fresh([0], 10, 10))[0]
    assert entry.body is None
    assert "unreadable" in entry.error
    await streams.set_aside(entry, entry.error)
    (_, fields), *_ = await redis.xrange(POISON)
    assert "unreadable" in fields["error"]
    assert "13800138000" not in fields["payload"]
    assert await redis.xlen("heard:0") == 0
