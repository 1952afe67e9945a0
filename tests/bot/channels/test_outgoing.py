"""The mouth: once, in order, at the platform's pace, whatever breaks. On a real Redis. Long: one promise a test, one set of helpers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.channels.contract import Ear, Fetch, Media, SpeakError, Speech, Spoken
from bot.channels.ledger import Ledger
from bot.channels.outgoing import Manners, Pace, Rate, Speaker
from bot.streams import Streams
from tests.redis_server import RedisServer

QUICK = Pace(lease_s=0.6, backoff_s=0.02, backoff_most_s=0.1, take_over_s=0.5)


class Wall:
    """A channel that writes on a wall: every call is kept, `script` decides what goes wrong."""

    name = "wall"

    def __init__(self, manners: Manners | None = None, script: Callable[[Speech, int], Awaitable[None]] | None = None) -> None:
        if manners is not None:
            self.manners = manners
        self.script = script
        self.calls: list[tuple[float, Speech, str | None]] = []
        self.messages: dict[str, str] = {}

    async def hear(self, ear: Ear) -> None:
        raise NotImplementedError

    async def speak(self, speech: Speech, message_id: str | None) -> Spoken:
        self.calls.append((time.monotonic(), speech, message_id))
        if self.script:
            await self.script(speech, sum(1 for _, s, _ in self.calls if s.key == speech.key))
        message_id = message_id or str(len(self.messages) + 1)
        self.messages[message_id] = speech.text
        return Spoken(message_id=message_id)

    async def fetch(self, media: Media) -> tuple[bytes, str]:
        if media.ref == "gone":
            raise SpeakError("the file is gone")
        return media.ref.encode(), media.mime

    @property
    def texts(self) -> list[str]:
        return [speech.text for _, speech, _ in self.calls]


def speech(key: str, text: str = "", chat: str = "-1", **more: Any) -> Speech:
    return Speech(key=key, channel="wall", chat_id=chat, text=text or key, **more)


async def say(redis: Redis, *items: Speech | Fetch) -> None:
    streams = Streams(redis, 1)
    for item in items:
        await streams.say(item)


async def until(met: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what must come; the test run's own patience is the only limit."""
    while True:
        answer = met()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        await asyncio.sleep(0.01)


async def quiet(redis: Redis) -> None:
    """Until nothing is left to say."""

    async def empty() -> bool:
        return bool(await redis.xlen("speech:wall") == 0)

    await until(empty)


@asynccontextmanager
async def speaking(redis: Redis, channel: Wall, intake: Any = None, **more: Any) -> AsyncIterator[Speaker]:
    speaker = Speaker(redis, channel, intake, pace=more.pop("pace", QUICK), **more)
    task = asyncio.ensure_future(speaker.run())
    try:
        yield speaker
    finally:
        speaker.stop()
        await task


async def poison(redis: Redis) -> list[dict[str, str]]:
    answer: Any = await redis.xrange("poison")
    return [fields for _, fields in answer]


async def test_a_chat_hears_everything_once_and_in_order(redis: Redis) -> None:
    wall = Wall()
    await say(redis, *[speech(f"k{n}") for n in range(5)], speech("k1"))
    # the same speech straight into the stream, past the publisher's own memory of keys
    await redis.xadd("speech:wall", {"type": "speech", "body": speech("k2").model_dump_json()})
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["k0", "k1", "k2", "k3", "k4"]


async def test_a_card_is_one_message_that_is_edited_and_skips_states_nobody_saw(redis: Redis) -> None:
    hold = asyncio.Event()

    async def first_is_slow(said: Speech, _attempt: int) -> None:
        if said.version == 1:
            await hold.wait()

    wall = Wall(script=first_is_slow)
    async with speaking(redis, wall) as speaker:
        await say(redis, speech("a", "已受理", card_id="t1", version=1))
        await until(lambda: len(wall.calls) == 1)
        await say(redis, *[speech(f"b{v}", f"第{v}版", card_id="t1", version=v) for v in (2, 4, 3)], speech("c", "别的"))
        await until(lambda: len(speaker._speech.lanes) == 2)
        hold.set()
        await quiet(redis)
        await say(redis, speech("late", "旧的", card_id="t1", version=3), speech("same", "又来", card_id="t1", version=4))
        await quiet(redis)
    assert wall.texts == ["已受理", "第4版", "别的"]
    assert wall.messages == {"1": "第4版", "2": "别的"}
    assert await speaker.ledger.card_of("-1", "1") == "t1"


async def test_urgent_speech_passes_a_queue_that_waits_for_its_rate(redis: Redis) -> None:
    slow = Rate(count=3, window_s=2.5, reserved=1)
    wall = Wall(Manners(rate_of=lambda _chat: slow))
    await say(redis, *[speech(f"k{n}") for n in range(4)])
    async with speaking(redis, wall):
        await until(lambda: len(wall.calls) == 2)
        await say(redis, speech("fire", "立即撤离", urgent=True))
        await quiet(redis)
    assert wall.texts == ["k0", "k1", "立即撤离", "k2", "k3"]


async def test_no_window_holds_more_than_the_rate_even_over_a_restart(redis: Redis) -> None:
    rate, total = Rate(count=4, window_s=0.5), Rate(count=6, window_s=0.25)
    wall = Wall(Manners(total=total, rate_of=lambda _chat: rate))
    await say(redis, *[speech(f"{chat}{n}", chat=chat) for n in range(8) for chat in ("-1", "-2", "-3")])
    async with speaking(redis, wall):
        await until(lambda: len(wall.calls) >= 10)
    async with speaking(redis, wall):
        await quiet(redis)
    assert len(wall.calls) == 24
    for chat in ("-1", "-2", "-3"):
        times = [at for at, said, _ in wall.calls if said.chat_id == chat]
        assert all(later - earlier > 0.3 for earlier, later in zip(times, times[4:], strict=False))
    times = [at for at, _, _ in wall.calls]
    assert all(later - earlier > 0.1 for earlier, later in zip(times, times[6:], strict=False))


async def test_a_pause_the_platform_asks_for_holds_one_chat_only(redis: Redis) -> None:
    async def flood(said: Speech, attempt: int) -> None:
        if said.key == "a0" and attempt == 1:
            raise SpeakError("flood control", retry_after_s=0.5)

    wall = Wall(script=flood)
    await say(redis, speech("a0"), speech("a1"), speech("b0", chat="-2"), speech("b1", chat="-2"))
    async with speaking(redis, wall):
        await quiet(redis)
    assert [text for text in wall.texts if text.startswith("a")] == ["a0", "a0", "a1"]
    assert wall.texts[-2:] == ["a0", "a1"]
    first, again = [at for at, said, _ in wall.calls if said.key == "a0"]
    assert again - first >= 0.45


async def test_a_network_that_comes_back_changes_no_order_and_loses_nothing(redis: Redis) -> None:
    async def down(_said: Speech, attempt: int) -> None:
        if attempt < 4:
            raise SpeakError("connection refused", retry_after_s=0.0)

    wall = Wall(script=down)
    await say(redis, *[speech(f"k{n}") for n in range(3)])
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["k0"] * 4 + ["k1"] * 4 + ["k2"] * 4
    assert len(wall.messages) == 3


async def test_what_can_never_be_said_is_set_aside_and_the_next_goes_on(redis: Redis) -> None:
    async def blocked(said: Speech, _attempt: int) -> None:
        if said.key == "bad":
            raise SpeakError("Forbidden: bot was kicked from the group chat")
        if said.key == "bug":
            raise ZeroDivisionError("a bug")

    wall = Wall(script=blocked)
    await redis.xadd("speech:wall", {"type": "speech", "body": '{"key": "half"'})
    await redis.xadd("speech:wall", {"rubbish": "1"})
    await say(redis, speech("bad"), speech("bug"), speech("good"))
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["bad", "bug", "good"]
    errors = [row["error"] for row in await poison(redis)]
    assert len(errors) == 4
    assert {row["stream"] for row in await poison(redis)} == {"speech:wall"}
    assert any("kicked" in error for error in errors)
    # a person may put it back
    wall.script = None
    await redis.xadd("speech:wall", {"type": "speech", "body": speech("bad").model_dump_json()})
    async with speaking(redis, wall):
        await quiet(redis)
    assert list(wall.messages.values()) == ["good", "bad"]


async def test_what_could_not_be_delivered_for_too_long_is_set_aside(redis: Redis) -> None:
    async def down(_said: Speech, _attempt: int) -> None:
        raise SpeakError("connection refused", retry_after_s=0.0)

    wall = Wall(script=down)
    await redis.xadd("speech:wall", {"type": "speech", "body": speech("old").model_dump_json()}, id="1700000000000-0")
    async with speaking(redis, wall):
        await quiet(redis)
    assert "given up" in (await poison(redis))[0]["error"]


async def died_while_saying(redis: Redis, *items: Speech) -> None:
    """The state a killed speaker leaves: entries read and in flight, nothing marked, the lease running out."""
    dead = Ledger(redis, "wall", token="dead", lease_s=0.3)
    await say(redis, *items)
    await redis.xgroup_create("speech:wall", "speaker", id="0", mkstream=True)
    await redis.xreadgroup("speaker", "dead", {"speech:wall": ">"}, count=100)
    assert await dead.hold()
    for item in items:
        leave = await dead.begin(item.key, item.chat_id, card_id=item.card_id, version=item.version)
        assert leave.verdict == "go"


async def test_what_was_maybe_said_is_repeated_only_if_it_is_urgent(redis: Redis) -> None:
    wall = Wall()
    await died_while_saying(redis, speech("ack"), speech("fire", urgent=True))
    await say(redis, speech("next"))
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["fire", "next"]
    assert await redis.get("spoken:{speech:wall}:ack") == "uncertain"


async def test_an_edit_that_was_maybe_made_is_made_again(redis: Redis) -> None:
    wall = Wall()
    async with speaking(redis, wall):
        await say(redis, speech("v1", card_id="t1", version=1))
        await quiet(redis)
    await redis.xgroup_destroy("speech:wall", "speaker")
    await died_while_saying(redis, speech("v2", card_id="t1", version=2))
    async with speaking(redis, wall):
        await quiet(redis)
    assert [(said.key, message_id) for _, said, message_id in wall.calls] == [("v1", None), ("v2", "1")]


async def test_an_idempotent_channel_is_simply_asked_again(redis: Redis) -> None:
    wall = Wall()
    wall.idempotent = True  # type: ignore[attr-defined]
    await died_while_saying(redis, speech("ack"))
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["ack"]


async def test_a_break_after_the_request_went_out_is_treated_as_maybe_said(redis: Redis) -> None:
    async def cut(_said: Speech, attempt: int) -> None:
        if attempt == 1:
            raise SpeakError("read timed out", retry_after_s=0.0, uncertain=True)

    wall = Wall(script=cut)
    await say(redis, speech("ack"), speech("fire", urgent=True))
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["fire", "fire", "ack"]


async def test_speech_follows_a_chat_to_its_new_id_and_cards_are_said_anew_there(redis: Redis) -> None:
    async def moved(said: Speech, _attempt: int) -> None:
        if said.chat_id == "-1" and len(wall.calls) > 1:
            raise SpeakError("migrated", retry_after_s=0.0, moved_to="-1009")

    wall = Wall(script=moved)
    async with speaking(redis, wall):
        await say(redis, speech("v1", card_id="t1", version=1))
        await quiet(redis)
        await say(redis, speech("v2", card_id="t1", version=2), speech("w"), speech("v3", card_id="t1", version=3))
        await quiet(redis)
        await say(redis, speech("v4", card_id="t1", version=4))
        await quiet(redis)
    told = [(said.chat_id, said.key, message_id) for _, said, message_id in wall.calls if said.chat_id == "-1009"]
    assert told[-1] == ("-1009", "v4", "2")
    assert {"w", "v3"} <= {key for _, key, _ in told}
    assert list(wall.messages.values()).count("v4") == 1
    assert sum(1 for _, said, _ in wall.calls if said.chat_id == "-1") == 2


async def test_a_card_whose_message_is_gone_is_said_anew(redis: Redis) -> None:
    async def gone(_said: Speech, _attempt: int) -> None:
        if wall.calls[-1][2]:
            raise SpeakError("message to edit not found", gone=True)

    wall = Wall(script=gone)
    async with speaking(redis, wall) as speaker:
        await say(redis, speech("v1", card_id="t1", version=1))
        await quiet(redis)
        await say(redis, speech("v2", card_id="t1", version=2))
        await quiet(redis)
    assert [message_id for _, _, message_id in wall.calls] == [None, "1", None]
    assert await speaker.ledger.message_of("-1", "t1") == "2"


async def test_a_long_text_is_said_in_pieces_and_a_card_is_cut(redis: Redis) -> None:
    wall = Wall(Manners(parts=lambda text: [text[n : n + 4] for n in range(0, len(text), 4)]))
    async with speaking(redis, wall):
        await say(redis, speech("long", "一二三四五六七八九", reply_to="7"), speech("card", "一二三四五六", card_id="t1", version=1))
        await quiet(redis)
    assert wall.texts == ["一二三四", "五六七八", "九", "一二三四"]
    assert [said.reply_to for _, said, _ in wall.calls] == ["7", "", "", ""]


async def test_media_are_fetched_and_handed_over_once(redis: Redis) -> None:
    class Intake:
        def __init__(self) -> None:
            self.got: list[tuple[str, bytes, str, str]] = []
            self.down = 2

        async def add_media(self, ticket_id: str, data: bytes, mime: str, key: str, message_id: str = "") -> None:
            if self.down:
                self.down -= 1
                raise ConnectionError
            self.got.append((ticket_id, data, mime, key))

    def fetch(key: str, ref: str) -> Fetch:
        media = Media(kind="photo", ref=ref, mime="image/jpeg")
        return Fetch(key=key, channel="wall", chat_id="-1", message_id=key, ticket_id="t1", media=media)

    intake = Intake()
    await say(redis, fetch("f1", "one"), fetch("f2", "gone"), fetch("f3", "three"))
    await redis.xadd("speech:wall", {"type": "fetch", "body": fetch("f1", "one").model_dump_json()})
    async with speaking(redis, Wall(), intake):
        await quiet(redis)
    assert sorted(intake.got) == [("t1", b"one", "image/jpeg", "f1"), ("t1", b"three", "image/jpeg", "f3")]
    assert [row["error"] for row in await poison(redis)] == ["the file is gone"]


async def test_one_speaker_speaks_and_the_stand_by_takes_over(redis: Redis) -> None:
    first, second = Wall(), Wall()
    steady = Pace(lease_s=3.0)
    async with speaking(redis, second, pace=steady):
        # the stand-by started earlier holds the lease; the other one waits
        await say(redis, speech("k0"))
        await quiet(redis)
        async with speaking(redis, first, pace=steady):
            await say(redis, *[speech(f"k{n}") for n in range(1, 6)])
            await quiet(redis)
            assert first.calls == []
    async with speaking(redis, first):
        await say(redis, speech("k6"))
        await quiet(redis)
    assert second.texts == [f"k{n}" for n in range(6)]
    assert first.texts == ["k6"]


async def test_a_speaker_that_lost_its_lease_says_nothing_more(redis: Redis) -> None:
    wall = Wall(Manners(rate_of=lambda _chat: Rate(count=1, window_s=0.3)))
    await say(redis, *[speech(f"k{n}") for n in range(4)])
    async with speaking(redis, wall):
        await until(lambda: len(wall.calls) == 1)
        await redis.set("lease:{speech:wall}", "another", px=900)
        said = len(wall.calls)
        await asyncio.sleep(0.6)
        assert len(wall.calls) == said
        await quiet(redis)
    assert wall.texts == ["k0", "k1", "k2", "k3"]


async def test_a_graceful_stop_finishes_what_is_out_and_leaves_the_rest(redis: Redis) -> None:
    async def slow(_said: Speech, _attempt: int) -> None:
        await asyncio.sleep(0.2)

    wall = Wall(script=slow)
    await say(redis, speech("k0"), speech("k1"))
    async with speaking(redis, wall):
        await until(lambda: len(wall.calls) == 1)
    assert wall.texts == ["k0"]
    assert await redis.get("spoken:{speech:wall}:k0") == "said"
    assert await redis.exists("lease:{speech:wall}") == 0
    async with speaking(redis, wall):
        await quiet(redis)
    assert wall.texts == ["k0", "k1"]


async def test_being_cancelled_is_a_graceful_stop(redis: Redis) -> None:
    async def slow(_said: Speech, _attempt: int) -> None:
        await asyncio.sleep(0.2)

    wall = Wall(script=slow)
    await say(redis, speech("k0"))
    task = asyncio.ensure_future(Speaker(redis, wall, pace=QUICK).run())
    await until(lambda: len(wall.calls) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await redis.get("spoken:{speech:wall}:k0") == "said"


async def test_redis_killed_in_the_middle_loses_and_doubles_nothing() -> None:
    server = RedisServer()
    server.start()
    redis = Redis.from_url(server.url, decode_responses=True)

    async def slow(_said: Speech, _attempt: int) -> None:
        await asyncio.sleep(0.01)

    wall = Wall(script=slow)
    try:
        await say(redis, *[speech(f"{chat}:{n}", chat=str(chat)) for n in range(40) for chat in range(5)])
        async with speaking(redis, wall):
            await until(lambda: len(wall.calls) > 40)
            server.kill()
            await asyncio.sleep(0.3)
            server.start()
            await quiet(redis)
        assert sorted(wall.texts) == sorted(f"{chat}:{n}" for n in range(40) for chat in range(5))
    finally:
        await redis.aclose()
        server.close()


async def test_latency_is_measured_from_the_message_that_caused_the_speech(redis: Redis) -> None:
    async with speaking(redis, Wall(), sample_latency=True):
        await say(redis, speech("k", heard_at=datetime.now(UTC) - timedelta(seconds=3)), speech("unasked"))
        await quiet(redis)

        async def measured() -> bool:
            return bool(await redis.llen("latency:wall"))

        await until(measured)
    (seconds,) = await redis.lrange("latency:wall", 0, -1)
    assert 3.0 <= float(seconds) < 60
