"""The first good look of an order: `tracked`, and what of it is an event."""

from dataclasses import replace

import pytest

from notifier.model import CancelRules, Cost, EventType, Performer, Phase, Schedule
from notifier.sources.lifecycles import RESTAURANT, TAXI, TRACK_TRACE
from tests.tracking.build import LATENCY, SETTINGS, Order, brief, happened, logged, snap


def test_tracked_alone_with_its_window() -> None:
    order = Order()
    [event] = order.see(
        snap(
            "driving",
            performer=Performer(name="Anna"),
            schedule=Schedule(start=5),
            cost=Cost(amount=1.0),
            cancel_rules=CancelRules(can_cancel=True),
        ),
        at=1_000,
    )
    assert event.type is EventType.TRACKED
    assert (event.sequence, event.before, event.after) == (1, None, {"status": "driving", "phase": "assigned"})
    assert (event.status, event.phase, event.certain) == ("driving", Phase.ASSIGNED, True)
    assert (event.at, event.not_before, event.not_after) == (None, None, 1_000 + LATENCY)
    assert (event.observed_at, event.inferred, event.late) == (1_000 + LATENCY, False, False)
    assert event.snapshot == order.state.snapshot


def test_state_after_it() -> None:
    order = Order()
    order.see(snap("driving"), at=1_000)
    state = order.state
    assert (state.tracked, state.sequence, state.phase, state.certain) == (True, 1, Phase.ASSIGNED, True)
    assert (state.last_ok, state.since, state.changed_at) == (1_000, 1_000 + LATENCY, 1_000 + LATENCY)
    assert state.digest == b"d1000"
    assert state.terminal_since is None


def test_entries_already_there_are_known() -> None:
    order = Order(TRACK_TRACE)
    entries = (logged("new", 10), happened("ORDER_CREATED", 10), happened("ARRIVAL", 30))
    assert brief(order.see(snap("new", *entries))) == [("tracked",)]
    assert order.state.phase is Phase.ARRIVED
    assert order.state.since == 30
    assert order.see(snap("new", *entries)) == []


def test_backlog_tells_each_entry_as_late_and_moves_nothing() -> None:
    order = Order(TRACK_TRACE, replace(SETTINGS, backlog=True))
    entries = (
        happened("STATUS_UPDATE", 20),
        logged("confirmed", 20),
        happened("ORDER_CREATED", 10),
        logged("new", 10),
        happened("ARRIVAL", 30),
        logged("weird", 40),
    )
    events = order.see(snap("weird", *entries))
    assert brief(events) == [
        ("tracked",),
        ("violated", "unknown_status", "weird"),
        ("status", "None > new", "late"),
        ("history", "ORDER_CREATED", "late"),
        ("status", "new > confirmed", "late"),
        ("history", "STATUS_UPDATE", "late"),
        ("history", "ARRIVAL", "late"),
        ("status", "confirmed > weird", "late"),
    ]
    assert {(event.status, event.phase) for event in events} == {("weird", Phase.ARRIVED)}
    assert [event.at for event in events[2:]] == [10, 10, 20, 20, 30, 40]
    assert events[2].before is None


@pytest.mark.parametrize("status", ["expired", "teleporting"])
def test_phase_unknown_until_a_status_tells_one(status: str) -> None:
    order = Order(TAXI)
    [tracked, *violated] = order.see(snap(status))
    assert tracked.after == {"status": status, "phase": "unknown"}
    assert not tracked.certain
    assert brief(violated) == ([("violated", "unknown_status", status)] if status == "teleporting" else [])
    events = order.see(snap("waiting"))
    assert brief(events) == [("status", f"{status} > waiting"), ("phase", "unknown > arrived")]
    assert order.state.certain


def test_track_and_trace_keeps_the_last_phase_when_its_status_is_unknown() -> None:
    order = Order(TRACK_TRACE)
    [tracked, violated] = order.see(snap("weird", logged("new", 10), logged("weird", 20)))
    assert tracked.after == {"status": "weird", "phase": "created"}
    assert not tracked.certain
    assert violated.after == {"kind": "unknown_status", "value": "weird"}


def test_terminal_at_once() -> None:
    order = Order()
    order.see(snap("complete", finished_at=500), at=1_000)
    assert (order.state.since, order.state.terminal_since) == (500, 1_000 + LATENCY)


def test_since_is_the_time_that_was_told() -> None:
    order = Order(RESTAURANT)
    [tracked] = order.see(snap("COOKING", updated_at=700))
    assert order.state.since == 700
    assert tracked.at is None  # nothing happened then but that it was seen
