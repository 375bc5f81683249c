"""What is published when a delivery is given up, or a record of an input topic cannot be used. Pure.

The shapes are `schemas.DeadLetter`; addresses are masked, the event is the published one.
"""

import orjson

from notifier.envelope import structured
from notifier.instants import to_text
from notifier.masks import masked
from notifier.model import Delivery, Instant

MOST_DETAIL = 500
"""Characters of the words about it."""


def of_delivery(delivery: Delivery, now: Instant) -> bytes:
    """A dead one, with its last attempt's words."""
    last = delivery.attempts[-1] if delivery.attempts else None
    attempts = [
        {"at": to_text(made.at), "status": made.status, "reason": made.reason, "ms": made.ms}
        for made in delivery.attempts
    ]
    return orjson.dumps(
        {
            "kind": "delivery",
            "at": to_text(delivery.finished_at or now),
            "key": delivery.key,
            "reason": delivery.reason or "unknown",
            "detail": (last.detail if last else "")[:MOST_DETAIL],
            "delivery": {
                "id": delivery.id,
                "sink": delivery.sink,
                "to": masked(delivery.to),
                "rule": delivery.rule,
                "template": delivery.template,
                "attempts": attempts,
            },
            "event": orjson.Fragment(structured(delivery.event)),
            "record": None,
        }
    )


def of_input(
    key: str | None, reason: str, detail: str, now: Instant, *, topic: str, partition: int, offset: int
) -> bytes:
    """A record that was skipped; where it lies, not what is in it: that may be personal."""
    return orjson.dumps(
        {
            "kind": "input",
            "at": to_text(now),
            "key": key,
            "reason": reason,
            "detail": detail[:MOST_DETAIL],
            "delivery": None,
            "event": None,
            "record": {"topic": topic, "partition": partition, "offset": offset},
        }
    )
