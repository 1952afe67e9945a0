"""Who may speak next."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.channels.contract import Speech
from bot.channels.lanes import Item, Lanes

EARLY, LATE = datetime(2026, 5, 1, 8, tzinfo=UTC), datetime(2026, 5, 1, 9, tzinfo=UTC)


def item(order: int, chat: str = "a", *, urgent: bool = False, card: str = "", version: int = 0, **more: object) -> Item[Speech]:
    body = Speech(key=f"k{order}", channel="web", chat_id=chat, text=f"第{order}句", urgent=urgent, card_id=card, version=version, **more)
    return Item(chat, order, body, (f"{order}-0",), urgent=urgent)


def drain(lanes: Lanes[Speech], now: float = 0.0) -> list[str]:
    said = []
    while out := lanes.next(now):
        said.append(out.body.text)
        lanes.done(out, now)
    return said


def test_a_chat_is_spoken_to_in_order_and_one_at_a_time() -> None:
    lanes: Lanes[Speech] = Lanes()
    for order in (1, 2, 3):
        lanes.add(item(order), 0.0)
    first = lanes.next(0.0)
    assert first is not None
    assert lanes.next(0.0) is None
    lanes.done(first, 0.0)
    assert drain(lanes) == ["第2句", "第3句"]
    assert len(lanes) == 0


def test_urgent_speech_passes_everything_in_every_chat() -> None:
    lanes: Lanes[Speech] = Lanes()
    for one in (item(1, "a"), item(2, "b"), item(3, "b", urgent=True), item(4, "a", urgent=True)):
        lanes.add(one, 0.0)
    assert drain(lanes) == ["第3句", "第4句", "第1句", "第2句"]


def test_urgent_speech_wakes_a_resting_chat_and_nothing_else_goes_while_closed() -> None:
    lanes: Lanes[Speech] = Lanes()
    lanes.add(item(1), 0.0)
    out = lanes.next(0.0)
    assert out is not None
    lanes.again(out, 0.0, ready_at=10.0)
    assert lanes.next(5.0) is None
    assert lanes.wait_s(5.0) == 5.0
    lanes.add(item(2, urgent=True), 5.0)
    lanes.add(item(3, "b"), 5.0)
    urgent = lanes.next(5.0, only_urgent=True)
    assert urgent is not None
    assert urgent.body.text == "第2句"
    assert lanes.next(5.0, only_urgent=True) is None


def test_waiting_states_of_one_card_become_the_newest_in_the_place_of_the_first() -> None:
    lanes: Lanes[Speech] = Lanes()
    lanes.add(item(1, card="t1", version=1, reply_to="77", heard_at=EARLY), 0.0)
    lanes.add(item(2), 0.0)
    lanes.add(item(3, card="t1", version=3, heard_at=LATE), 0.0)
    lanes.add(item(4, card="t1", version=2), 0.0)
    lanes.add(item(5, card="t2", version=1), 0.0)
    card = lanes.next(0.0)
    assert card is not None
    assert (card.body.text, card.body.reply_to, card.body.heard_at) == ("第3句", "77", EARLY)
    assert card.entries == ("1-0", "3-0", "4-0")
    assert {card.body.key, *card.keys} == {"k1", "k3", "k4"}
    lanes.done(card, 0.0)
    assert drain(lanes) == ["第2句", "第5句"]


def test_an_item_that_comes_back_is_overtaken_by_its_newer_state() -> None:
    lanes: Lanes[Speech] = Lanes()
    lanes.add(item(1, card="t1", version=1), 0.0)
    out = lanes.next(0.0)
    assert out is not None
    lanes.add(item(2, card="t1", version=2), 0.0)
    lanes.again(out, 0.0, ready_at=0.0)
    assert drain(lanes) == ["第2句"]


def test_thousands_of_chats_each_keep_their_order() -> None:
    lanes: Lanes[Speech] = Lanes()
    for order in range(6000):
        lanes.add(item(order, chat=str(order % 2000)), 0.0)
    said = [int(text[1:-1]) for text in drain(lanes)]
    assert sorted(said) == list(range(6000))
    for chat in (0, 999, 1999):
        mine = [order for order in said if order % 2000 == chat]
        assert mine == sorted(mine)
