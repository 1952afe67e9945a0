"""The sample morning plays once a run, can be stopped, and goes on after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.channels.web.play import Player
from bot.channels.web.sample import load_morning, load_sample, load_wording
from tests.bot.channels.web.conftest import Chat, RememberingEar, running

RUN = "run-00000001"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same morning without its pauses."""
    whole = Player.__init__

    def without_pauses(self: Player, *arguments: object) -> None:
        whole(self, *arguments)  # type: ignore[arg-type]
        lines = tuple(line.model_copy(update={"pause_s": 0.001}) for line in self.morning.messages)
        self.morning = self.morning.model_copy(update={"messages": lines})

    monkeypatch.setattr(Player, "__init__", without_pauses)


async def ended(chat: Chat) -> str:
    while (state := (await chat.channel.player.state())["state"]) == "playing":  # noqa: ASYNC110 - the state is in Redis
        await asyncio.sleep(0.01)
    return str(state)


async def test_the_morning_is_heard_whole_and_once(chat: Chat) -> None:
    for _ in range(3):
        await chat.http.post("/chat/play", json={"run": RUN})
    assert await ended(chat) == "done"
    await chat.http.post("/chat/play", json={"run": RUN})
    heard = chat.ear.of("message")
    assert [m.text for m in heard] == [line.text for line in load_morning(load_sample()).messages]
    assert len({m.sender.id for m in heard}) >= 8
    assert sum(bool(m.media) for m in heard) == 1
    assert {m.reply_to for m in heard if m.reply_to} <= {m.message_id for m in heard}


async def test_a_second_run_is_another_morning(chat: Chat) -> None:
    for run in (RUN, "run-00000002"):
        await chat.http.post("/chat/play", json={"run": run})
        await ended(chat)
    assert len(chat.ear.of("message")) == 2 * len(chat.channel.player.morning.messages)


def pause_before(chat: Chat, number: int) -> None:
    """Let the player wait for an hour before the message of that number."""
    lines = list(chat.channel.player.morning.messages)
    lines[number] = lines[number].model_copy(update={"pause_s": 3600})
    chat.channel.player.morning = chat.channel.player.morning.model_copy(update={"messages": tuple(lines)})


async def sent(chat: Chat, count: int) -> None:
    while (await chat.channel.player.state())["sent"] < count:  # noqa: ASYNC110 - the state is in Redis
        await asyncio.sleep(0.01)


async def test_a_stopped_run_sends_no_more_and_can_go_on(chat: Chat) -> None:
    whole = chat.channel.player.morning
    pause_before(chat, 3)
    await chat.http.post("/chat/play", json={"run": RUN})
    await sent(chat, 3)
    stopped = (await chat.http.post("/chat/play/stop", json={})).json()
    assert (stopped["state"], stopped["sent"]) == ("stopped", 3)
    chat.channel.player.morning = whole
    await chat.http.post("/chat/play", json={"run": RUN})
    assert await ended(chat) == "done"
    assert len(chat.ear.of("message")) == stopped["total"]


async def test_a_run_goes_on_after_a_restart(redis_url: str, tmp_path: Path) -> None:
    ear = RememberingEar()
    async for first in running(redis_url, tmp_path, ear):
        await first.state("p-zhang")
        pause_before(first, 5)
        await first.http.post("/chat/play", json={"run": RUN})
        await sent(first, 5)
    async for second in running(redis_url, tmp_path, ear):
        await second.state("p-zhang")
        assert await ended(second) == "done"
        assert len(ear.of("message")) == len(second.channel.player.morning.messages)


def test_every_state_has_a_name_and_every_refusal_a_sentence() -> None:
    from typing import get_args

    from bot.channels.web.room import Refusal
    from intake_api.contracts import State

    wording = load_wording()
    assert set(wording["script"]["states"]) == set(get_args(State))
    assert set(get_args(Refusal)) <= set(wording["refused"])
