"""Words that everything else is told in: instants, phases, event types, and the base of all values."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

Instant: TypeAlias = int
"""Milliseconds since the epoch, UTC."""


class Phase(StrEnum):
    """The source-independent stage of an order (PHASES)."""

    UNKNOWN = "unknown"
    CREATED = "created"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    SEARCHING = "searching"
    PREPARING = "preparing"
    READY = "ready"
    ASSIGNED = "assigned"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    POSTPONED = "postponed"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({Phase.COMPLETED, Phase.PARTIALLY_COMPLETED, Phase.CANCELLED, Phase.FAILED})


class EventType(StrEnum):
    """Short names; the full type of an event is `notifier.order.<name>.v1`."""

    TRACKED = "tracked"
    STATUS_CHANGED = "status_changed"
    PHASE_CHANGED = "phase_changed"
    HISTORY_ADDED = "history_added"
    PERFORMER_CHANGED = "performer_changed"
    SCHEDULE_CHANGED = "schedule_changed"
    COST_CHANGED = "cost_changed"
    CANCEL_RULES_CHANGED = "cancel_rules_changed"
    LOCATION_CHANGED = "location_changed"
    LOST = "lost"
    STALLED = "stalled"
    CONTRACT_VIOLATED = "contract_violated"

    @property
    def full(self) -> str:
        return f"notifier.order.{self.value}.v1"


class Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of the small values: equal by content, encoded without their defaults."""


class ByPlace(Value, frozen=True, array_like=True):
    """A value that is stored by place, which is short and quick: a new field goes to the end, with a default."""
