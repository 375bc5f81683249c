"""Whether what an event says is still so: asked of a delayed delivery just before it goes out. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from notifier.instants import optional_text
from notifier.model import CloudEvent, EventType, Snapshot, State
from notifier.routing.rules import When


def still_so(event: CloudEvent, when: When, state: State) -> bool:
    """False only where it is known to be otherwise by now; what was told once and cannot change back is still so."""
    told = orjson.loads(event.data)
    type = event.type
    if (when.phase or type == EventType.PHASE_CHANGED) and state.certain and state.phase != told["phase"]:
        return False
    if type == EventType.LOST:
        return state.lost
    if type == EventType.STALLED:
        return state.stalled
    snapshot = state.snapshot
    if snapshot is None:
        return True
    if (when.status or type == EventType.STATUS_CHANGED) and snapshot.status != told["status"]:
        return False
    present = _PRESENT.get(type)
    return present is None or _agree(told["after"], present(snapshot))


def _agree(told: Any, present: Any) -> bool:
    """Absence is no change: only what both sides know is compared."""
    if told is None or present is None:
        return True
    if isinstance(told, Mapping) and isinstance(present, Mapping):
        return all(_agree(value, present.get(name)) for name, value in told.items())
    return bool(told == present)


def _performer(snapshot: Snapshot) -> Mapping[str, Any]:
    performer = snapshot.performer
    if performer is None:
        return {}
    vehicle = performer.vehicle
    return {
        "name": performer.name,
        "vehicle": vehicle and {"model": vehicle.model, "color": vehicle.color, "plate": vehicle.plate},
    }


def _schedule(snapshot: Snapshot) -> Mapping[str, Any]:
    schedule = snapshot.schedule
    return {} if schedule is None else {"start": optional_text(schedule.start), "end": optional_text(schedule.end)}


def _cost(snapshot: Snapshot) -> Mapping[str, Any]:
    cost = snapshot.cost
    return {} if cost is None else {"amount": cost.amount, "with_vat": cost.with_vat}


def _cancel_rules(snapshot: Snapshot) -> Mapping[str, Any]:
    rules = snapshot.cancel_rules
    return {} if rules is None else {"can_cancel": rules.can_cancel, "state": rules.state}


_PRESENT: Mapping[str, Callable[[Snapshot], Mapping[str, Any]]] = {
    EventType.PERFORMER_CHANGED: _performer,
    EventType.SCHEDULE_CHANGED: _schedule,
    EventType.COST_CHANGED: _cost,
    EventType.CANCEL_RULES_CHANGED: _cancel_rules,
}
