"""A matter added to the catalogue works at once, by how residents say it, without training."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nlp.pipeline import Understander, load_shipped
from nlp.taxonomy import DEFAULT_PATH, parse_taxonomy

SHIPPED = Path(__file__).parents[2] / "models" / "shipped"
NEW = {
    "id": "facility.fountain",
    "name": "喷泉水景",
    "level": "street",
    "lead": "园林绿化",
    "says": ["音乐喷泉不喷水了", "广场水景停了好久", "喷水池不开了"],
}


@pytest.fixture(scope="module")
def extended() -> Understander:
    raw = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf8"))
    template = next(row for row in raw["matters"] if row["id"] == "facility.streetlight")
    raw["matters"].append({**template, **NEW})
    return Understander(parse_taxonomy(raw), load_shipped(SHIPPED))


@pytest.mark.parametrize("text", ["广场上的音乐喷泉怎么不开了，孩子们都盼着看", "中心花园的喷水池好几个月没喷过水"])
def test_a_new_matter_is_found_by_its_sayings(extended: Understander, text: str) -> None:
    assert "facility.fountain" in dict(extended.category(text).top[:3])


@pytest.mark.parametrize("text", ["三号楼电梯又坏了", "路灯不亮了", "楼上漏水把我家天花板泡了", "门口垃圾桶满了没人收"])
def test_old_matters_keep_their_place(extended: Understander, text: str) -> None:
    plain = Understander(parse_taxonomy(yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf8"))), extended.models)
    assert extended.category(text).best == plain.category(text).best


def test_a_new_matter_never_passes_without_a_person(extended: Understander) -> None:
    found = extended.category("音乐喷泉不喷水了")
    assert found.best == "facility.fountain"
    assert not found.accepted
