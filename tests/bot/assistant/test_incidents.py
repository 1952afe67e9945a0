"""One trouble of two groups with the real intake API: each hears of it once, and who asks the same is pointed to it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.assistant.turn import BUDGET
from intake_api.contracts import ChatSettings, IncidentIn, IncidentSay, Merge, Unmerge
from intake_api.grids.service import put_settings
from intake_api.incidents import service
from intake_api.incidents.worker import Watch
from intake_api.security import Principal
from intake_api.tickets.desk import open_desk
from tests.bot.assistant.conftest import Town, to
from tests.flows.stage import GROUP

BOSS = Principal("person", "root", "管理员", "administrator")


@pytest.fixture
async def watch(town: Town, tmp_path: Any) -> Watch:
    settings = town.app.state.settings.model_copy(update={"models_dir": tmp_path})
    return Watch(town.app.state.db, settings, town.app.state.vault, "test", lambda: town.now)


async def by_hand(town: Town, words: str = "", *, close: str = "") -> None:
    """An administrator opens the incident of these tests with words for everybody, or ends it."""
    async with town.app.state.db.writing() as session:
        desk = await open_desk(session, town.app.state.settings, town.app.state.vault, town.now)
        wanted = IncidentIn(key="k", grid=town.grid.code, category="facility.water", title="梧桐苑停水", words=words, everyone=True)
        incident = await service.open_by_hand(desk, wanted, BOSS)
        if close:
            await service.say(desk, incident.id, IncidentSay(words=close, close=True), BOSS)


async def test_two_groups_without_water_hear_once_that_it_is_one_trouble(town: Town, watch: Watch) -> None:
    await town.hear("u1", "3栋停水了，一滴水都没有")
    await town.hear("u2", "我家也停水了，3栋")
    await town.hear("u5", "6栋停水了，一滴水都没有", chat_id="g2")
    await watch.look()
    said = await town.pump()
    assert [s.chat_id for s in said if "附近几个群" in s.text] == [GROUP, "g2"]
    await watch.look()
    assert [s for s in await town.pump() if "附近" in s.text] == []
    said = await town.hear("u7", "9栋也没水，一滴水都没有", chat_id="g2")
    assert "一起处理" in "".join(s.text for s in to("g2", said))


async def test_a_planned_outage_answers_by_itself_until_it_is_over(town: Town) -> None:
    await by_hand(town, "明早九点到十二点检修水管，请提前备水")
    (notice,) = to(GROUP, await town.pump())
    assert "请提前备水" in notice.text
    (answer,) = await town.hear("u1", "请问今天为什么停水？什么时候能来水？")
    assert "正在统一处理" in answer.text
    assert "CH-" not in answer.text, "no ticket for what is known"
    assert await town.hear("u2", "请问什么时候来水？") == [], "the answer stands a moment above"
    alone = await town.hear("u3", "别人家都有水，就我家3栋2单元301停水，一滴水都没有")
    assert "一起处理" not in "".join(s.text for s in to(GROUP, alone))
    await by_hand(town, close="水已恢复。")
    (over,) = to(GROUP, await town.pump())
    assert "水已恢复" in over.text
    assert "正在统一处理" not in "".join(s.text for s in await town.hear("u4", "请问什么时候来水？"))


async def test_a_group_that_spent_its_budget_still_hears_the_news(town: Town) -> None:
    await town.hear("u1", "大家早上好")
    town.memory.chats[f"web:{GROUP}"].spoke_at = [town.now] * BUDGET
    await by_hand(town, "正在抢修，预计今晚恢复")
    (notice,) = to(GROUP, await town.pump())
    assert "正在抢修" in notice.text


async def test_questions_of_the_night_are_no_heap_of_answers_in_the_morning(town: Town) -> None:
    await by_hand(town, "正在抢修，预计今晚恢复")
    await town.pump()
    async with town.app.state.db.writing() as session:
        await put_settings(session, "web", GROUP, ChatSettings(quiet_from=8, quiet_to=12))
    for who in ("u1", "u2", "u3"):
        assert await town.hear(who, "请问今天为什么停水？什么时候能来水？", after_s=120) == []
    assert await town.wait(5 * 3600) == []


@pytest.mark.parametrize("words", ["请问自来水过户怎么办理？", "请问二次供水水质检测报告在哪里看？", "请问燃气费怎么缴？"])
async def test_another_question_about_water_is_not_taken_for_the_outage(town: Town, words: str) -> None:
    await by_hand(town, "正在抢修，预计今晚恢复")
    await town.pump()
    assert "正在统一处理" not in "".join(s.text for s in await town.hear("u1", words))


async def test_after_redis_was_lost_the_group_still_knows_its_incidents(town: Town) -> None:
    await by_hand(town, "正在抢修，预计今晚恢复")
    await town.pump()
    town.memory.chats.clear()
    said = await town.hear("u1", "请问今天为什么停水？什么时候能来水？")
    assert "正在抢修" in said[0].text


async def test_after_an_unmerge_words_find_their_own_matter_again(town: Town) -> None:
    await town.hear("u1", "3栋2单元电梯坏了，停在6楼不动")
    lift = await town.only_ticket()
    await town.hear("u2", "3栋1单元的门禁坏了，刷卡打不开")
    door = next(t.id for t in (await town.client.tickets()).tickets if t.id != lift.id)
    await town.act(lift.id, Merge(act="merge", into=door, as_handle="web:w1"))
    await town.act(lift.id, Unmerge(act="unmerge", as_handle="web:w1"))
    town.told = 0
    await town.pump()  # all news once more, as after a crash
    await town.hear("u1", "补充一下，3栋2单元的电梯现在停在7楼", reply_to="m1", after_s=5)
    assert any("7楼" in m.text for m in (await town.client.ticket(lift.id)).messages)
    assert not any("7楼" in m.text for m in (await town.client.ticket(door)).messages)
    known = town.memory.chats[f"web:{GROUP}"].matters
    assert known[door].senders == ["web:u2"]
    assert known[door].unlike == ["3栋2单元电梯坏了，停在6楼不动"]
