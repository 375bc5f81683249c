"""Statuses without a log: steps, inferred steps, illegal and unknown ones (taxi, restaurant)."""

from itertools import pairwise

import pytest

from notifier.model import Event, Phase
from notifier.sources.lifecycles import RESTAURANT, TAXI
from notifier.tracking import Lifecycle
from tests.tracking.build import LATENCY, Order, brief, snap


def seen(*statuses: str, lifecycle: Lifecycle = TAXI) -> Order:
    order = Order(lifecycle)
    for status in statuses:
        order.see(snap(status))
    return order


def window(event: Event) -> tuple[int | None, int | None, int | None]:
    return (event.at, event.not_before, event.not_after)


def test_a_step() -> None:
    order = seen("driving")
    before = order.state.last_ok
    status, phase = order.see(snap("waiting"), at=5_000)
    assert (status.before, status.after) == ({"status": "driving"}, {"status": "waiting"})
    assert (phase.before, phase.after) == ({"phase": "assigned"}, {"phase": "arrived"})
    assert (status.sequence, phase.sequence) == (2, 3)
    assert {(event.status, event.phase, event.certain) for event in (status, phase)} == {
        ("waiting", Phase.ARRIVED, True)
    }
    assert window(status) == window(phase) == (None, before, 5_000 + LATENCY)
    assert order.state.since == order.state.changed_at == 5_000 + LATENCY


def test_the_same_again_is_no_event_but_moves_the_window() -> None:
    order = seen("driving")
    assert order.see(snap("driving"), at=4_000) == []
    assert order.verdict == "accepted"
    changed = order.state.changed_at
    [status, _] = order.see(snap("waiting"), at=5_000)
    assert status.not_before == 4_000
    assert changed < order.state.changed_at


@pytest.mark.parametrize(
    ("lifecycle", "before", "after", "steps"),
    [
        (TAXI, "search", "transporting", "search driving! waiting! transporting"),
        (TAXI, "driving", "complete", "driving waiting! transporting! complete"),
        (TAXI, "driving", "cancelled", "driving cancelled"),
        (TAXI, "search", "expired", "search expired"),
        (RESTAURANT, "COOKING", "DELIVERED", "COOKING READY! TAKEN_BY_COURIER! DELIVERED"),
        (RESTAURANT, "NEW", "CANCELLED", "NEW CANCELLED"),
    ],
)
def test_inferred_steps(lifecycle: Lifecycle, before: str, after: str, steps: str) -> None:
    order = seen(before, lifecycle=lifecycle)
    events = order.see(snap(after))
    chain = [step.rstrip("!") for step in steps.split()]
    statuses = [event for event in events if event.type == "status_changed"]
    assert [(event.before, event.after) for event in statuses] == [
        ({"status": one}, {"status": other}) for one, other in pairwise(chain)
    ]
    assert [event.inferred for event in statuses] == [step.endswith("!") for step in steps.split()[1:]]
    assert {window(event) for event in events} == {window(events[0])}  # one window for all
    for cause, effect in pairwise(events):
        if effect.type == "phase_changed":
            assert cause.type == "status_changed"
            assert effect.inferred == cause.inferred


def test_inferred_steps_have_their_phases() -> None:
    order = seen("search")
    assert brief(order.see(snap("transporting"))) == [
        ("status", "search > driving", "inferred"),
        ("phase", "searching > assigned", "inferred"),
        ("status", "driving > waiting", "inferred"),
        ("phase", "assigned > arrived", "inferred"),
        ("status", "waiting > transporting"),
        ("phase", "arrived > in_progress"),
    ]


def test_the_driver_gave_up() -> None:
    order = seen("waiting")
    assert brief(order.see(snap("search"))) == [("status", "waiting > search"), ("phase", "arrived > searching")]


def test_complete_and_finished_are_one() -> None:
    order = seen("transporting", "complete")
    ended = order.state.terminal_since
    assert brief(order.see(snap("finished"))) == [("status", "complete > finished")]
    assert order.state.terminal_since == ended


def test_expired_keeps_the_phase() -> None:
    order = seen("waiting")
    [expired] = order.see(snap("expired"))
    assert (expired.after, expired.phase, expired.certain) == ({"status": "expired"}, Phase.ARRIVED, False)
    assert not order.state.certain
    [back] = order.see(snap("waiting"))
    assert (back.before, back.after, back.certain) == ({"status": "expired"}, {"status": "waiting"}, True)


def test_undocumented_status_once_for_each_value() -> None:
    order = seen("waiting")
    events = order.see(snap("paused"))
    assert brief(events) == [("status", "waiting > paused"), ("violated", "unknown_status", "paused")]
    assert [event.certain for event in events] == [False, False]
    assert events[1].before is None
    assert brief(order.see(snap("waiting"))) == [("status", "paused > waiting")]
    assert brief(order.see(snap("paused"))) == [("status", "waiting > paused")]
    assert brief(order.see(snap("halted"))) == [
        ("status", "paused > halted"),
        ("violated", "unknown_status", "halted"),
    ]


class TestIllegal:
    def test_seen_once_is_put_aside_whole(self) -> None:
        order = seen("waiting")
        held = order.state
        assert order.see(snap("driving", number="7")) == []
        assert order.verdict == "doubtful"
        assert order.state.snapshot == held.snapshot
        assert (order.state.last_ok, order.state.digest) == (held.last_ok, held.digest)
        assert order.state.doubt == "waiting → driving"
        assert order.see(snap("waiting")) == []
        assert order.verdict == "accepted"
        assert order.state.doubt is None

    def test_seen_at_two_looks_in_a_row(self) -> None:
        order = seen("waiting")
        accepted = order.state.last_ok
        order.see(snap("driving"))
        events = order.see(snap("driving"), at=9_000)
        assert brief(events) == [
            ("status", "waiting > driving"),
            ("phase", "arrived > assigned"),
            ("violated", "illegal_transition", "driving"),
        ]
        assert {window(event) for event in events} == {(None, accepted, 9_000 + LATENCY)}

    def test_each_time_again(self) -> None:
        order = seen("waiting", "driving", "driving", "waiting", "driving")
        assert brief(order.see(snap("driving")))[-1] == ("violated", "illegal_transition", "driving")

    def test_not_in_a_row(self) -> None:
        order = seen("waiting", "driving", "waiting")
        assert order.see(snap("driving")) == []
        assert order.verdict == "doubtful"

    def test_another_illegal_step_is_another_doubt(self) -> None:
        order = seen("transporting", "waiting")
        assert order.see(snap("driving")) == []
        assert brief(order.see(snap("driving")))[0] == ("status", "transporting > driving")

    def test_failed_looks_between_say_nothing(self) -> None:
        order = seen("waiting", "driving")
        assert order.see("timeout") == []
        assert order.state.doubt is not None
        assert brief(order.see(snap("driving")))[0] == ("status", "waiting > driving")

    def test_the_same_look_applied_again_is_no_second_one(self) -> None:
        order = seen("waiting")
        order.see(snap("driving"), at=2_000)
        assert order.see(snap("driving"), at=2_000) == []
        assert order.verdict == "doubtful"
        assert order.see(snap("driving"), at=2_010) != []

    def test_a_legal_step_ends_the_doubt(self) -> None:
        order = seen("waiting", "driving")
        assert brief(order.see(snap("transporting")))[0] == ("status", "waiting > transporting")
        assert order.state.doubt is None

    def test_after_the_end(self) -> None:
        order = seen("complete", "cancelled")
        assert order.verdict == "doubtful"
        assert brief(order.see(snap("cancelled"))) == [
            ("status", "complete > cancelled"),
            ("phase", "completed > cancelled"),
            ("violated", "illegal_transition", "cancelled"),
        ]


class TestKnownTimes:
    def test_updated_at(self) -> None:
        order = Order(RESTAURANT)
        order.see(snap("NEW", updated_at=100))
        events = order.see(snap("COOKING", updated_at=300))
        assert [(event.after, event.at, event.not_after is None) for event in events] == [
            ({"status": "ACCEPTED_BY_RESTAURANT"}, None, False),
            ({"phase": "accepted"}, None, False),
            ({"status": "COOKING"}, 300, True),
            ({"phase": "preparing"}, 300, True),
        ]
        assert order.state.since == 300

    def test_an_updated_at_that_did_not_move_says_nothing(self) -> None:
        order = Order(RESTAURANT)
        order.see(snap("NEW", updated_at=100))
        [status, _] = order.see(snap("ACCEPTED_BY_RESTAURANT", updated_at=100))
        assert status.at is None

    def test_finished_date_is_the_time_of_completion(self) -> None:
        order = seen("waiting")
        events = order.see(snap("complete", finished_at=777))
        assert [(event.inferred, event.at) for event in events] == [
            (True, None),
            (True, None),
            (False, 777),
            (False, 777),
        ]
        assert events[2].time == 777
        [renamed] = order.see(snap("finished", finished_at=777))
        assert renamed.at is None  # it completed before

    def test_finished_date_of_another_status_is_none(self) -> None:
        order = seen("waiting")
        assert order.see(snap("cancelled", finished_at=777))[0].at is None


def test_terminal_since_when_it_was_seen() -> None:
    order = seen("transporting")
    order.see(snap("complete", finished_at=10), at=6_000)
    assert (order.state.since, order.state.terminal_since) == (10, 6_000 + LATENCY)
    order.see(snap("complete", finished_at=10), at=7_000)
    assert order.state.terminal_since == 6_000 + LATENCY
