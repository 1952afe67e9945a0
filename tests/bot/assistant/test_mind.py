"""One mind with its twins: failures half-way, later words, names, what the group never sees. Long: one promise a test, one stage."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.assistant.leases import LeaseLostError, Leases
from bot.assistant.local import LocalIntake
from bot.assistant.memory import ChatMemory, RedisMemory
from bot.assistant.mind import Mind
from bot.assistant.timers import Timers
from bot.assistant.worker import Worker
from bot.channels.contract import ChatMessage, Fetch, Media, Sender
from bot.settings import SHIPPED_MODELS
from bot.streams import Streams
from intake_api.client import IntakeError
from intake_api.contracts import ChatSettings, Event, ReportIn, SupplementIn, TicketView
from nlp.pipeline import Understander, load_shipped, load_understander
from nlp.schema import KINDS, Gazetteer, RankedCategory, Understanding, Utterance
from nlp.taxonomy import load_taxonomy
from tests.flows.stage import GROUP, Stage

LIFT = "3栋2单元电梯坏了，停在6楼不动"
NO_PLACE = "电梯坏了，困不住人但是不动了"
AWAY = IntakeError("unreachable", retryable=True)


@pytest.fixture
def stage() -> Stage:
    return Stage(settings=ChatSettings(quiet_from=0, quiet_to=0))


class Reports(LocalIntake):
    """Keeps the reports as they were sent; `away` makes that many calls fail after they were carried out."""

    away = 0

    def watch(self, other: LocalIntake) -> Reports:
        self.__dict__.update(other.__dict__)
        self.sent: list[ReportIn] = []
        return self

    async def create_report(self, report: ReportIn) -> Any:
        self.sent.append(report)
        receipt = await super().create_report(report)
        if self.away:
            self.away -= 1
            raise AWAY
        return receipt


def watched(stage: Stage, **ports: Any) -> Reports:
    stage.intake = intake = Reports.__new__(Reports).watch(stage.intake)
    stage.mind = Mind(replace(stage.mind.ports, intake=intake, **ports))
    return intake


# ---- a turn is whole or undone ----------------------------------------------------------------------------------------
async def test_a_message_tried_again_leaves_no_traces_of_the_first_tries(stage: Stage, redis: Redis) -> None:
    memory = RedisMemory(redis)
    intake = watched(stage, memory=memory)
    intake.away = 30
    message = ChatMessage(channel="web", chat_id=GROUP, message_id="1", sender=Sender(id="u1"), at=stage.now, text=LIFT)
    for _ in range(30):
        with pytest.raises(IntakeError):
            await stage.mind.hear(message)
    await stage.mind.hear(message)
    assert [s.text.splitlines()[0] for s in stage.speeches()] == ["已记下：3栋2单元电梯故障（CH-20260602-0001）"]
    kept = await memory.load(f"web:{GROUP}")
    assert kept is not None
    assert (len(kept.floods["web:u1"]), len(kept.recent), len(kept.handled)) == (1, 1, 1)


async def test_a_joiner_is_told_although_the_first_answer_got_lost(stage: Stage, redis: Redis) -> None:
    intake = watched(stage, memory=RedisMemory(redis))
    await stage.say("u1", LIFT)
    intake.away = 1
    message = ChatMessage(
        channel="web", chat_id=GROUP, message_id="j", sender=Sender(id="u2"), at=stage.now, text="我家也是，3栋2单元电梯坏了停在6楼"
    )
    with pytest.raises(IntakeError):
        await stage.mind.hear(message)
    await stage.mind.hear(message)
    assert sum("2人反映" in s.text and "并到" in s.text for s in stage.speeches()) == 1


async def test_a_frozen_worker_cannot_write_over_the_next_holder(redis: Redis) -> None:
    old, new = Leases(redis, "old", 1), Leases(redis, "new", 1)
    await old.balance()
    memory = RedisMemory(redis, old)
    await memory.save("web:g", ChatMemory(home_chat="mine"))
    await redis.set("lease:0", new.worker)
    with pytest.raises(LeaseLostError):
        await memory.save("web:g", ChatMemory(home_chat="old news"))
    kept = await RedisMemory(redis).load("web:g")
    assert kept is not None
    assert kept.home_chat == "mine"


async def test_a_lease_that_ran_out_and_was_taken_again_counts_as_lost(redis: Redis) -> None:
    leases = Leases(redis, "a", 2)
    await leases.balance()
    await redis.delete("lease:1")
    assert await leases.balance() == ({1}, {1})


async def test_a_shard_that_could_not_be_prepared_is_prepared_later(redis: Redis, stage: Stage) -> None:
    class Shaky(Streams):
        fails = 1

        async def prepare(self, shard: int) -> None:
            if self.fails:
                self.fails -= 1
                raise ConnectionError("Redis blinked")
            await super().prepare(shard)

    streams = Shaky(redis, 1)
    mind = Mind(replace(stage.mind.ports, memory=RedisMemory(redis), voice=streams))
    await streams.heard(ChatMessage(channel="web", chat_id=GROUP, message_id="1", sender=Sender(id="u1"), at=datetime.now(UTC), text=LIFT))
    worker = Worker(redis, streams, mind, Timers(redis, lambda: datetime.now(UTC)), Leases(redis, "a", 1))
    task = asyncio.create_task(worker.run())
    while not stage.tickets:  # noqa: ASYNC110  # the twin has no event
        await asyncio.sleep(0.05)
    worker.stop()
    await task


# ---- a group gets another id -------------------------------------------------------------------------------------------
async def test_a_question_that_waits_is_asked_in_the_group_with_the_new_id(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE)
    moved = ChatMessage(
        channel="web", chat_id=GROUP, message_id="mv", kind="migrated", moved_to="g-new", sender=Sender(id="bot"), at=stage.now
    )
    assert moved.home == "g-new", "read where the group is now"
    await stage.mind.hear(moved)
    await stage.mind.hear(moved)
    due = await stage.mind.next_due("web", moved.home)
    assert due is not None
    stage.now = due
    await stage.mind.wake("web", "g-new")
    (asked,) = stage.speeches()
    assert asked.chat_id == "g-new"
    assert "几栋几单元" in asked.text


async def test_words_kept_for_the_morning_become_the_card_that_is_edited(stage: Stage) -> None:
    night = Stage(settings=ChatSettings(quiet_from=8, quiet_to=10), understander=stage.understander)
    await night.say("u1", LIFT)
    (card,) = await night.wait(4000)
    assert card.card_id == "t:T1"
    said = await night.say("u2", "我家也是，3栋2单元电梯坏了停在6楼")
    assert card.card_id in [s.card_id for s in said], "from then on it is kept up to date"


# ---- evidence (CH8) ----------------------------------------------------------------------------------------------------
def fetched(stage: Stage) -> list[tuple[str, str]]:
    return [(f.message_id, f.ticket_id) for f in stage.voice.said if isinstance(f, Fetch)]


async def test_a_photo_sent_before_its_words_is_evidence(stage: Stage) -> None:
    await stage.say("u1", media="photo")
    await stage.say("u1", "6栋楼下垃圾桶满了没人收，都溢出来了", after_s=3)
    assert fetched(stage) == [("m1", "T1")]


async def test_every_picture_of_an_album_goes_with_its_caption(stage: Stage) -> None:
    def picture(text: str, n: int) -> ChatMessage:
        media = (Media(kind="photo", ref=f"f{n}", album="a1"),)
        return ChatMessage(channel="web", chat_id=GROUP, message_id=f"p{n}", sender=Sender(id="u1"), at=stage.now, text=text, media=media)

    await stage.mind.hear(picture("6栋楼下垃圾桶满了没人收，都溢出来了", 1))
    await stage.say("u2", LIFT)
    await stage.mind.hear(picture("", 2))
    await stage.mind.hear(picture("", 3))
    assert fetched(stage) == [("p1", "T1"), ("p2", "T1"), ("p3", "T1")]


async def test_a_pin_answers_the_question_for_the_place(stage: Stage) -> None:
    await stage.say("u1", "路灯坏了，一到晚上黑漆漆的")
    await stage.say("u1", media="location", after_s=2)
    (card,) = await stage.wait(10)
    assert "请问" not in card.text
    assert stage.tickets[0].place.lat == 30.25


# ---- where it is ---------------------------------------------------------------------------------------------------------
async def test_a_place_told_before_its_trouble_goes_with_it(stage: Stage) -> None:
    assert await stage.say("u1", "3栋1206") == []
    await stage.say("u1", "走廊里电梯坏了，停在一楼不动了", after_s=20)
    assert (stage.tickets[0].place.building, stage.tickets[0].place.room) == ("3", "1206")
    assert len(stage.tickets) == 1


async def test_a_neighbour_answers_the_question_for_the_place(stage: Stage) -> None:
    await stage.say("u1", "电梯又坏了，按了没反应")
    await stage.wait(10)
    await stage.say("u2", "3栋2单元", after_s=20)
    assert (stage.tickets[0].place.building, stage.tickets[0].place.unit) == ("3", "2")


async def test_an_answer_about_two_matters_places_neither(stage: Stage) -> None:
    await stage.say("u1", "5栋电梯坏了，停在一楼不动了")
    await stage.say("u2", "广场的路灯不亮，晚上黑漆漆的", after_s=60)
    await stage.say("w1", "5栋电梯师傅已经修好了，广场的路灯明天换", after_s=3600)
    assert [t.place.building for t in stage.tickets] == ["5", None]


@pytest.mark.parametrize(
    "text", ["公厕的门锁修好没，对了5栋着火了", "物业费怎么交，楼下着火了快来人", "救命啊5栋着火怎么还没人来，公厕的门锁修好没"]
)
async def test_an_alarm_beside_another_matter_is_heard(stage: Stage, text: str) -> None:
    await stage.say("u2", "广场公厕的门锁坏了，关不上")
    said = await stage.say("u1", text, after_s=600)
    assert any("119" in s.text for s in said)


async def test_who_asks_after_two_matters_is_kept_with_both(stage: Stage) -> None:
    await stage.say("u1", "5栋电梯坏了，停在一楼不动了")
    await stage.say("u2", "东门的路灯不亮，晚上黑漆漆的", after_s=60)
    await stage.say("u1", "5栋电梯修好没，东门的路灯修好没", after_s=7200)
    memory = await stage.memory.load(f"web:{GROUP}")
    assert memory is not None
    assert set(memory.recent[-1].matters) == {"T1", "T2"}


async def test_an_edit_of_words_about_two_matters_reaches_both_and_is_judged_for_the_main_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.say("u1", "5栋电梯坏了，停在一楼不动了")
    await stage.say("u2", "东门的路灯不亮，晚上黑漆漆的", after_s=60)
    await stage.say("u1", "5栋电梯修好没，东门的路灯修好没", after_s=7200)
    memory = await stage.memory.load(f"web:{GROUP}")
    assert memory is not None
    kept, add = [], LocalIntake.add_supplement

    async def noted(self: LocalIntake, ticket_id: str, supplement: SupplementIn) -> TicketView:
        kept.append((ticket_id, supplement.kind, supplement.judgement is not None, supplement.external_id))
        return await add(self, ticket_id, supplement)

    monkeypatch.setattr(LocalIntake, "add_supplement", noted)
    await stage.say("u1", "5栋电梯修好没有啊，东门的路灯修好没有", message_id="m3", kind="edit", edit_version=1)
    main, beside = memory.recent[-1].matters
    assert [row[:3] for row in kept] == [(main, "edit", True), (beside, "edit", False)]
    assert len({key for *_, key in kept}) == 2, "each is kept once"


# ---- alarms (UN6) ------------------------------------------------------------------------------------------------------
async def test_an_alarm_in_later_words_is_guided_at_once(stage: Stage) -> None:
    await stage.say("u1", "2栋楼道灯坏了，黑漆漆的")
    said = await stage.say("u1", "楼道着火了，快来人", reply_to="m1")
    assert "119" in said[0].text
    assert said[0].urgent


async def test_an_edit_that_tells_of_gas_is_guided_at_once(stage: Stage) -> None:
    await stage.say("u1", "2栋楼下垃圾桶满了没人收，都溢出来了")
    said = await stage.say("u1", "2栋楼道好大的煤气味", message_id="m1", kind="edit", edit_version=1)
    assert "119" in said[0].text
    assert said[0].urgent


async def test_a_quarrel_of_this_morning_does_not_swallow_the_call_for_help_of_tonight(stage: Stage) -> None:
    await stage.say("u1", "4栋那对夫妻又在吵，听得出女的被打过好多次")
    said = await stage.say("u2", "来人啊，4栋1103在打人，女的喊救命，砸东西的声音！正在打", after_s=7200)
    assert "110" in said[0].text
    assert stage.outcome.emergency
    assert [t.urgency for t in stage.tickets] == ["normal", "emergency"]
    await stage.say("u3", "我也听到了，11楼，女的在喊“别打了”", after_s=60)
    assert not stage.outcome.emergency, "a matter is alarmed once"
    assert [t.affected_people for t in stage.tickets] == [1, 2]


async def test_what_turns_into_an_emergency_while_it_is_told_stays_one_matter(stage: Stage) -> None:
    await stage.say("u1", "2栋墙皮有点鼓起来了")
    said = await stage.say("u1", "2栋那面墙塌了，压到人了", after_s=60)
    assert "119" in said[0].text
    assert [(t.category, t.urgency) for t in stage.tickets] == [("safety.collapse", "emergency")]


@pytest.mark.parametrize("where", ["5栋9楼", "2栋1单元"])
async def test_a_second_danger_under_the_talk_of_the_first_is_heard_once(stage: Stage, where: str) -> None:
    await stage.say("u1", "2栋1单元楼道里好大一股煤气味，头都晕了")
    said = await stage.say("u2", f"{where}着火了，窗户往外冒黑烟", after_s=60)
    assert "不坐电梯" in said[0].text
    assert [t.category for t in stage.tickets] == ["safety.gas_leak", "safety.fire"]
    said = await stage.say("u3", f"火越来越大了，{where}快救火", after_s=60)
    assert not any("不坐电梯" in s.text for s in said)


async def test_an_edit_that_tells_of_a_second_danger_is_guided(stage: Stage) -> None:
    await stage.say("u1", "2栋1单元楼道里好大一股煤气味，头都晕了")
    said = await stage.say("u1", "2栋1单元着火了，有人困在里面", message_id="m1", kind="edit", edit_version=1, after_s=60)
    assert said[0].urgent
    assert stage.outcome.emergency


async def test_who_quotes_a_matter_goes_on_with_it_however_late(stage: Stage) -> None:
    await stage.say("u1", "2栋墙皮有点鼓起来了")
    await stage.say("u1", "2栋那面墙塌了，压到人了", reply_to="m1", after_s=3600)
    assert [(t.category, t.urgency) for t in stage.tickets] == [("safety.collapse", "emergency")]
    assert stage.outcome.emergency


async def test_a_muted_group_is_not_even_spoken_to_about_an_alarm(stage: Stage) -> None:
    muted = Stage(settings=ChatSettings(muted=True, quiet_from=0, quiet_to=0), understander=stage.understander)
    assert await muted.say("u1", "2栋1单元楼道里好大一股煤气味，头都晕了") == []
    assert muted.tickets[0].urgency == "emergency", "the workers hear of it"


async def test_the_kill_switch_stops_everything(stage: Stage) -> None:
    off = Stage(settings=ChatSettings(off=True), understander=stage.understander)
    assert await off.say("u1", LIFT) == []
    assert await off.say("u1", "/help", kind="command") == []
    assert off.tickets == []


async def test_while_the_api_is_away_an_alarm_is_still_guided(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.say("u1", "早上好")

    async def away(*_: Any) -> Any:
        raise AWAY

    monkeypatch.setattr(stage.intake, "chat", away)
    monkeypatch.setattr(stage.intake, "create_report", away)
    with pytest.raises(IntakeError):
        await stage.say("u2", "2栋1单元楼道里好大一股煤气味，头都晕了", after_s=120)
    assert "119" in stage.speeches()[0].text


# ---- the estate that a name in the group tells ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text", "estate"),
    [
        ("梧桐苑-阿飞", LIFT, "梧桐苑"),
        ("梧桐苑7-1104", NO_PLACE, "梧桐苑"),
        ("阿飞", LIFT, None),
        ("梧桐苑-阿飞", "梧桐路路口的红绿灯坏了，一直不亮", None),
        ("梧桐苑-阿飞", "南门快递柜的灯坏了，一直不亮", None),
    ],
)
async def test_who_names_no_estate_speaks_of_their_own(stage: Stage, name: str, text: str, estate: str | None) -> None:
    await stage.say("u1", text, name=name)
    assert stage.tickets[0].place.estate == estate


async def test_a_matter_placed_by_a_name_alone_is_still_asked_for(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE, name="梧桐苑-阿飞")
    due = await stage.mind.next_due("web", GROUP)
    assert due is not None
    stage.now = due
    await stage.mind.wake("web", GROUP)
    (asked,) = stage.speeches()
    assert "几栋" in asked.text


@pytest.mark.parametrize(
    ("answer", "title"), [("7", "7栋电梯故障"), ("七号", "7栋电梯故障"), ("3-2", "3栋2单元电梯故障"), ("3，2单元", "3栋2单元电梯故障")]
)
async def test_numbers_alone_answer_the_question_for_the_house(stage: Stage, answer: str, title: str) -> None:
    await stage.say("u1", NO_PLACE)
    await stage.say("u2", "9")
    await stage.say("u1", answer)
    (ticket,) = stage.tickets
    assert ticket.title == title


@pytest.mark.parametrize(
    ("question", "answer", "field", "told"),
    [
        ("几栋？", "7", "building", "7"),
        ("1单元还是2单元？", "2", "unit", "2"),
        ("哪一户？", "1203", "room", "1203"),
        ("你几号有空？", "7", "building", None),
        ("几栋？", "7点", "building", None),
    ],
)
async def test_numbers_alone_answer_what_staff_ask_for(stage: Stage, question: str, answer: str, field: str, told: str | None) -> None:
    await stage.say("u1", NO_PLACE)
    stage.now += timedelta(minutes=30)
    await stage.say("w1", question)
    await stage.say("u2", "9")
    await stage.say("u1", answer)
    assert getattr(stage.tickets[0].place, field) == told


async def test_who_asked_last_is_answered(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE)
    await stage.say("w1", "1单元还是2单元？")
    await stage.say("u1", "2")
    assert (stage.tickets[0].place.building, stage.tickets[0].place.unit) == (None, "2")


async def test_a_number_under_other_words_of_staff_is_no_house(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE)
    stage.now += timedelta(minutes=30)
    await stage.say("w1", "明天义诊你来几个人？", message_id="other")
    await stage.say("w1", "几单元？")
    await stage.say("u1", "2", reply_to="other")
    assert stage.tickets[0].place.unit is None


async def test_what_was_told_long_ago_is_not_asked_for(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE)
    stage.now += timedelta(days=2)
    await stage.say("u2", "晚上打牌缺一个")
    await stage.say("w1", "你家几栋？")
    await stage.say("u1", "7")
    assert [t.place.building for t in stage.tickets][:1] == [None]


async def test_a_number_after_the_answer_moves_no_house(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE)
    await stage.say("u2", "电梯是3栋2单元的")
    stage.intake.tickets["T1"] = stage.tickets[0].model_copy(update={"version": 9})
    await stage.say("u1", "3栋2单元")
    await stage.say("u1", "5")
    assert stage.tickets[0].place.building == "3"


async def test_an_estate_that_words_named_stays(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE, name="别的-阿飞")
    stage.intake.tickets["T1"] = stage.tickets[0].model_copy(
        update={"place": stage.tickets[0].place.model_copy(update={"estate": "翡翠湾小区", "text": "翡翠湾"}), "version": 9}
    )
    await stage.say("u1", "电梯一直不动", name="别的-阿飞")
    await stage.say("u1", "3栋2单元", name="梧桐苑-阿飞")
    place = stage.tickets[0].place
    assert (place.estate, place.building) == ("翡翠湾小区", "3")


async def test_an_estate_of_a_name_sets_no_words_apart(stage: Stage) -> None:
    await stage.say("u1", NO_PLACE, name="梧桐苑-阿飞")
    await stage.say("w1", "3栋2单元电梯维保已经在路上了")
    assert stage.tickets[0].place.building == "3"


class Doubtful(Understander):
    """Takes all for small talk, by a little."""

    def understand(self, utterance: Utterance, gazetteer: Gazetteer | None = None) -> Understanding:
        scores = {**dict.fromkeys(KINDS, 0.0), "chat": 0.45, "report": 0.4, "supplement": 0.15}
        return replace(super().understand(utterance, gazetteer), kind="chat", kind_scores=scores)


def told(ticket: TicketView) -> Event:
    return Event(
        id=f"e{ticket.version}", type="ticket.changed", channel="web", chat_id=GROUP, audience="group", ticket=ticket, at=ticket.updated_at
    )


def doubtful() -> Stage:
    return Stage(Doubtful(load_taxonomy(), load_shipped(SHIPPED_MODELS)), settings=ChatSettings(quiet_from=0, quiet_to=0))


async def test_what_may_be_a_report_is_filed_and_called_what_it_likely_is() -> None:
    stage = doubtful()
    await stage.say("u1", LIFT)
    assert [t.title for t in stage.tickets] == ["3栋2单元电梯故障"]
    assert stage.outcome.kind == "chat"
    memory = await stage.memory.load(f"web:{GROUP}")
    assert memory
    assert [said.kind for said in memory.recent] == ["report"]


async def test_what_is_in_doubt_is_filed_without_a_word_in_the_group() -> None:
    stage = doubtful()
    await stage.say("u1", LIFT)
    await stage.say("u2", NO_PLACE)
    await stage.wait(3600)
    assert stage.tickets
    assert stage.speeches() == []


async def test_its_card_is_shown_once_a_worker_confirms_it() -> None:
    stage = doubtful()
    await stage.say("u1", LIFT)
    (ticket,) = stage.tickets
    await stage.mind.learn(told(ticket.model_copy(update={"version": ticket.version + 1, "urgency": "normal"})))
    assert stage.speeches() == []
    confirmed = told(ticket.model_copy(update={"state": "accepted", "version": ticket.version + 2}))
    await stage.mind.learn(confirmed)
    await stage.mind.learn(confirmed)
    assert [s.card_id for s in stage.speeches()] == [f"t:{ticket.id}"]


async def test_a_card_that_the_manners_kept_back_is_shown_at_the_next_change() -> None:
    stage = doubtful()
    await stage.say("u1", LIFT)
    (ticket,) = stage.tickets
    chat = stage.intake.chats[f"web:{GROUP}"]
    muted = chat.model_copy(update={"settings": chat.settings.model_copy(update={"muted": True})})
    stage.intake.chats[f"web:{GROUP}"] = muted
    stage.now += timedelta(hours=1)  # the chat's settings are looked up anew
    await stage.mind.learn(told(ticket.model_copy(update={"state": "accepted", "version": ticket.version + 1})))
    assert stage.speeches() == []
    stage.intake.chats[f"web:{GROUP}"] = chat
    stage.now += timedelta(hours=1)
    await stage.mind.learn(told(ticket.model_copy(update={"state": "dispatched", "version": ticket.version + 2})))
    (card,) = stage.speeches()
    assert (card.card_id, card.reply_to) == (f"t:{ticket.id}", "m1")


async def test_a_doubtful_message_heard_again_keeps_its_mark() -> None:
    stage = doubtful()
    watched(stage).away = 1
    await stage.memory.save(f"web:{GROUP}", ChatMemory())
    with pytest.raises(IntakeError):
        await stage.say("u1", LIFT)
    stage.n = 0
    assert await stage.say("u1", LIFT) == []
    memory = await stage.memory.load(f"web:{GROUP}")
    assert memory
    assert [matter.doubtful for matter in memory.matters.values()] == [True]


async def test_what_a_worker_sets_aside_is_never_spoken_of() -> None:
    stage = doubtful()
    await stage.say("u1", LIFT)
    (ticket,) = stage.tickets
    await stage.mind.learn(told(ticket.model_copy(update={"state": "rejected", "version": ticket.version + 1})))
    assert stage.speeches() == []


async def test_who_tells_it_plainly_is_answered_as_if_the_first() -> None:
    stage = doubtful()
    await stage.say("u1", LIFT)
    plain = load_understander(SHIPPED_MODELS)
    stage.mind = Mind(replace(stage.mind.ports, understander=plain))
    await stage.say("u2", "3栋2单元电梯坏了，老人下不来")
    (card,) = stage.speeches()
    assert card.card_id == f"t:{stage.tickets[0].id}"


async def test_numbers_are_no_house_where_none_was_asked_for(stage: Stage) -> None:
    await stage.say("u1", LIFT)
    await stage.say("u1", "7")
    assert [t.title for t in stage.tickets] == ["3栋2单元电梯故障"]


async def test_the_property_company_tells_the_estate_of_what_it_answers(stage: Stage) -> None:
    await stage.say("u1", LIFT)
    await stage.say("w1", "3栋2单元电梯维保已经在路上了", name="梧桐苑管家Ivy")
    assert stage.tickets[0].place.estate == "梧桐苑"


# ---- what the group never sees (CH7, PR1) --------------------------------------------------------------------------------
async def test_a_voice_that_joins_a_delicate_matter_is_not_answered_with_its_title(stage: Stage) -> None:
    (ack,) = await stage.say("u1", LIFT)
    stage.intake.tickets["T1"] = stage.tickets[0].model_copy(update={"delicate": True, "version": 9})
    said = await stage.say("u2", "我家也是，3栋2单元电梯坏了停在6楼")
    assert ack.text
    assert not any("电梯" in s.text or "CH-" in s.text for s in said)


async def test_the_second_matter_of_a_message_is_masked_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    intake, real = watched(stage), stage.understander.understand
    clause = "路灯也不亮，联系我13812345678"
    also = ((RankedCategory((("facility.streetlight", 0.9),), True), clause),)
    monkeypatch.setattr(stage.understander, "understand", lambda *a: replace(real(*a), also=also))
    await stage.say("u1", f"{LIFT}，{clause}")
    assert len(intake.sent) == 2
    assert not any("13812345678" in report.masked + report.title for report in intake.sent)
    assert all("13812345678" in report.text for report in intake.sent), "whoever must call back can"


async def test_a_flood_of_commands_is_not_answered_one_by_one(stage: Stage) -> None:
    said = [await stage.say("u1", "/help", kind="command", after_s=0.1) for _ in range(40)]
    assert sum(bool(s) for s in said) <= 13


async def test_a_start_link_of_a_worker_may_begin_with_any_letter(stage: Stage) -> None:
    (wrong,) = await stage.say("w9", "/start gQx7-abc", kind="command", chat_kind="private", chat_id="w9")
    assert "链接不对" in wrong.text
    await stage.say("u9", "/start g-100123", kind="command", chat_kind="private", chat_id="u9")
    assert (await stage.memory.load("web:u9") or ChatMemory()).home_chat == "-100123"
