"""The words of the domain as immutable values. No I/O, no clock.

Every type is a frozen `msgspec.Struct`: slots, cheap to build, and encodable as it stands
(`codec` packs them). Instants are `int` milliseconds since the epoch, UTC; unset values are None.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

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


class Place(Value, frozen=True, kw_only=True):
    """A point in degrees (WGS 84), with its address where the API tells one."""

    lat: float | None = None
    lon: float | None = None
    address: str | None = None


class Vehicle(Value, frozen=True, kw_only=True):
    """`combined` says that the API tells the whole car as one text, plate included, and that `model` holds it."""

    model: str | None = None
    plate: str | None = None
    color: str | None = None
    combined: bool = False


class Performer(Value, frozen=True, kw_only=True):
    """Driver or courier. For taxi_v1 the whole `car` text stands in `vehicle.model`."""

    name: str | None = None
    phone: str | None = None
    vehicle: Vehicle | None = None


class Schedule(Value, frozen=True, kw_only=True):
    start: Instant | None = None
    end: Instant | None = None


class Cost(Value, frozen=True, kw_only=True):
    """In the currency of the source (roubles)."""

    amount: float | None = None
    with_vat: float | None = None


class CancelRules(Value, frozen=True, kw_only=True):
    can_cancel: bool | None = None
    state: str | None = None
    title: str | None = None
    message: str | None = None


class Person(Value, frozen=True, kw_only=True):
    """Whose order it is."""

    id: str | None = None
    name: str | None = None
    phone: str | None = None


class CostCenter(Value, frozen=True, kw_only=True):
    id: str | None = None
    title: str | None = None
    value: str | None = None


class Comment(Value, frozen=True, kw_only=True):
    status: str | None = None
    text: str | None = None


class Entry(Value, frozen=True, kw_only=True):
    """One line of an order's past, told by the API.

    Its identity is (kind, value, at, nth); `nth` counts equal ones within a snapshot, from 0.
    `value` is the native event name (`history`) or the native status (`status`).
    """

    kind: Literal["status", "history"]
    value: str
    at: Instant
    nth: int = 0
    initiator: str | None = None
    place: Place | None = None

    @property
    def identity(self) -> tuple[str, str, Instant, int]:
        return (self.kind, self.value, self.at, self.nth)


class Snapshot(Value, frozen=True, kw_only=True):
    """An order as its API told it, normalised, without a phase. What the API does not tell is None or empty."""

    status: str
    updated_at: Instant | None = None
    performer: Performer | None = None
    location: Place | None = None
    route: tuple[Place, ...] = ()
    schedule: Schedule | None = None
    finished_at: Instant | None = None
    cost: Cost | None = None
    cancel_rules: CancelRules | None = None
    entries: tuple[Entry, ...] = ()
    person: Person | None = None
    number: str | None = None
    tariff: str | None = None  # the documents' `class`
    cost_centers: tuple[CostCenter, ...] = ()
    created_by: str | None = None
    comments: tuple[Comment, ...] = ()
    comment: str | None = None


class Recipient(Value, frozen=True, kw_only=True):
    """Who is told. `phone` is E.164, `locale` BCP 47, `timezone` an IANA name (None: the source's)."""

    email: str | None = None
    phone: str | None = None
    webhook: str | None = None
    locale: str = "en"
    timezone: str | None = None


class Watch(Value, frozen=True, kw_only=True):
    """'Follow this order.' `ids` are texts by the names that the source's API wants; the account is resolved."""

    key: str
    source: str
    ids: Mapping[str, str]
    recipients: tuple[Recipient, ...] = ()
    labels: Mapping[str, str] = {}
    created_at: Instant
    updated_at: Instant
    extra: Mapping[str, Any] = {}  # fields of a newer release, kept and written back by codec


class Look(Value, frozen=True, kw_only=True):
    """One poll of an order, retries included: a snapshot or a reason.

    `began` is the start, `ended` the arrival of the answer. `attended` is when this replica took the order over
    (or began to watch it): `stalled` counts from the later of it and the last good look. `not_before` is when the
    API asked to come again at the earliest.
    """

    began: Instant
    ended: Instant
    snapshot: Snapshot | None = None
    reason: "str | None" = None
    detail: str = ""
    digest: bytes = b""
    attended: Instant = 0
    not_before: Instant | None = None


class State(Value, frozen=True, kw_only=True):
    """All that is remembered of an order. `tracking.advance` is the only writer of the part above the line.

    `snapshot` is the accepted one, with the last told value of what it does not tell any more; its entries are all the
    known ones. `last_ok` is the start of the last *accepted* look. `since` is when the phase was entered (a time that
    was told, else when it was seen), `changed_at` when the last change was seen, `terminal_since` when a terminal phase
    was. `reported` are the deviations already told (`unknown_status:<value>`).
    `doubt` are illegal steps seen once ('waiting → driving'), at the look begun at `doubted_at`; `missed_at` is the
    begin of the last look that counted as a miss: so a look that is applied again counts once.
    `unlogged` are statuses already emitted whose status_log entry has not shown up yet; `status_at` and `phase_at` are
    the places on the timeline of what gave the current status and phase; `newest` is the time of the newest entry.
    `located` is the location last told by an event.
    """

    key: str
    life: Instant
    sequence: int = 0
    snapshot: Snapshot | None = None
    phase: Phase = Phase.UNKNOWN
    certain: bool = False
    since: Instant = 0
    tracked: bool = False
    last_ok: Instant | None = None
    digest: bytes = b""
    doubt: str | None = None
    misses: int = 0
    missing_since: Instant | None = None
    lost: bool = False
    lost_since: Instant | None = None
    stalled: bool = False
    reported: frozenset[str] = frozenset()
    unlogged: tuple[str, ...] = ()
    newest: Instant | None = None
    changed_at: Instant = 0
    terminal_since: Instant | None = None
    doubted_at: Instant | None = None
    missed_at: Instant | None = None
    status_at: Instant | None = None
    phase_at: Instant | None = None
    located: Place | None = None
    # --- the service's part -------------------------------------------------------------------------------------
    watch_number: int = 0
    told: frozenset[str] = frozenset()
    failures: int = 0
    failing_since: Instant | None = None
    last_error: str | None = None
    not_before: Instant | None = None
    retired_at: Instant | None = None
    retirement: Literal["terminal", "given_up", "removed"] | None = None
    extra: Mapping[str, Any] = {}  # fields of a newer format, kept and written back by codec


class Event(Value, frozen=True, kw_only=True):
    """One detected change of one order, whole and private: `envelope.seal` is the only door out.

    `at` is a time that the API told, else None and `not_before`/`not_after` bound it. `snapshot` is the accepted one as
    of this event. `before`/`after` hold the JSON shapes of INTERFACE ('Event'), personal data included.
    """

    key: str
    life: Instant
    sequence: int
    type: EventType
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    status: str | None
    phase: Phase
    certain: bool
    at: Instant | None
    not_before: Instant | None
    not_after: Instant | None
    observed_at: Instant
    inferred: bool = False
    late: bool = False
    snapshot: Snapshot | None = None

    @property
    def time(self) -> Instant:
        """When it happened where known, else when it was seen: the CloudEvents `time`."""
        return self.observed_at if self.at is None else self.at


class CloudEvent(Value, frozen=True, kw_only=True):
    """A published event: CloudEvents 1.0 attributes as text, data as final JSON bytes."""

    attributes: Mapping[str, str]
    data: bytes

    @property
    def id(self) -> str:
        return self.attributes["id"]

    @property
    def key(self) -> str:
        return self.attributes["subject"]

    @property
    def type(self) -> str:
        """The short name, `status_changed`."""
        return self.attributes["type"].removeprefix("notifier.order.").removesuffix(".v1")

    @property
    def sequence(self) -> int:
        return int(self.attributes["sequence"])


class Attempt(Value, frozen=True, kw_only=True):
    """One send. `status` is the other side's code as text; `ms` how long it took."""

    at: Instant
    outcome: Literal["delivered", "again", "dead", "gone"]
    status: str | None = None
    reason: str | None = None
    detail: str = ""
    ms: int = 0


DeliveryState: TypeAlias = Literal["pending", "sending", "delivered", "dead", "expired", "skipped"]


class Delivery(Value, frozen=True, kw_only=True):
    """One event for one recipient over one sink. `id` is the `webhook-id`.

    `due` is when the next attempt may start, `expires` when it is too late. `facts` are what a message to people needs
    as of its event (packed, personal; dropped when finished). `held` says why it waits, `reason` how it ended.
    `retried` is set by an operator's retry: such an attempt may pass a disabled endpoint.
    """

    id: str
    key: str
    event: CloudEvent
    facts: bytes | None = None
    rule: str
    sink: str
    to: str | None = None
    endpoint: str
    template: str | None = None
    group: str | None = None
    state: DeliveryState = "pending"
    due: Instant | None = None
    expires: Instant | None = None
    held: str | None = None
    reason: str | None = None
    attempts: tuple[Attempt, ...] = ()
    created_at: Instant
    finished_at: Instant | None = None
    tries: int = 0  # attempts since it was created or retried: the place in the retry schedule
    retried: bool = False
    extra: Mapping[str, Any] = {}  # fields of a newer release, kept and written back by codec

    @property
    def open(self) -> bool:
        return self.state in ("pending", "sending")

    @property
    def lane(self) -> tuple[str, str | None, str]:
        """Strictly in order: sink × address × order."""
        return (self.sink, self.to, self.key)


class Command(Value, frozen=True, kw_only=True):
    """What is asked of an order. `number` orders the commands of a shard (row number, or offset)."""

    kind: Literal["put", "remove", "retry"]
    key: str
    watch: Watch | None = None
    delivery: str | None = None
    at: Instant = 0
    number: int = 0


class Fact(Value, frozen=True, kw_only=True):
    """Known to every replica: of an endpoint (`endpoint:<sink>:<address>`) or a credential (`credential:<source>`)."""

    subject: str
    held_until: Instant | None = None
    disabled: bool = False
    at: Instant
