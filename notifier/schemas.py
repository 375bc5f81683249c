"""JSON Schemas (2020-12) of the data of every event type, as served under /schemas/ (INTERFACE, 'Event').

They are open on purpose: within `.v1` fields, types, phases and kinds may be added, so unknown names pass, and phases
and kinds are texts with examples instead of closed lists.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from notifier.model import EventType, Phase

Time = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"Z$",
            "description": "RFC 3339, UTC, to the millisecond.",
            "examples": ["2026-11-21T10:00:05.120Z"],
        }
    ),
]
PhaseName = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "description": "The source-independent stage.", "examples": [phase.value for phase in Phase]}
    ),
]


class Shape(BaseModel):
    """Base of the documented JSON shapes. A field without a default is always there."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class CostCenter(Shape):
    id: str | None
    title: str | None
    value: str | None


class OrderRef(Shape):
    """Whose event it is."""

    key: str
    """`<source>/<order id>`, or `<source>/<account>/<order id>`."""
    source: str
    id: str
    life: int
    """When the order was first kept, in ms: with key and sequence it orders events."""
    labels: dict[str, str]
    person_id: str | None
    number: str | None
    class_: str | None = Field(alias="class")
    cost_centers: list[CostCenter]


class Occurred(Shape):
    """`at` where the API told it; else it happened between the two bounds."""

    at: Time | None
    not_before: Time | None
    not_after: Time | None


class Tracked(Shape):
    status: str
    phase: PhaseName


class Status(Shape):
    status: str


class PhaseOf(Shape):
    phase: PhaseName


class HistoryEntry(Shape):
    event: str
    at: Time
    initiator: str | None
    status: str | None


class Vehicle(Shape):
    model: str | None
    color: str | None
    plate: str | None = None
    """With personal data only."""


class Performer(Shape):
    name: str | None = None
    """With personal data only."""
    phone: str | None = None
    """With personal data only."""
    vehicle: Vehicle | None


class Schedule(Shape):
    start: Time | None
    end: Time | None


class Cost(Shape):
    amount: float | None
    with_vat: float | None


class CancelRules(Shape):
    can_cancel: bool | None
    state: str | None


class Location(Shape):
    lat: float
    lon: float


class Violation(Shape):
    kind: Annotated[
        str,
        WithJsonSchema({"type": "string", "examples": ["unknown_status", "unknown_entry", "illegal_transition"]}),
    ]
    value: str


Before = TypeVar("Before")
After = TypeVar("After")


class EventData(Shape, Generic[Before, After]):
    id: Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
    """Follows from order key, life and sequence alone: the same for the same event, always."""
    order: OrderRef
    sequence: int = Field(ge=1)
    """Rises by exactly one from event to event of one life, over all types."""
    before: Before
    after: After
    status: str | None
    """The native status after this event."""
    phase: PhaseName
    phase_certain: bool
    occurred: Occurred
    observed_at: Time
    inferred: bool
    """Not seen: it lies on every legal way between two polls."""
    late: bool
    """An entry older than the newest one known."""


_MODELS: Mapping[EventType, type[Shape]] = {
    EventType.TRACKED: EventData[None, Tracked],
    EventType.STATUS_CHANGED: EventData[Status | None, Status],
    EventType.PHASE_CHANGED: EventData[PhaseOf | None, PhaseOf],
    EventType.HISTORY_ADDED: EventData[None, HistoryEntry],
    EventType.PERFORMER_CHANGED: EventData[Performer | None, Performer],
    EventType.SCHEDULE_CHANGED: EventData[Schedule | None, Schedule],
    EventType.COST_CHANGED: EventData[Cost | None, Cost],
    EventType.CANCEL_RULES_CHANGED: EventData[CancelRules | None, CancelRules],
    EventType.LOCATION_CHANGED: EventData[Location | None, Location | None],
    EventType.LOST: EventData[None, None],
    EventType.STALLED: EventData[None, None],
    EventType.CONTRACT_VIOLATED: EventData[None, Violation],
}


class Attempted(Shape):
    at: Time
    status: str | None
    """The other side's code."""
    reason: str | None
    ms: int


class GivenUp(Shape):
    """The delivery; `notifier deliveries retry ID` sends it again."""

    id: str
    sink: str
    to: str | None
    """Masked; null where the sink has an address of its own."""
    rule: str
    template: str | None
    attempts: list[Attempted]


class Refused(Shape):
    """The record that was skipped."""

    topic: str
    partition: int
    offset: int


class DeadLetter(Shape):
    """Either a delivery that was given up, or a record of an input topic that could not be used."""

    kind: Annotated[str, WithJsonSchema({"type": "string", "examples": ["delivery", "input"]})]
    at: Time
    key: str | None
    """The order key, as far as it is known."""
    reason: str
    detail: str
    """What to do about it, or the other side's words; short, without personal data."""
    delivery: GivenUp | None
    event: dict[str, object] | None
    """The CloudEvent that it was about, structured."""
    record: Refused | None


def event_models() -> Mapping[EventType, type[Shape]]:
    return _MODELS


@cache
def event_schemas() -> Mapping[str, dict[str, Any]]:
    """File name (`notifier.order.lost.v1.json`) to schema; an event's `dataschema` is `/schemas/<file name>`."""
    return {f"{type.full}.json": _schema(type, model) for type, model in _MODELS.items()}


def _schema(type: EventType, model: type[Shape]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{type.full}.json",
        **model.model_json_schema(by_alias=True, mode="serialization"),
        "title": type.full,
        "description": f"Data of the CloudEvents of type {type.full}.",
    }
