"""Answers that are provably older than the one held: dropped whole."""

from notifier.model import Snapshot
from notifier.sources.lifecycles import RESTAURANT, TRACK_TRACE
from notifier.tracking.judge import explain
from tests.tracking.build import Order, brief, happened, logged, look, snap


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


def said(order: Order, answer: Snapshot) -> str:
    """What `why` tells of an answer that was not taken."""
    order.see(answer)
    return explain(order.verdict, look(order.now, answer), order.state)


def test_why_says_what_is_held_against_an_answer() -> None:
    order = Order(RESTAURANT)
    order.see(snap("READY", updated_at=200))
    assert said(order, snap("CANCELLED", updated_at=199)) == (
        "of 1970-01-01T00:00:00.199Z, older than the answer of 1970-01-01T00:00:00.200Z that is known"
    )
    assert said(order, snap("COOKING", updated_at=300)) == (
        "READY → COOKING: no legal step, told if the next answer shows it too"
    )
    assert said(order, snap("COOKING", updated_at=300)) == ""
    order = Order(TRACK_TRACE)
    order.see(snap("confirmed", logged("new", 10), logged("confirmed", 20), happened("ARRIVAL", 30)))
    one = snap("confirmed", logged("new", 10), logged("confirmed", 20))
    assert said(order, one) == "older than what is known: ARRIVAL of 1970-01-01T00:00:00.030Z is missing"
    assert said(order, snap("new")) == (
        "older than what is known: new of 1970-01-01T00:00:00.010Z is missing, and 2 more"
    )
