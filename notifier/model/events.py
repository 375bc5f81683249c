"""A detected change, private and published."""

from collections.abc import Mapping
from typing import Any

from notifier.model.snapshot import Snapshot
from notifier.model.words import EventType, Instant, Phase, Value


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
