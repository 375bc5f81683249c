from typing import Any

import pytest

from notifier.model import Event, EventType, Phase
from notifier.routing.match import matches
from notifier.routing.rules import When
from tests.routing.make import event, rule, watch

ARRIVED = event()
STATUS = event(EventType.STATUS_CHANGED, before={"status": "driving"}, after={"status": "waiting"})
HISTORY = event(EventType.HISTORY_ADDED, before=None, after={"event": "ARRIVAL", "at": None}, status="confirmed")
TRACKED = event(EventType.TRACKED, before=None, after={"status": "waiting", "phase": "arrived"})
COST = event(EventType.COST_CHANGED, before=None, after={"amount": 1.0, "with_vat": 1.2})


def when(**matchers: Any) -> When:
    made: dict[str, Any] = {name: frozenset(values) for name, values in matchers.items()}
    return When(**made)


@pytest.mark.parametrize(
    ("asked", "matched"),
    [
        (when(), [ARRIVED, STATUS, HISTORY, TRACKED, COST]),
        # without type: the event that brings it about
        (when(phase=["arrived", "completed"]), [ARRIVED]),
        (when(phase=["completed"]), []),
        (when(status=["waiting"]), [STATUS]),
        (when(history=["ARRIVAL"]), [HISTORY]),
        (when(history=["DEPARTURE"]), []),
        # with type: that event's fields
        (when(type=["phase_changed", "tracked"], phase=["arrived"]), [ARRIVED, TRACKED]),
        (when(type=["phase_changed", "tracked"], phase=["assigned"]), []),
        (when(type=["cost_changed"], phase=["arrived"]), [COST]),
        (when(type=["cost_changed"], status=["waiting"]), [COST]),
        (when(type=["cost_changed"], status=["driving"]), []),
        (when(type=["history_added"], status=["confirmed"], history=["ARRIVAL"]), [HISTORY]),
        (when(type=["history_added", "status_changed"], history=["ARRIVAL"]), [HISTORY]),
        # tracked: by type or by an empty `when` only
        (when(type=["tracked"]), [TRACKED]),
        (when(source=["trips"]), [ARRIVED, STATUS, HISTORY, COST]),
        (when(inferred=[False]), [ARRIVED, STATUS, HISTORY, COST]),
        (when(source=["food"]), []),
    ],
)
def test_which_events_a_rule_is_about(asked: When, matched: list[Event]) -> None:
    about = rule(when=asked)

    assert [each for each in (ARRIVED, STATUS, HISTORY, TRACKED, COST) if matches(about, each, watch())] == matched


def test_labels_must_all_agree_and_their_values_are_alternatives() -> None:
    asked = rule(when=When(labels={"team": frozenset({"sales", "ops"}), "vip": frozenset({"yes"})}))

    assert matches(asked, ARRIVED, watch(team="ops", vip="yes"))
    assert not matches(asked, ARRIVED, watch(team="ops"))
    assert not matches(asked, ARRIVED, watch(team="hr", vip="yes"))


@pytest.mark.parametrize("field", ["inferred", "late"])
def test_inferred_and_late_are_matched_when_asked_for(field: str) -> None:
    mark: dict[str, Any] = {field: True}
    marked = event(**mark)

    assert matches(rule(), marked, watch())
    assert matches(rule(when=when(**{field: [True]})), marked, watch())
    assert not matches(rule(when=when(**{field: [True]})), ARRIVED, watch())
    assert not matches(rule(when=when(**{field: [False]})), marked, watch())
    assert matches(rule(when=when(**{field: [True, False]})), ARRIVED, watch())


def test_an_uncertain_phase_is_compared_as_it_stands() -> None:
    kept = event(EventType.STATUS_CHANGED, status="expired", phase=Phase.ARRIVED, certain=False)

    assert matches(rule(when=when(type=["status_changed"], phase=["arrived"])), kept, watch())
    assert not matches(rule(when=when(phase=["arrived"])), kept, watch())
