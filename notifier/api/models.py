"""The answers of the API as models: they are what /openapi.json tells, and tests hold real answers against them."""

from typing import Generic, Literal, TypeVar

from pydantic import Field

from notifier.api.snapshot_model import SnapshotShape
from notifier.schemas import Occurred, PhaseName, Shape, Time


class ErrorAt(Shape):
    path: str
    """Where in the body (`recipients[0].email`), or the parameter's name; empty: the whole."""
    message: str


class ProblemDocument(Shape):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ErrorAt] = Field(default_factory=list)


class RecipientShape(Shape):
    email: str | None
    phone: str | None
    webhook: str | None
    locale: str
    timezone: str | None


class WatchShape(Shape):
    key: str
    """`<source>/<order id>`, or `<source>/<account>/<order id>`."""
    source: str
    ids: dict[str, str]
    recipients: list[RecipientShape]
    labels: dict[str, str]
    created_at: Time
    updated_at: Time


class OrderShape(Shape):
    key: str
    source: str
    id: str
    labels: dict[str, str]
    life: int
    """When the order was first kept, in ms."""
    sequence: int
    """Of its last event; 0 before the first."""
    status: str | None
    phase: PhaseName
    phase_certain: bool
    snapshot: SnapshotShape | None
    """Null before the first good look."""
    last_ok_at: Time | None
    next_poll_at: Time | None
    """Null on a replica that does not own the order, and when it is no longer polled."""
    last_error: str | None
    retired: str | None
    """Why it is no longer polled: `terminal`, `given_up`, `removed`; null while it is."""
    as_of: Time


class AttemptShape(Shape):
    at: Time
    status: int | str | None
    """The other side's code."""
    reason: str | None
    ms: int


class DeliveryShape(Shape):
    id: str
    """The `webhook-id`, the same on every attempt."""
    state: Literal["pending", "sending", "delivered", "dead", "expired", "skipped"]
    key: str
    event_id: str
    sequence: int
    type: str
    rule: str
    sink: str
    to: str | None
    """Masked; null where the sink has an address of its own."""
    attempts: list[AttemptShape]
    next_attempt_at: Time | None
    reason: str | None
    """Why it waits (`in_line`: for one before it), or how it ended."""
    message: str | None
    """The id of the message that it went in, or will go in, with others; null: one by itself, under its own id."""
    created_at: Time
    finished_at: Time | None


class CloudEventShape(Shape):
    """Structured CloudEvents JSON; `dataschema` names the schema of `data`."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: Time
    sequence: str
    datacontenttype: Literal["application/json"]
    dataschema: str
    data: dict[str, object]


class LookShape(Shape):
    began: Time
    ended: Time | None
    """Null while it is being repeated."""
    outcome: str
    """`accepted`, `stale`, `doubtful`, or why it failed, or has failed so far."""
    detail: str


class PolledShape(Shape):
    last_ok_at: Time | None
    next_poll_at: Time | None
    failures: int
    last_error: str | None
    looks: list[LookShape]
    """The last notable ones, from the memory of the order's owner."""


class StateShape(Shape):
    status: str | None
    phase: PhaseName
    phase_certain: bool
    since: Time | None
    tracked: bool
    doubt: str | None
    """An illegal step seen once, waiting for the second look."""
    misses: int
    missing_since: Time | None
    lost: bool
    stalled: bool
    changed_at: Time | None
    terminal_since: Time | None
    retired_at: Time | None
    not_before: Time | None


class ExplainedEventShape(Shape):
    id: str
    type: str
    sequence: int
    time: Time
    before: dict[str, object] | None
    after: dict[str, object] | None
    status: str | None
    phase: PhaseName
    occurred: Occurred
    inferred: bool
    late: bool
    deliveries: list[DeliveryShape]


class WhyShape(OrderShape):
    """The whole way of one order, from its polls to each attempt to tell of it."""

    watch: WatchShape
    polled: PolledShape
    state: StateShape
    events: list[ExplainedEventShape]
    held_back: list[DeliveryShape]
    skipped: list[DeliveryShape]
    complete: bool
    """False when it had more events or deliveries than are shown; the newest are."""


class ReadyShape(Shape):
    ready: bool
    reasons: list[str]


class AliveShape(Shape):
    status: str
    """`ok`, or which loops stand still; then the process must be started again."""


class SchemaNameShape(Shape):
    name: str
    url: str


class RetriedShape(Shape):
    id: str


class CountShape(Shape):
    count: int


Item = TypeVar("Item")


class Listing(Shape, Generic[Item]):
    items: list[Item]
    next: str | None
    """The `cursor` of the next page; null at the end."""
