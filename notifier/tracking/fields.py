"""Performer, schedule, cost, cancel rules, location: which of the kept values changed. A first value is a change."""

from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt
from typing import Any

from notifier import instants
from notifier.model import CancelRules, Cost, EventType, Performer, Place, Schedule, Snapshot
from notifier.tracking.tape import Tape

_EARTH = 6_371_008.8  # mean radius in metres (IUGG)


def compare(held: Snapshot, kept: Snapshot, located: Place | None, least: float | None, tape: Tape) -> Place | None:
    """Notes each value that changed, in INTERFACE's order; the location last told."""
    if kept.performer != held.performer:
        _note(tape, EventType.PERFORMER_CHANGED, _performer_shape(held.performer), _performer_shape(kept.performer))
    if kept.schedule != held.schedule:
        _note(tape, EventType.SCHEDULE_CHANGED, _schedule_shape(held.schedule), _schedule_shape(kept.schedule))
    if kept.cost != held.cost:
        _note(tape, EventType.COST_CHANGED, _cost_shape(held.cost), _cost_shape(kept.cost))
    if kept.cancel_rules != held.cancel_rules:
        _note(tape, EventType.CANCEL_RULES_CHANGED, _rules_shape(held.cancel_rules), _rules_shape(kept.cancel_rules))
    if least is None or not _moved(located, kept.location, least):
        return located
    _note(tape, EventType.LOCATION_CHANGED, _place_shape(located), _place_shape(kept.location))
    return kept.location


def _note(tape: Tape, type: EventType, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
    """Only what the event shows counts: cancel rules whose texts alone differ are equal."""
    if before != after:
        tape.note(type, before, after)


def _performer_shape(performer: Performer | None) -> dict[str, Any] | None:
    if performer is None:
        return None
    vehicle = performer.vehicle
    shown = None
    if vehicle is not None:
        shown = _unless_empty({"model": vehicle.model, "color": vehicle.color, "plate": vehicle.plate})
    return _unless_empty({"name": performer.name, "phone": performer.phone, "vehicle": shown})


def _schedule_shape(schedule: Schedule | None) -> dict[str, Any] | None:
    if schedule is None:
        return None
    return _unless_empty({"start": instants.optional_text(schedule.start), "end": instants.optional_text(schedule.end)})


def _cost_shape(cost: Cost | None) -> dict[str, Any] | None:
    return None if cost is None else _unless_empty({"amount": cost.amount, "with_vat": cost.with_vat})


def _rules_shape(rules: CancelRules | None) -> dict[str, Any] | None:
    return None if rules is None else _unless_empty({"can_cancel": rules.can_cancel, "state": rules.state})


def _place_shape(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else _unless_empty({"lat": place.lat, "lon": place.lon})


def _unless_empty(shape: dict[str, Any]) -> dict[str, Any] | None:
    """A block without any value is as good as absent."""
    return shape if any(value is not None for value in shape.values()) else None


def _moved(before: Place | None, after: Place | None, least: float) -> bool:
    """By at least so many metres since the last one told; slow movement adds up."""
    if after is None or after.lat is None or after.lon is None:
        return False
    if before is None or before.lat is None or before.lon is None:
        return True
    if (before.lat, before.lon) == (after.lat, after.lon):
        return False
    return _distance(before.lat, before.lon, after.lat, after.lon) >= least


def _distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Along the great circle, in metres (haversine)."""
    north, east = radians(lat2 - lat1) / 2, radians(lon2 - lon1) / 2
    chord = sin(north) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(east) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(chord)))
