"""`lost`, `stalled`, and looks that fail."""

import pytest

from notifier.errors import Reason
from notifier.model import Phase
from notifier.sources.lifecycles import RESTAURANT
from notifier.tracking import Tracking, calm
from tests.tracking.build import LATENCY, Order, brief, snap

SETTINGS = Tracking(lost_looks=3, lost_after=100, stalled_after=1_000)
GONE = str(Reason.NOT_FOUND)


def order_seen() -> Order:
    order = Order(settings=SETTINGS)
    order.see(snap("driving"), at=1_000)
    return order


def test_a_failed_look_changes_nothing_else() -> None:
    order = order_seen()
    held = order.state
    assert order.see("timeout", at=1_100) == []
    assert order.verdict == "failed"
    assert order.state == held


class TestLost:
    def test_so_many_misses_over_so_long(self) -> None:
        order = order_seen()
        assert order.see(GONE, at=1_100) == []
        assert order.see(GONE, at=1_110) == []
        assert order.see(GONE, at=1_120) == []  # enough of them, too soon
        [lost] = order.see(GONE, at=1_200)
        assert (lost.type, lost.before, lost.after) == ("lost", None, None)
        assert (lost.sequence, lost.status, lost.phase) == (2, "driving", Phase.ASSIGNED)
        assert (lost.at, lost.not_before, lost.not_after) == (None, 1_000, 1_200 + LATENCY)
        assert lost.snapshot == order.state.snapshot
        assert (order.state.lost, order.state.lost_since) == (True, 1_200 + LATENCY)

    def test_too_few_however_long(self) -> None:
        order = order_seen()
        assert order.see(GONE, at=1_100) + order.see(GONE, at=1_900) == []

    def test_once(self) -> None:
        order = order_seen()
        told = [event for at in range(1_100, 1_800, 50) for event in order.see(GONE, at=at)]
        assert brief(told) == [("lost",)]

    def test_other_failures_neither_count_nor_reset(self) -> None:
        order = order_seen()
        told = []
        for at, reason in ((1_100, GONE), (1_150, "timeout"), (1_200, GONE), (1_210, "server_error"), (1_220, GONE)):
            told += order.see(reason, at=at)
            assert order.state.misses == (at in (1_100, 1_150)) + 2 * (at in (1_200, 1_210)) + 3 * (at == 1_220)
        assert brief(told) == [("lost",)]

    @pytest.mark.parametrize("answer", ["accepted", "stale", "doubtful"])
    def test_any_readable_answer_ends_the_run(self, answer: str) -> None:
        order = Order(RESTAURANT, SETTINGS)
        order.see(snap("READY", updated_at=50), at=1_000)
        order.see(GONE, at=1_010)
        order.see(GONE, at=1_100)
        order.see({"accepted": snap("READY", updated_at=50), "stale": snap("NEW", updated_at=40),
                   "doubtful": snap("NEW", updated_at=60)}[answer], at=1_110)  # fmt: skip
        assert order.verdict == answer
        assert (order.state.misses, order.state.missing_since) == (0, None)
        assert order.see(GONE, at=1_210) == []

    def test_never_seen_is_sequence_one(self) -> None:
        order = Order(settings=SETTINGS)
        told = [event for at in (100, 160, 220) for event in order.see(GONE, at=at)]
        [lost] = told
        assert (lost.sequence, lost.status, lost.phase, lost.certain) == (1, None, Phase.UNKNOWN, False)
        assert (lost.not_before, lost.not_after, lost.snapshot) == (None, 220 + LATENCY, None)
        [tracked] = order.see(snap("search"))
        assert (tracked.type, tracked.sequence) == ("tracked", 2)

    def test_back_again_ordinary_events_follow(self) -> None:
        order = order_seen()
        for at in (1_100, 1_160, 1_220):
            order.see(GONE, at=at)
        assert brief(order.see(snap("waiting"), at=1_300)) == [
            ("status", "driving > waiting"),
            ("phase", "assigned > arrived"),
        ]
        assert (order.state.lost, order.state.lost_since, order.state.misses) == (False, None, 0)
        assert brief([e for at in (1_400, 1_460, 1_520) for e in order.see(GONE, at=at)]) == [("lost",)]

    def test_the_same_look_applied_again_counts_once(self) -> None:
        order = order_seen()
        order.see(GONE, at=1_100)
        order.see(GONE, at=1_100)
        assert order.state.misses == 1


class TestStalled:
    def test_no_good_look_for_so_long(self) -> None:
        order = order_seen()
        assert order.see("timeout", at=1_900) == []
        [stalled] = order.see("timeout", at=2_000)
        assert (stalled.type, stalled.before, stalled.after) == ("stalled", None, None)
        assert (stalled.status, stalled.phase) == ("driving", Phase.ASSIGNED)
        assert (stalled.at, stalled.not_before, stalled.not_after) == (None, 1_000, 2_000 + LATENCY)
        assert order.see("timeout", at=9_000) == []

    def test_again_after_the_next_good_look(self) -> None:
        order = order_seen()
        order.see("timeout", at=2_000)
        assert order.see(snap("driving"), at=2_100) == []
        assert not order.state.stalled
        assert order.see("timeout", at=3_000) == []
        assert brief(order.see("timeout", at=3_100)) == [("stalled",)]

    def test_counts_from_the_take_over(self) -> None:
        order = order_seen()
        assert order.see("timeout", at=5_000, attended=4_500) == []
        assert brief(order.see("timeout", at=5_500, attended=4_500)) == [("stalled",)]

    def test_an_order_never_seen(self) -> None:
        order = Order(settings=SETTINGS)
        [stalled] = order.see("timeout", at=1_200)
        assert (stalled.sequence, stalled.status, stalled.not_before) == (1, None, None)

    def test_an_answer_that_is_not_believed_is_no_good_look(self) -> None:
        order = Order(RESTAURANT, SETTINGS)
        order.see(snap("READY", updated_at=50), at=1_000)
        assert order.see(snap("NEW", updated_at=40), at=1_500) == []
        assert brief(order.see(snap("NEW", updated_at=40), at=2_500)) == [("stalled",)]
        assert order.verdict == "stale"

    def test_lost_and_stalled_at_once(self) -> None:
        order = order_seen()
        order.see(GONE, at=1_100)
        order.see(GONE, at=1_200)
        assert brief(order.see(GONE, at=2_500)) == [("lost",), ("stalled",)]


def test_calm() -> None:
    order = Order(settings=SETTINGS)
    assert not calm(order.state)
    order.see(snap("waiting"), at=1_000)
    assert calm(order.state)
    order.see(snap("driving"), at=1_100)
    assert not calm(order.state)
    order.see(snap("waiting"), at=1_200)
    assert calm(order.state)
    order.see(GONE, at=1_300)
    assert not calm(order.state)
    order.see(snap("waiting"), at=1_400)
    order.see("timeout", at=3_000)
    assert not calm(order.state)
