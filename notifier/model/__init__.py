"""The words of the domain as immutable values. No I/O, no clock.

Every type is a frozen `msgspec.Struct`: slots, cheap to build, and encodable as it stands (`codec` packs them).
Instants are `int` milliseconds since the epoch, UTC; unset values are None.
"""

from notifier.model.deliveries import DIGEST, Attempt, Command, Delivery, DeliveryState, Fact
from notifier.model.events import CloudEvent, Event
from notifier.model.orders import Look, Recipient, State, Watch
from notifier.model.snapshot import (
    CancelRules,
    Comment,
    Cost,
    CostCenter,
    Entry,
    Performer,
    Person,
    Place,
    Schedule,
    Snapshot,
    Vehicle,
)
from notifier.model.words import TERMINAL, EventType, Instant, Phase, Value

__all__ = [
    "DIGEST",
    "TERMINAL",
    "Attempt",
    "CancelRules",
    "CloudEvent",
    "Command",
    "Comment",
    "Cost",
    "CostCenter",
    "Delivery",
    "DeliveryState",
    "Entry",
    "Event",
    "EventType",
    "Fact",
    "Instant",
    "Look",
    "Performer",
    "Person",
    "Phase",
    "Place",
    "Recipient",
    "Schedule",
    "Snapshot",
    "State",
    "Value",
    "Vehicle",
    "Watch",
]
