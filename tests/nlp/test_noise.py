"""Residents type as they always did: what is written in other signs is understood the same, what is mistyped nearly always."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from models.noise import EXACT, NOISES
from nlp.pipeline import Understander, load_understander
from nlp.schema import Estate, Gazetteer, Utterance

GRID = Gazetteer("g1", "梧桐社区第3网格", (Estate("梧桐苑"),), ("南门快递柜",))
REPORTS = {
    "梧桐苑3栋2单元的电梯又坏了，老人上不去，麻烦报修": "housing.elevator",
    "5栋楼下的路灯不亮了，晚上回家黑漆漆的": "facility.streetlight",
    "楼上天天半夜放音乐，吵得睡不着，有人管吗": "environment.noise_social",
    "我家水龙头没有水了，整个单元都停水": "facility.water",
    "12栋垃圾桶满了好几天没人收，臭得要命": "environment.garbage",
    "小区门口的井盖破了一个大洞，差点摔一跤": "facility.manhole",
    "2单元楼道里有人给电动车充电，电线拉了一地": "safety.ebike_charging",
    "厂里欠了我们三个月工资，老板电话打不通": "dispute.wages",
    "楼上漏水把我家天花板泡坏了，找了几次都不处理": "housing.leak",
    "消防通道被私家车堵死了，真着火怎么办": "safety.fire_lane",
}
KEPT = 0.8
"""Of the mistyped reports: still reports, and of the matter meant."""


@pytest.fixture(scope="module")
def mind() -> Understander:
    return load_understander(Path(__file__).parents[2] / "models" / "shipped")


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("text", REPORTS)
def test_other_signs_change_nothing(mind: Understander, text: str, name: str) -> None:
    plain = mind.understand(Utterance(text), GRID)
    other = mind.understand(Utterance(NOISES[name](text, random.Random(1))), GRID)
    assert (other.kind, other.category.best) == (plain.kind, plain.category.best)
    assert (other.place.estate, other.place.building, other.place.unit) == (plain.place.estate, plain.place.building, plain.place.unit)


@pytest.mark.parametrize("name", sorted(set(NOISES) - set(EXACT)))
def test_mistyped_reports_are_still_understood(mind: Understander, name: str) -> None:
    rng = random.Random(2)
    read = [(mind.understand(Utterance(NOISES[name](text, rng)), GRID), matter) for text, matter in REPORTS.items()]
    assert sum(found.kind == "report" for found, _ in read) >= KEPT * len(read)
    assert sum(matter in dict(found.category.top[:3]) for found, matter in read) >= KEPT * len(read)


def test_noise_changes_the_words_it_is_given() -> None:
    text = "3栋2单元的电梯，又坏了，麻烦报修"
    assert all(NOISES[name](text, random.Random(3)) != text for name in NOISES)
