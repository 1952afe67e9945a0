from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nlp.schema import Earlier, Kind, MatterSketch, Place, RankedCategory, Utterance
from nlp.thread import also_belongs, belongs, fragments, grown

NOW = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def earlier(n: str, sender: str, minutes: float, text: str, kind: Kind, matters: tuple[str, ...] = ()) -> Earlier:
    return Earlier(n, sender, "resident", ago(minutes), text, kind, matters)


def sketch(name: str, category: str, text: str, minutes: float, sender: str = "u1", place: Place = Place()) -> MatterSketch:
    return MatterSketch(name, category, place, (text,), ago(minutes), ago(minutes), frozenset({sender}))


LIFT = sketch("A", "housing.elevator", "3栋电梯停了", 90, "u1", Place(building="3"))
TOILET = sketch("B", "facility.toilet", "广场公厕没水，门锁也坏了", 40, "u2")
TALK = (
    earlier("m1", "u1", 90, "3栋电梯停了", "report", ("A",)),
    earlier("m2", "u2", 40, "广场公厕没水，门锁也坏了", "report", ("B",)),
)


def said(text: str, sender: str, **more: object) -> Utterance:
    return Utterance(text, sender=sender, at=NOW, previous=TALK, **more)  # type: ignore[arg-type]


def test_a_follow_up_without_a_place_goes_to_the_matter_of_its_sender() -> None:
    assert belongs({"follow_up": 1.0}, said("还没修好？", "u1"), [LIFT, TOILET]).matter == "A"


def test_a_follow_up_goes_where_its_words_and_category_point() -> None:
    toilet = RankedCategory((("facility.toilet", 0.8),), True)
    assert belongs({"follow_up": 1.0}, said("公厕有水了没", "u3"), [LIFT, TOILET], category=toilet).matter == "B"


def test_a_quote_decides() -> None:
    found = belongs({"follow_up": 1.0}, said("怎么样了", "u9", quoted=TALK[0]), [LIFT, TOILET])
    assert (found.matter, found.reason) == ("A", "quote")


def test_a_photo_after_the_text_hangs_on_the_report() -> None:
    talk = (earlier("m1", "u1", 0.4, "3栋电梯停了", "report", ("A",)),)
    photo = Utterance("", sender="u1", at=NOW, media="photo", previous=talk)
    assert belongs({"supplement": 1.0}, photo, [replace(LIFT, last_at=ago(0.4))]).matter == "A"


def test_a_picture_right_after_its_senders_words_shows_their_matter_whatever_it_was_heard_as() -> None:
    talk = (earlier("m1", "u1", 1.5, "3栋电梯停了", "report", ("A",)), earlier("m2", "u2", 0.3, "公厕没水", "report", ("B",)))
    photo = Utterance("", sender="u1", at=NOW, media="photo", previous=talk)
    found = belongs({"chat": 1.0}, photo, [LIFT, TOILET])
    assert (found.kind, found.matter) == ("supplement", "A")
    assert belongs({"chat": 1.0}, replace(photo, media="sticker"), [LIFT, TOILET]).matter is None
    assert belongs({"chat": 1.0}, replace(photo, sender="u3"), [LIFT, TOILET]).matter is None
    assert belongs({"chat": 1.0}, replace(photo, at=NOW + timedelta(minutes=9)), [LIFT, TOILET]).matter is None


def test_a_place_before_its_report_waits_and_is_taken_along() -> None:
    place = Utterance("12号楼", sender="u5", at=NOW, previous=())
    assert belongs({"supplement": 1.0}, place, []).reason == "pending"
    talk = (
        earlier("m0", "u5", 9, "昨天的事", "chat"),
        earlier("m1", "u5", 0.5, "12号楼", "supplement"),
        earlier("m2", "u6", 0.4, "早", "chat"),
        earlier("m3", "u5", 0.3, "", "supplement"),
    )
    assert fragments(Utterance("电梯停了两部", sender="u5", at=NOW, previous=talk)) == ("m1", "m3")


def test_fragments_stop_at_an_earlier_report_and_at_old_ones() -> None:
    talk = (
        earlier("m0", "u5", 30, "7号楼", "supplement"),
        earlier("m1", "u5", 3, "照片", "supplement"),
        earlier("m2", "u5", 2, "路灯不亮", "report", ("A",)),
        earlier("m3", "u5", 1, "还有张照片", "supplement"),
    )
    assert fragments(Utterance("垃圾满了", sender="u5", at=NOW, previous=talk)) == ("m3",)


def test_chat_and_notices_belong_to_nothing() -> None:
    assert belongs({"chat": 1.0}, said("哈哈哈", "u1"), [LIFT]).matter is None
    assert belongs({"notice": 1.0}, said("电梯年检通知", "p1"), [LIFT]).matter is None


def test_nobody_elses_message_about_another_building_is_hung_on_a_matter() -> None:
    assert belongs({"follow_up": 1.0}, said("7栋的电梯呢", "u3"), [LIFT], place=Place(building="7")).matter is None


def test_a_reporter_may_correct_their_own_building() -> None:
    talk = (earlier("m1", "u1", 0.5, "3栋电梯停了", "report", ("A",)),)
    fresh = replace(LIFT, last_at=ago(0.5))
    words = Utterance("说错了，是5栋", sender="u1", at=NOW, previous=talk)
    assert belongs({"supplement": 1.0}, words, [fresh], place=Place(building="5")).matter == "A"
    assert grown(fresh, "supplement", "说错了，是5栋", Place(building="5"), NOW, "u1").place.building == "5"


def test_another_voice_fills_what_was_silent_but_corrects_nothing() -> None:
    joined = grown(LIFT, "report", "2单元的", Place(building="3", unit="2"), NOW, "u7")
    assert (joined.place.building, joined.place.unit, joined.senders) == ("3", "2", frozenset({"u1", "u7"}))
    assert grown(LIFT, "supplement", "5栋", Place(building="5"), NOW, "u7").place.building == "3"


def test_a_wide_trouble_is_not_narrowed_to_a_joiners_building() -> None:
    heating = sketch("H", "facility.heating", "暖气都不热", 5)
    assert grown(heating, "report", "5号楼也凉了", Place(building="5"), NOW, "u7").place.building is None


def test_another_voice_from_another_house_fills_nothing() -> None:
    joined = grown(LIFT, "report", "我们9栋2单元502也停了", Place(building="9", unit="2", room="502", spot="门厅"), NOW, "u7")
    assert joined.place == LIFT.place


def test_a_wide_trouble_does_not_move_to_a_joiners_estate() -> None:
    outage = sketch("W", "facility.water", "停水了", 5)
    assert grown(outage, "report", "紫境府也停了", Place(estate="紫境府"), NOW, "u7").place == Place()


def test_replies_and_follow_ups_change_the_time_but_not_the_words() -> None:
    later = grown(LIFT, "reply", "师傅在路上", Place(building="9"), NOW, "p1")
    assert (later.texts, later.place, later.senders, later.last_at) == (LIFT.texts, LIFT.place, LIFT.senders, NOW)


def test_who_asks_after_an_old_matter_means_it_though_new_reports_would_open_another() -> None:
    old = sketch("A", "housing.elevator", "3栋电梯停了", 60 * 24 * 10, "u1", Place(building="3"))
    asking = Utterance("都十天了，电梯什么时候能修好", sender="u1", at=NOW, previous=())
    lift = RankedCategory((("housing.elevator", 0.9),), True)
    assert belongs({"follow_up": 1.0}, asking, [old], category=lift).matter == "A"
    assert belongs({"supplement": 1.0}, asking, [old], category=lift).matter is None


LEAK = RankedCategory((("housing.leak", 0.95),), True)


def test_what_comes_back_weeks_after_it_was_settled_is_a_new_report() -> None:
    long_ago = replace(LIFT, last_at=NOW - timedelta(days=20))
    again, lift = said("3栋电梯又停了", "u1"), RankedCategory((("housing.elevator", 0.9),), True)
    assert belongs({"follow_up": 1.0}, again, [long_ago], category=lift).matter == "A"
    found = belongs({"follow_up": 1.0}, again, [replace(long_ago, settled=True)], category=lift)
    assert (found.kind, found.matter) == ("report", None)
    lately = replace(long_ago, settled=True, last_at=NOW - timedelta(days=3))
    assert belongs({"follow_up": 1.0}, again, [lately], category=lift).matter == "A"
    asking = said("3栋电梯修好没有", "u1")
    assert belongs({"follow_up": 1.0}, asking, [replace(long_ago, settled=True)], category=lift).matter == "A"


def test_what_may_as_well_be_a_report_of_something_else_hangs_on_nothing() -> None:
    heard = {"report": 0.4, "supplement": 0.5, "chat": 0.1}
    found = belongs(heard, said("7栋楼顶漏水了", "u1"), [LIFT, TOILET], category=LEAK, place=Place(building="7"))
    assert (found.kind, found.matter) == ("report", None)


def test_more_words_of_ones_own_that_half_sound_like_a_report_stay_with_the_matter() -> None:
    talk = (earlier("m1", "u1", 0.5, "3栋电梯停了", "report", ("A",)),)
    words = Utterance("我妈堵在一楼上不去", sender="u1", at=NOW, previous=talk)
    found = belongs({"report": 0.45, "supplement": 0.5, "chat": 0.05}, words, [replace(LIFT, last_at=ago(0.5))])
    assert (found.kind, found.matter) == ("supplement", "A")


def test_small_talk_is_left_alone_where_it_is_likelier_by_far() -> None:
    """A resident's words in doubt are kept with their matter; of staff, and beside a question, what is likelier decides."""
    assert belongs({"chat": 0.8, "follow_up": 0.2}, said("还没修好？", "u1"), [LIFT]).kind == "chat"
    assert belongs({"chat": 0.6, "follow_up": 0.4}, said("还没修好？", "u1"), [LIFT]).matter == "A"
    assert belongs({"question": 0.6, "follow_up": 0.4}, said("还没修好？", "u1"), [LIFT]).kind == "question"
    staff = Utterance("还没修好？", "property", "p1", at=NOW, previous=TALK)
    assert belongs({"chat": 0.6, "follow_up": 0.4}, staff, [LIFT]).kind == "chat"
    found = belongs({"chat": 0.4, "follow_up": 0.35, "supplement": 0.25}, said("电梯还没修好？", "u1"), [LIFT])
    assert (found.kind, found.matter) == ("follow_up", "A")


def test_what_staff_come_upon_elsewhere_is_no_answer_to_an_open_matter() -> None:
    rounds = Utterance("巡到7栋，楼顶漏水", "property", "p1", at=NOW, previous=TALK)
    assert belongs({"reply": 1.0}, rounds, [LIFT], place=Place(estate="旧澡堂家属院")).matter is None
    assert belongs({"reply": 1.0}, rounds, [LIFT], category=LEAK).matter is None


# ---- a place alone, and several matters in one message ---------------------------------------------------------------------
def bare(text: str, sender: str, *before: Earlier) -> Utterance:
    return Utterance(text, sender=sender, at=NOW, previous=before)


def test_a_place_alone_waits_for_what_its_sender_tells_next() -> None:
    lamp = replace(sketch("C", "facility.streetlight", "路灯不亮", 1, "u2"), last_at=ago(0.5))
    place = Place(building="3", room="1206", text="3栋1206")
    found = belongs({"report": 0.9, "supplement": 0.1}, bare("3栋1206", "u5"), [lamp], place=place)
    assert (found.kind, found.matter, found.reason) == ("supplement", None, "pending")


def test_a_place_alone_answers_who_asked_for_it() -> None:
    lamp = replace(sketch("C", "facility.streetlight", "路灯不亮", 1, "u2"), last_at=ago(0.5))
    place = Place(building="3", text="3栋")
    told = earlier("m1", "u2", 1, "路灯不亮", "report", ("C",))
    asked = earlier("m2", "u8", 0.5, "哪栋的？", "chat", ("C",))
    assert belongs({"supplement": 1.0}, bare("3栋", "u5", told, asked), [lamp], place=place).matter == "C"
    assert belongs({"supplement": 1.0}, bare("3栋", "u2", told), [lamp], place=place).matter == "C", "of what they told themselves"


def test_a_message_about_two_matters_hangs_on_both() -> None:
    lift = RankedCategory((("housing.elevator", 0.7),), True)
    toilet = RankedCategory((("facility.toilet", 0.7),), True)
    words = said("电梯修好没，公厕的门锁还坏着", "u9")
    clauses = [("电梯修好没", lift, Place()), ("公厕的门锁还坏着", toilet, Place())]
    assert also_belongs("follow_up", words, clauses, [LIFT, TOILET], "A") == ("B",)
    assert also_belongs("follow_up", words, clauses[:1], [LIFT, TOILET], None) == (), "one clause is the whole message"


def test_a_clause_that_names_nothing_of_a_matter_is_not_about_it() -> None:
    lift = RankedCategory((("housing.elevator", 0.7),), True)
    clauses = [("电梯修好没", lift, Place()), ("我等着接娃", RankedCategory(), Place())]
    assert also_belongs("follow_up", said("电梯修好没，我等着接娃", "u9"), clauses, [LIFT, TOILET], "A") == ()


def test_where_the_next_trouble_of_a_reporter_is_does_not_move_their_first() -> None:
    told = earlier("m1", "u1", 10, "3栋电梯停了", "report", ("A",))
    lift = replace(LIFT, last_at=ago(10))
    found = belongs({"supplement": 1.0}, bare("7栋2单元", "u1", told), [lift], place=Place(building="7", unit="2", text="7栋2单元"))
    assert (found.matter, found.reason) == (None, "pending")
