"""Performer, schedule, cost, cancel rules, location."""

from dataclasses import replace
from typing import Any

import pytest

from notifier.model import CancelRules, Comment, Cost, Event, Performer, Place, Schedule, Vehicle
from notifier.sources.lifecycles import TRACK_TRACE
from tests.tracking.build import LATENCY, SETTINGS, Order, brief, happened, logged, snap

DRIVER = Performer(name="Anna", phone="+1", vehicle=Vehicle(model="Lada", color="red", plate="A1"))
ANNA = {"name": "Anna", "phone": "+1", "vehicle": {"model": "Lada", "color": "red", "plate": "A1"}}


def change(before: dict[str, Any], after: dict[str, Any]) -> list[Event]:
    order = Order()
    order.see(snap("driving", **before))
    return order.see(snap("driving", **after))


def shown(events: list[Event]) -> list[tuple[Any, ...]]:
    return [(event.type.value, event.before, event.after) for event in events]


@pytest.mark.parametrize(
    ("name", "value", "other", "before", "after"),
    [
        ("performer", DRIVER, Performer(name="Boris"), ANNA, {"name": "Boris", "phone": None, "vehicle": None}),
        ("schedule", Schedule(start=1), Schedule(start=2_000), {"start": "1970-01-01T00:00:00.001Z", "end": None},
         {"start": "1970-01-01T00:00:02.000Z", "end": None}),
        ("cost", Cost(amount=10), Cost(amount=20.5, with_vat=24), {"amount": 10, "with_vat": None},
         {"amount": 20.5, "with_vat": 24}),
        ("cancel_rules", CancelRules(can_cancel=True, state="free"), CancelRules(can_cancel=False, state="paid"),
         {"can_cancel": True, "state": "free"}, {"can_cancel": False, "state": "paid"}),
    ],
)  # fmt: skip
def test_change_first_value_absence_equal(
    name: str, value: object, other: object, before: dict[str, Any], after: dict[str, Any]
) -> None:
    kind = f"{name}_changed"
    assert shown(change({name: value}, {name: other})) == [(kind, before, after)]
    assert shown(change({}, {name: value})) == [(kind, None, before)]
    assert change({name: value}, {}) == []
    assert change({name: value}, {name: value}) == []


def test_the_last_value_is_kept_through_absence() -> None:
    order = Order()
    order.see(snap("driving", performer=DRIVER))
    order.see(snap("driving"))
    assert order.state.snapshot is not None
    assert order.state.snapshot.performer == DRIVER
    assert order.see(snap("driving", performer=DRIVER)) == []
    [event] = order.see(snap("driving", performer=Performer(name="Boris")))
    assert event.before == ANNA


def test_window_even_where_the_status_has_a_time() -> None:
    order = Order()
    order.see(snap("transporting"), at=1_000)
    events = order.see(snap("complete", finished_at=500, cost=Cost(amount=7)), at=2_000)
    assert brief(events)[2:] == [("cost_changed",)]
    assert (events[2].at, events[2].not_before, events[2].not_after) == (None, 1_000, 2_000 + LATENCY)


def test_order_of_events() -> None:
    order = Order(TRACK_TRACE, replace(SETTINGS, least_distance=0))
    order.see(snap("new", logged("new", 10)))
    events = order.see(
        snap(
            "confirmed",
            logged("new", 10),
            happened("START", 20),
            performer=DRIVER,
            schedule=Schedule(start=1),
            cost=Cost(amount=1),
            cancel_rules=CancelRules(state="free"),
            location=Place(lat=1, lon=2),
        )
    )
    assert brief(events) == [
        ("history", "START"),
        ("status", "new > confirmed"),
        ("phase", "created > accepted"),
        ("performer_changed",),
        ("schedule_changed",),
        ("cost_changed",),
        ("cancel_rules_changed",),
        ("location_changed",),
    ]


class TestPerformer:
    def test_a_vanished_phone_is_none_and_stays_known(self) -> None:
        order = Order()
        order.see(snap("transporting", performer=DRIVER))
        without = Performer(name="Anna", vehicle=DRIVER.vehicle)
        assert brief(order.see(snap("complete", performer=without)))[2:] == []
        assert order.state.snapshot is not None
        assert order.state.snapshot.performer == DRIVER

    def test_another_driver_does_not_inherit_the_phone(self) -> None:
        [event] = change({"performer": DRIVER}, {"performer": Performer(name="Boris", vehicle=Vehicle(plate="B2"))})
        assert event.after == {
            "name": "Boris",
            "phone": None,
            "vehicle": {"model": None, "color": None, "plate": "B2"},
        }

    @pytest.mark.parametrize(
        "told",
        [
            Performer(name="Anna", phone="+2"),
            Performer(name="Anna", vehicle=Vehicle(plate="B2")),
            Performer(vehicle=Vehicle(model="Lada", color="blue")),
        ],
    )
    def test_any_of_it_counts(self, told: Performer) -> None:
        assert len(change({"performer": DRIVER}, {"performer": told})) == 1

    def test_a_block_without_values_is_absent(self) -> None:
        assert change({}, {"performer": Performer(vehicle=Vehicle())}) == []
        [event] = change({"performer": Performer()}, {"performer": Performer(name="Anna")})
        assert event.before is None


def test_texts_of_cancel_rules_do_not_count_but_are_kept() -> None:
    order = Order()
    order.see(snap("driving", cancel_rules=CancelRules(state="free", title="Free", message="now")))
    assert order.see(snap("driving", cancel_rules=CancelRules(state="free", title="Gratis"))) == []
    assert order.state.snapshot is not None
    assert order.state.snapshot.cancel_rules == CancelRules(state="free", title="Gratis", message="now")
    order.see(snap("driving", cancel_rules=CancelRules(state="paid")))
    assert order.state.snapshot.cancel_rules == CancelRules(state="paid")  # the texts were those of other rules


def test_cost_compares_as_numbers_and_absence_is_no_change() -> None:
    """INTERFACE, 'Event': absence is none, the last value is kept; a value that comes back equal is none."""
    assert change({"cost": Cost(amount=10)}, {"cost": Cost(amount=10.0)}) == []
    [event] = change({"cost": Cost(amount=10, with_vat=12)}, {"cost": Cost(amount=20)})
    assert event.after == {"amount": 20, "with_vat": 12}
    assert change({"cost": Cost(amount=10, with_vat=12)}, {"cost": Cost(amount=10)}) == []
    order = Order(TRACK_TRACE)
    for cost in (Cost(amount=10, with_vat=12), Cost(amount=20), Cost(amount=20, with_vat=12)):
        events = order.see(snap("new", cost=cost))
    assert events == []


def test_other_values_are_kept_too() -> None:
    order = Order(TRACK_TRACE)
    comments = (Comment(status="new", text="hello"),)
    order.see(snap("new", number="7", tariff="econom", comments=comments, comment="why"))
    order.see(snap("new"))
    kept = order.state.snapshot
    assert kept is not None
    assert (kept.number, kept.tariff, kept.comments, kept.comment) == ("7", "econom", comments, "why")
    order.see(snap("confirmed"))
    assert order.state.snapshot is not None
    assert order.state.snapshot.comment is None  # it explained the former status


def test_an_order_that_goes_on_again_is_not_finished() -> None:
    order = Order(TRACK_TRACE)
    order.see(snap("finished", finished_at=5))
    order.see(snap("finished"))
    assert order.state.snapshot is not None
    assert order.state.snapshot.finished_at == 5
    order.see(snap("confirmed"))
    assert order.state.snapshot.finished_at is None


class TestLocation:
    def test_off_unless_asked_for(self) -> None:
        assert change({"location": Place(lat=55, lon=37)}, {"location": Place(lat=56, lon=37)}) == []

    def test_least_distance_adds_up(self) -> None:
        order = Order(settings=replace(SETTINGS, least_distance=100))
        order.see(snap("driving", location=Place(lat=55.0, lon=37.0)))
        assert order.see(snap("driving", location=Place(lat=55.0005, lon=37.0))) == []  # 56 m
        [event] = order.see(snap("driving", location=Place(lat=55.001, lon=37.0)))  # 111 m
        assert (event.before, event.after) == ({"lat": 55.0, "lon": 37.0}, {"lat": 55.001, "lon": 37.0})
        assert order.see(snap("driving", location=Place(lat=55.001, lon=37.001))) == []  # 64 m

    def test_first_value_and_absence(self) -> None:
        order = Order(settings=replace(SETTINGS, least_distance=0))
        order.see(snap("driving"))
        [event] = order.see(snap("driving", location=Place(lat=55.0, lon=37.0)))
        assert (event.before, event.after) == (None, {"lat": 55.0, "lon": 37.0})
        assert order.see(snap("driving")) == []
        assert order.see(snap("driving", location=Place(lat=55.0, lon=37.0))) == []

    def test_a_place_without_coordinates_is_none(self) -> None:
        order = Order(settings=replace(SETTINGS, least_distance=0))
        order.see(snap("driving"))
        assert order.see(snap("driving", location=Place(address="somewhere"))) == []
