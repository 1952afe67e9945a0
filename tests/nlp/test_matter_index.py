"""The city's matters by area: what lies near, what conflicts, what was closed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.match_rules import load_rules
from nlp.matter_index import Entry, MatterIndex, Near
from nlp.place import conflicts
from nlp.schema import Place

NOW = datetime(2026, 6, 2, 8, tzinfo=UTC)
D = 16


def unit(seed: int) -> np.ndarray:
    v = np.random.default_rng(seed).standard_normal(D).astype(np.float32)
    return v / np.linalg.norm(v) * np.float32(1.0)


def index() -> MatterIndex:
    return MatterIndex(D, load_rules().window_h)


def entry(matter: str, place: Place | None = None, **more: object) -> Entry:
    fields = {"area": "听雨街道", "block": "白鹭里社区", "category": "facility.water", "last_at": NOW, "vector": unit(len(matter))} | more
    return Entry(matter, place=place or Place(), **fields)  # type: ignore[arg-type]


def ids(found: list[Near]) -> set[str]:
    return {one.id for one in found}


def test_the_nearest_in_meaning_comes_first() -> None:
    matters = index()
    matters.put(entry(f"m{n}", vector=unit(n)) for n in range(50))
    found = matters.query("听雨街道", NOW, Place(), vector=unit(7), limit=5)
    assert (found[0].id, len(found)) == ("m7", 5)
    assert found[0].cosine == pytest.approx(1, abs=0.02)


def test_what_is_put_anew_counts_once_and_what_is_removed_is_gone() -> None:
    matters = index()
    matters.put([entry("a", Place(estate="桂花苑")), entry("b")])
    matters.put([entry("a", Place(estate="银杏里"))])
    assert len(matters) == 2
    assert ids(matters.query("听雨街道", NOW, Place(estate="桂花苑"))) == {"b"}
    assert matters.remove("b")
    assert not matters.remove("b")
    assert ids(matters.query("听雨街道", NOW, Place(estate="桂花苑"))) == set()
    assert "b" not in matters


def test_other_areas_silent_matters_and_other_kinds_are_not_meant() -> None:
    matters = index()
    matters.put(
        [
            entry("far", area="银杏街道"),
            entry("old", last_at=NOW - timedelta(hours=load_rules().window_h("facility.water") + 1)),
            entry("lamp", category="facility.streetlight"),
            entry("unsure", category=None),
            entry("here"),
        ]
    )
    assert ids(matters.query("听雨街道", NOW, Place(), categories=["facility.water"])) == {"here", "unsure"}
    assert ids(matters.query("听雨街道", NOW, Place(), categories=["never.heard"])) == {"unsure"}
    assert matters.query("nowhere", NOW, Place()) == []
    assert "old" in ids(matters.query("听雨街道", NOW, Place(), within_h=1000))


def test_neighbours_share_a_community_an_estate_or_a_road() -> None:
    matters = index()
    matters.put(
        [
            entry("community"),
            entry("estate", Place(estate="桂花苑"), block="另一社区"),
            entry("road", Place(road="人民路与听雨路"), block="另一社区"),
            entry("neither", Place(estate="银杏里"), block="另一社区"),
        ]
    )
    asked = Place(estate="桂花苑", road="听雨路")
    assert ids(matters.query("听雨街道", NOW, asked, block="白鹭里社区")) == {"community", "estate", "road"}
    assert ids(matters.query("听雨街道", NOW, Place(), block="白鹭里社区")) == {"community"}


names = st.none() | st.sampled_from(["1", "2"])
places = st.builds(
    Place, estate=names, building=names, unit=names, road=st.none() | st.sampled_from(["人民路", "听雨路", "人民路与听雨路", "湖滨路"])
)


@given(st.lists(places, min_size=1, max_size=12), places, st.booleans())
def test_the_index_filters_places_as_matching_does(known: list[Place], asked: Place, with_vector: bool) -> None:
    matters = index()
    matters.put(entry(str(n), place, vector=unit(n)) for n, place in enumerate(known))
    found = matters.query("听雨街道", NOW, asked, vector=unit(1) if with_vector else None, limit=50)
    assert ids(found) == {str(n) for n, place in enumerate(known) if not conflicts(asked, place)}


@pytest.mark.parametrize("seed", range(3))
def test_openings_and_closings_in_any_order_leave_what_is_open(seed: int) -> None:
    rng = random.Random(seed)
    matters, live = index(), {}
    for n in range(1200):
        matter = f"m{rng.randrange(400)}"
        if matter in live and rng.random() < 0.7:
            matters.remove(live.pop(matter).id)
        else:
            live[matter] = entry(matter, Place(building=str(n % 3)), vector=unit(n))
            matters.put([live[matter]])
    assert len(matters) == len(live)
    for building in ("0", "1", "2"):
        wanted = {m for m, e in live.items() if e.place.building == building}
        assert ids(matters.query("听雨街道", NOW, Place(building=building), limit=999)) == wanted
    for matter, kept in list(live.items())[:5]:
        assert kept.vector is not None
        best = matters.query("听雨街道", NOW, Place(), vector=kept.vector, limit=1)[0]
        assert best.cosine > 0.98 or best.id == matter
