"""What a message to people needs, as of its event: kept with the delivery, so that a repeat never looks at newer data.

Personal: it never leaves a delivery but as a rendered message, and goes when the delivery is finished.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from notifier.model import Event, Instant, Phase, Recipient, Snapshot, Value, Watch


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


def unpack(packed: bytes) -> Facts:
    """msgspec.DecodeError for bytes that `pack` did not make."""
    return msgspec.msgpack.decode(packed, type=Facts)
