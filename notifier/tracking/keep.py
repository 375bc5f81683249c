"""The snapshot that is kept: what an answer tells, and the last value of what it does not tell (any more).

Field by field: when a ride ends, `phone` and `cancel_rules` vanish from the answer (business v2, example of a completed
order). But nothing is mixed that does not belong together: another driver has nothing of the former one.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from notifier.model import CancelRules, Performer, Person, Phase, Snapshot, Value, Vehicle
from notifier.tracking.lifecycle import Lifecycle

V = TypeVar("V", bound=Value)


def merge(held: Snapshot | None, told: Snapshot, lifecycle: Lifecycle) -> Snapshot:
    """`told`, with what it does not tell taken from `held`."""
    if held is None:
        return told
    same_status = told.status == held.status
    phase = lifecycle.statuses.get(told.status)
    return Snapshot(
        status=told.status,
        updated_at=told.updated_at if told.updated_at is not None else held.updated_at,
        performer=_merged(held.performer, told.performer, _performer),
        location=told.location or held.location,
        route=told.route or held.route,
        schedule=_merged(held.schedule, told.schedule, _filled),
        # An order that goes on again is not finished, whatever it was.
        finished_at=told.finished_at if told.finished_at is not None or _goes_on(phase) else held.finished_at,
        cost=_merged(held.cost, told.cost, _filled),
        cancel_rules=_merged(held.cancel_rules, told.cancel_rules, _rules),
        entries=told.entries,
        person=_merged(held.person, told.person, _person),
        number=told.number or held.number,
        tariff=told.tariff or held.tariff,
        cost_centers=told.cost_centers or held.cost_centers,
        created_by=told.created_by or held.created_by,
        comments=told.comments or held.comments,
        comment=told.comment or (held.comment if same_status else None),  # it explains the status
    )


def _merged(held: V | None, told: V | None, both: Callable[[V, V], V]) -> V | None:
    if told is None or held is None or told == held:
        return held if told is None else told
    return both(held, told)


def _filled(held: V, told: V) -> V:
    """`told`, its unset fields from `held`."""
    missing = {
        name: value
        for name in told.__struct_fields__
        if getattr(told, name) is None and (value := getattr(held, name)) is not None
    }
    return msgspec.structs.replace(told, **missing) if missing else told


def _differs(held: Value, told: Value, *names: str) -> bool:
    """Do both tell one of these fields, and not the same?"""
    pairs = ((getattr(held, name), getattr(told, name)) for name in names)
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _performer(held: Performer, told: Performer) -> Performer:
    """Another driver has nothing of the former one: least of all the phone."""
    if _differs(held, told, "name"):
        return told
    if told.name is None and held.vehicle and told.vehicle and _differs(held.vehicle, told.vehicle, "plate"):
        return told
    return msgspec.structs.replace(_filled(held, told), vehicle=_merged(held.vehicle, told.vehicle, _vehicle))


def _vehicle(held: Vehicle, told: Vehicle) -> Vehicle:
    return told if _differs(held, told, "plate", "model") else _filled(held, told)


def _person(held: Person, told: Person) -> Person:
    return told if _differs(held, told, "id", "name") else _filled(held, told)


def _rules(held: CancelRules, told: CancelRules) -> CancelRules:
    """Texts explain the rules they came with: those of other rules would be wrong."""
    if _differs(held, told, "can_cancel", "state"):
        held = msgspec.structs.replace(held, title=None, message=None)
    return _filled(held, told)


def _goes_on(phase: Phase | None) -> bool:
    return phase is not None and not phase.terminal
