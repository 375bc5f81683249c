"""What a ride's statuses bring about."""

import pytest

from notifier.simulator.lives import life
from notifier.simulator.lives.model import CancelRules, Place


def test_a_fall_back_to_search_brings_another_driver() -> None:
    ride = life(1, "taxi_v1", "sim-search-1s-driving-1s-search-1s-driving-1s-waiting", born=0)
    first, none, second = (ride.moment(t).performer for t in (1_000, 2_000, 3_000))
    assert first
    assert none is None
    assert second
    assert first != second
    assert ride.moment(4_000).performer == second


def test_cost_and_end_come_with_completion_and_the_rules_go() -> None:
    ride = life(1, "business_v2", "sim-transporting-10s-complete", born=5)
    assert ride.moment(10_004).cost is None
    assert ride.moment(10_004).cancel_rules == CancelRules(can_cancel=False, state="paid")
    end = ride.moment(10_005)
    assert end.cost
    assert end.finished_at == 10_005
    assert end.cancel_rules is None


def test_a_late_cost_follows_the_end() -> None:
    ride = life(1, "taxi_v1", "sim-latecost-30s-transporting-10s-complete", born=0)
    assert ride.moment(39_999).cost is None
    assert ride.moment(40_000).cost


def test_changes_without_a_status() -> None:
    ride = life(1, "taxi_v1", "sim-driving-1s-redriver-1s-reschedule-1s-recost", born=0)
    assert [c.kind for c in ride.timeline() if c.time_ms] == ["performer", "schedule", "cost"]
    assert ride.statuses() == ((0, "driving"),)


def test_taxi_v1_is_due_at_the_end_and_business_v2_at_the_start() -> None:
    order_id = "sim-driving-60s-waiting-60s-transporting-60s-complete"
    old, new = (life(1, api, order_id, born=0).moment(0).schedule for api in ("taxi_v1", "business_v2"))
    assert old == (None, 180_000)
    assert new == (60_000, None)


def test_an_undocumented_status_brings_nothing_but_itself() -> None:
    ride = life(1, "taxi_v1", "sim-driving-1s-teleporting-1s-waiting", born=0)
    assert [c.kind for c in ride.timeline() if c.time_ms == 1_000] == ["status"]


def test_the_car_drives_to_the_door_waits_and_goes_to_the_destination() -> None:
    ride = life(1, "progress", "sim-driving-60s-waiting-30s-transporting-100s-finished", born=0)
    door, destination = (Place(p.lat, p.lon) for p in ride.route)
    assert ride.location(0) != door
    assert ride.location(61_000) == ride.location(89_000) == door
    assert ride.location(191_000) == destination


def test_the_car_reports_every_ten_seconds() -> None:
    ride = life(1, "progress", "sim-transporting-1000s-finished", born=0)
    assert ride.location(10_000) == ride.location(19_999) != ride.location(20_000)


@pytest.mark.parametrize("status", ["search", "scheduling", "cancelled"])
def test_no_car_before_there_is_a_driver(status: str) -> None:
    assert life(1, "progress", f"sim-{status}", born=0).location(10**9) is None


def test_progress_tells_the_status_alone() -> None:
    assert {c.kind for c in life(1, "progress", "sim-driving-1s-complete", born=0).timeline()} == {"status"}
