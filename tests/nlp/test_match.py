from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.match import match
from nlp.match_rules import EVIDENCE, load_rules
from nlp.schema import Earlier, Match, MatterSketch, Place, RankedCategory
from nlp.taxonomy import load_taxonomy
from nlp.thread import grown

NOW = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
LIFT = RankedCategory((("housing.elevator", 0.9), ("safety.trapped", 0.05)), True)


def sketch(
    name: str = "A", *, text: str = "3栋的电梯停在一楼不动了", building: str | None = "3", minutes: float = 3, **more: object
) -> MatterSketch:
    at = NOW - timedelta(minutes=minutes)
    fields = {"category": "housing.elevator", "place": Place(building=building), "texts": (text,), "senders": frozenset({"u1"})}
    return MatterSketch(id=name, first_at=at, last_at=at, **{**fields, **more})  # type: ignore[arg-type]


def told(
    sketches: list[MatterSketch], text: str = "我家也是，电梯等了半天", place: Place = Place(), category: RankedCategory = LIFT
) -> list[Match]:
    said = tuple(Earlier(f"m-{s.id}", "u1", "resident", s.last_at, s.texts[-1], "report", (s.id,)) for s in sketches)
    return match(text, category, place, NOW, "u2", sketches, taxonomy=load_taxonomy(), previous=said)


def test_a_neighbour_who_says_me_too_joins_the_matter_just_told() -> None:
    best = told([sketch()])[0]
    assert (best.matter, best.verdict) == ("A", "join")
    assert best.probability > 0.7


def test_the_reasons_are_words_for_the_card() -> None:
    best = told([sketch(senders=frozenset({"u1", "u3"}))], "3栋电梯还是不动", Place(building="3"))[0]
    assert "同一栋楼" in best.reasons
    assert "同类事项" in best.reasons
    assert "3 分钟内" in best.reasons
    assert "2 人反映" in best.reasons


def test_same_words_about_another_building_never_join() -> None:
    best = told([sketch()], "5栋的电梯停在一楼不动了", Place(building="5"))[0]
    assert (best.probability, best.verdict) == (0.0, "none")


def test_another_category_long_ago_is_another_matter() -> None:
    found = told([sketch(minutes=600)], "河边路灯全黑了", category=RankedCategory((("facility.streetlight", 0.95),), True))
    assert found[0].verdict == "none"


def test_a_settled_matter_recurs_instead_of_being_joined() -> None:
    best = told([sketch(settled=True)])[0]
    assert best.verdict == "recurs"


def test_after_its_window_a_matter_is_closed_to_new_voices() -> None:
    assert told([sketch(minutes=60 * 24 * 20)])[0].probability == 0.0


def test_a_retired_category_matches_under_its_new_name() -> None:
    assert told([]) == []


def test_one_households_trouble_beside_a_wide_one_is_not_joined_unasked() -> None:
    outage = sketch(category="facility.water", text="全小区停水了一滴都没有", building=None, minutes=240)
    water = RankedCategory((("facility.water", 0.9),), True)
    assert told([outage], "别人家都来水了，就我家还没有", category=water)[0].verdict != "join"


def test_weights_name_known_evidence_only() -> None:
    rules = load_rules()
    assert all(set(w) <= set(EVIDENCE) for w in rules.weights.values())
    known = set(load_taxonomy().ids()) | set(load_taxonomy().domains) | {"default"}
    assert set(rules.windows_h) <= known
    assert {c for family in rules.families for c in family} | rules.wide <= known


buildings = st.sampled_from([None, "1", "2", "3", "A", "12"])
places = st.builds(Place, estate=st.sampled_from([None, "锦绣苑", "翡翠湾"]), building=buildings, unit=st.sampled_from([None, "1", "2"]))
sketches = st.lists(
    st.builds(
        sketch, st.uuids().map(str), building=buildings, minutes=st.floats(0, 10_000), text=st.text(max_size=30), settled=st.booleans()
    ),
    max_size=6, unique_by=lambda s: s.id,
)  # fmt: skip


@given(sketches, st.text(max_size=40), places)
@settings(deadline=None, max_examples=200)
def test_never_across_conflicting_places_and_probabilities_share_one(known: list[MatterSketch], text: str, place: Place) -> None:
    found = told(known, text, place)
    by_id = {s.id: s.place for s in known}
    assert {m.matter for m in found} == set(by_id)
    assert sum(m.probability for m in found) <= 1 + 1e-9
    assert [m.probability for m in found] == sorted((m.probability for m in found), reverse=True)
    for m in found:
        other = by_id[m.matter]
        if place.building and other.building and place.building != other.building:
            assert (m.probability, m.verdict) == (0.0, "none")


@given(sketches, st.text(max_size=40), st.randoms())
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_matters_does_not_matter(known: list[MatterSketch], text: str, chance: object) -> None:
    mixed = list(known)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    said = match(text, LIFT, Place(), NOW, "u2", known, taxonomy=load_taxonomy())
    again = match(text, LIFT, Place(), NOW, "u2", mixed, taxonomy=load_taxonomy())
    assert [(m.matter, round(m.probability, 9), m.verdict) for m in said] == [(m.matter, round(m.probability, 9), m.verdict) for m in again]


def test_words_that_a_person_took_apart_are_never_joined_again_unasked() -> None:
    parted = "3栋的电梯里有人抽烟，味道散不掉"
    assert told([sketch()], parted, Place(building="3"))[0].verdict == "join"
    again = told([sketch(unlike=(parted,))], parted, Place(building="3"))[0]
    assert again.verdict == "suggest", "a person may still say that it is the same"
    assert told([sketch(unlike=(parted,))], "3栋的电梯还停在一楼不动", Place(building="3"))[0].verdict == "join"


REPORTS = ("{b}栋电梯停在一楼不动了", "{b}栋的电梯还是不动，停在一楼", "{b}栋电梯停一楼不动，有人修吗")


def clusters(arrivals: list[tuple[float, str, str]]) -> set[frozenset[str]]:
    """Reports (minute, building, text) one after the other, each joined or opening a matter, as the assistant files them."""
    known: list[MatterSketch] = []
    members: dict[str, set[str]] = {}
    for n, (minute, building, text) in enumerate(arrivals):
        at, place = NOW + timedelta(minutes=minute), Place(building=building)
        found = match(text, LIFT, place, at, f"u{text}", known, taxonomy=load_taxonomy())
        joined = next((m.matter for m in found if m.verdict == "join"), None)
        if joined is None:
            joined = f"M{n}"
            known.append(MatterSketch(joined, "housing.elevator", place, (), at, at))
        members.setdefault(joined, set()).add(text)
        known = [grown(s, "report", text, place, at, f"u{text}") if s.id == joined else s for s in known]
    return {frozenset(texts) for texts in members.values()}


@given(st.lists(st.floats(0, 90), min_size=2, max_size=5))
@settings(deadline=None, max_examples=60)
def test_when_independent_matters_arrive_does_not_change_what_belongs_together(starts: list[float]) -> None:
    arrivals = [
        (start + 5 * n, str(b), text.format(b=b)) for b, start in enumerate(starts, 1) for n, text in enumerate(REPORTS)
    ]  # fmt: skip
    wanted = {frozenset(text.format(b=b) for text in REPORTS) for b in range(1, len(starts) + 1)}
    assert clusters(sorted(arrivals)) == wanted


def test_the_same_trouble_at_another_spot_is_less_likely_the_same_matter() -> None:
    manhole = RankedCategory((("facility.manhole", 0.9),), True)
    known = sketch(category="facility.manhole", text="卫生院门口那个井盖歪了一半", building=None, place=Place(spot="卫生院门口"))
    here = told([known], "俺也看见了，拉货过去差点翻车", category=manhole)[0]
    elsewhere = told([known], "菜市场西门那个也是，整个翻在路边", Place(spot="菜市场西门"), manhole)[0]
    assert elsewhere.probability < here.probability


def test_places_with_nothing_in_common_are_two_matters_except_for_wide_troubles() -> None:
    lamp = RankedCategory((("facility.streetlight", 0.95),), True)
    known = sketch(category="facility.streetlight", text="14栋出来那条路灯不亮", building="14")
    assert told([known], "我们麓湖郡南门那排灯也不亮", Place(estate="麓湖郡", spot="南门"), lamp)[0].probability == 0
    water = RankedCategory((("facility.water", 0.95),), True)
    outage = sketch(category="facility.water", text="14栋停水了", building="14")
    assert told([outage], "麓湖郡也停水", Place(estate="麓湖郡"), water)[0].probability > 0
