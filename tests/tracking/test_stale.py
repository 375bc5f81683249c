"""Answers that are provably older than the one held: dropped whole."""

from notifier.sources.lifecycles import RESTAURANT, TRACK_TRACE
from tests.tracking.build import Order, brief, happened, logged, snap


def test_smaller_updated_at() -> None:
    order = Order(RESTAURANT)
    order.see(snap("COOKING", updated_at=200))
    held = order.state
    assert order.see(snap("CANCELLED", updated_at=199)) == []
    assert order.verdict == "stale"
    assert order.state == held


def test_equal_updated_at_is_not_stale() -> None:
    order = Order(RESTAURANT)
    order.see(snap("COOKING", updated_at=200))
    assert brief(order.see(snap("READY", updated_at=200)))[0] == ("status", "COOKING > READY")


def test_an_answer_without_updated_at_proves_nothing() -> None:
    order = Order(RESTAURANT)
    order.see(snap("COOKING", updated_at=200))
    assert brief(order.see(snap("READY")))[0] == ("status", "COOKING > READY")
    order.see(snap("TAKEN_BY_COURIER", updated_at=199))
    assert order.verdict == "stale"  # what was told last is still held


def test_lacking_entries() -> None:
    order = Order(TRACK_TRACE)
    new, confirmed, arrival = logged("new", 10), logged("confirmed", 20), happened("ARRIVAL", 30)
    order.see(snap("confirmed", new, confirmed, arrival))
    for answer in (snap("confirmed", new, confirmed), snap("new", new, arrival), snap("finished")):
        assert order.see(answer) == []
        assert order.verdict == "stale"
    assert order.see(snap("confirmed", arrival, confirmed, new)) == []
    assert order.verdict == "accepted"


def test_one_of_two_equal_entries_is_lacking() -> None:
    order = Order(TRACK_TRACE)
    first, second = happened("INTERVAL_UPDATE", 10), happened("INTERVAL_UPDATE", 10, nth=1)
    order.see(snap("new", logged("new", 5), first, second))
    order.see(snap("new", logged("new", 5), first))
    assert order.verdict == "stale"


def test_a_stale_answer_neither_confirms_a_doubt_nor_ends_it() -> None:
    order = Order(RESTAURANT)
    order.see(snap("READY", updated_at=200))
    order.see(snap("COOKING", updated_at=300))
    order.see(snap("NEW", updated_at=100))
    assert order.verdict == "stale"
    assert order.state.doubt == "READY → COOKING"
    assert brief(order.see(snap("COOKING", updated_at=300)))[0] == ("status", "READY > COOKING")
