"""Who is in danger now alarms; drills, jokes, news, the past and what-ifs do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.emergency import ALARM, emergency_cues, find_emergency
from nlp.taxonomy import load_taxonomy, parse_taxonomy

DANGER = [
    ("safety.fire", "119", "五楼着火了，快来人"),
    ("safety.fire", "119", "楼道里冒黑烟，看不见人"),
    ("safety.fire", "119", "車棚燒起来啦！"),
    ("safety.fire", "119", "急死人了，楼上着火了"),
    ("safety.fire", "119", "电瓶车的电池烫得冒烟了快来人"),
    ("safety.gas_leak", "119", "屋里一股臭鸡蛋味头晕"),
    ("safety.gas_leak", "119", "楼道煤气味好大，谁家没关"),
    ("safety.trapped", "96333", "我妈被困在电梯里了，按铃没人应"),
    ("safety.trapped", "96333", "电梯卡在三楼和四楼中间，里面有小孩在哭"),
    ("safety.flood", "110", "水漫到膝盖了，一楼老人还在屋里"),
    ("safety.collapse", "119", "后面那堵围墙倒了，下面压着人"),
    ("safety.electric_hazard", "95598", "电线掉下来了，在地上冒火花"),
    ("order.crime", "110", "楼下有人拿刀追着人砍"),
    ("care.medical", "120", "老人摔了起不来，头上流血"),
    ("care.medical", "120", "我爸突然喘不上气，嘴唇发紫"),
    ("care.missing", "110", "孩子放学没回家，电话打不通"),
    ("care.missing", "110", "我妈有老年痴呆，早上出门到现在没回来"),
    ("care.self_harm", "110", "有人站在楼顶要跳楼"),
    ("safety.fire", "119", "厨房着火了 里面没人"),
    ("safety.fire", "119", "屋里冒浓烟 敲门里面没人开门"),
    ("safety.gas_leak", "119", "煤气味好大 没人关火"),
]
HARMLESS = [
    "明天上午消防演练，听到警报别慌",
    "今天真是累死了",
    "笑死我了哈哈哈",
    "这家火锅店火了，排队两小时",
    "早高峰堵得要死",
    "闻到煤气味该怎么办？",
    "去年我们楼着火那次真吓人",
    "看新闻说外地一栋楼着火了",
    "刚才说着火的是烤串的烟，虚惊一场",
    "3栋2单元电梯又停了 没人在里面",
    "电梯里没人被困，就是不动",
    "如果电梯困人应该打哪个电话",
    "灭火器、消防毯团购接龙，家家必备",
    "奶奶找到了，在公园睡着了，谢谢大家",
    "作业多得孩子要被淹没了",
    "我家猫走丢了，橘色的",
    "电梯又坏了，什么时候来修",
    "三栋路灯不亮",
    "辣得我着火了救命啊",
    "嗓子都冒烟了快救命",
    "排队排得我想跳楼",
    "",
]


@pytest.mark.parametrize(("matter", "call", "text"), DANGER)
def test_danger_alarms_with_the_number_to_call(matter: str, call: str, text: str) -> None:
    found = find_emergency(text)
    assert found is not None
    assert (found.matter, found.call) == (matter, call)
    assert found.cues


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_sounds_like_danger_stays_quiet(text: str) -> None:
    assert find_emergency(text) is None


def test_not_a_drill_is_no_drill() -> None:
    assert find_emergency("不是演练！14栋着火了，都往下跑") is not None


def test_staff_may_warn_and_may_cry_fire() -> None:
    assert find_emergency("注意用火用电安全，谨防火灾", role="community") is None
    assert find_emergency("着火了！3栋的人快下楼，里面有人喊救命", role="grid_worker") is not None


def test_only_emergencies_of_the_catalogue_alarm() -> None:
    row = {
        "id": "safety.fire",
        "name": "火情",
        "level": "grid",
        "lead": "消防",
        "respond": "1h",
        "resolve": "1d",
        "grid_duty": True,
        "counted": True,
    }
    tame = parse_taxonomy({"version": 1, "domains": {"safety": "安全"}, "matters": [{**row, "emergency": False}]})
    assert find_emergency("五楼着火了，快来人", taxonomy=tame) is None


def test_cues_are_graded_and_name_the_doubt() -> None:
    sure, doubted = emergency_cues("五楼着火了")[0], emergency_cues("去年五楼着火了")[0]
    assert sure.strength >= ALARM > doubted.strength
    assert doubted.doubts == ("past",)


def test_every_matter_of_the_lexicon_is_an_emergency_of_the_default_catalogue() -> None:
    wanted = {matter.id for matter in load_taxonomy().matters if matter.emergency}
    assert {found.matter for _, _, text in DANGER if (found := find_emergency(text))} == wanted


@given(st.lists(st.sampled_from([*"火水人电梯困味大塌了…{}[]()\\|", "快来人", "\x00", "煤气"]), max_size=40).map("".join))
def test_any_text_can_be_asked(text: str) -> None:
    assert all(0 <= cue.strength <= 1 for cue in emergency_cues(text))
