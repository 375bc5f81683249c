"""What a message to people needs, as of its event: kept with the delivery, so that a repeat never looks at newer data.

Personal: it never leaves a delivery but as a rendered message, and goes when that is delivered.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from notifier.instants import from_text
from notifier.model import CloudEvent, Event, Instant, Phase, Recipient, Snapshot, Value, Watch


class Facts(Value, frozen=True, kw_only=True):
    """`old_status` and `old_phase` are those before the event where it tells them. `timezone` None: the source's."""

    source: str
    type: str
    key: str = ""
    locale: str = "en"
    timezone: str | None = None
    labels: Mapping[str, str] = {}
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    old_status: str | None = None
    status: str | None = None
    old_phase: str | None = None
    phase: Phase
    certain: bool
    at: Instant | None = None
    not_before: Instant | None = None
    not_after: Instant | None = None
    observed_at: Instant
    inferred: bool = False
    late: bool = False
    snapshot: Snapshot | None = None


def pack(event: Event, watch: Watch, recipient: Recipient) -> bytes:
    before = event.before or {}
    facts = Facts(
        source=watch.source,
        type=event.type.value,
        key=event.key,
        locale=recipient.locale,
        timezone=recipient.timezone,
        labels=watch.labels,
        before=event.before,
        after=event.after,
        old_status=before.get("status"),
        status=event.status,
        old_phase=before.get("phase"),
        phase=event.phase,
        certain=event.certain,
        at=event.at,
        not_before=event.not_before,
        not_after=event.not_after,
        observed_at=event.observed_at,
        inferred=event.inferred,
        late=event.late,
        snapshot=event.snapshot,
    )
    return msgspec.msgpack.encode(facts)


def published(event: CloudEvent) -> Facts:
    """What anybody may know of an event: as much as left the house with it. Always the same for the same event."""
    told = orjson.loads(event.data)
    before, occurred = told["before"] or {}, told["occurred"]
    return Facts(
        source=told["order"]["source"],
        type=event.type,
        key=event.key,
        labels=told["order"]["labels"],
        before=told["before"],
        after=told["after"],
        old_status=before.get("status"),
        status=told["status"],
        old_phase=before.get("phase"),
        phase=Phase(told["phase"]),
        certain=told["phase_certain"],
        at=_instant(occurred["at"]),
        not_before=_instant(occurred["not_before"]),
        not_after=_instant(occurred["not_after"]),
        observed_at=from_text(told["observed_at"]),
        inferred=told["inferred"],
        late=told["late"],
    )


def _instant(text: str | None) -> Instant | None:
    return None if text is None else from_text(text)


def unpack(packed: bytes) -> Facts:
    """msgspec.DecodeError for bytes that `pack` did not make."""
    return msgspec.msgpack.decode(packed, type=Facts)
