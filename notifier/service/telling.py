"""What is logged and counted of deliveries: one wide line for each attempt, one for each that is given up."""

import orjson
import structlog

from notifier.errors import Reason
from notifier.instants import from_text
from notifier.metrics import Metrics
from notifier.model import Delivery, Instant
from notifier.sinks.base import Outcome

log = structlog.get_logger()


def note(metrics: Metrics, before: Delivery, outcome: Outcome, after: Delivery, ended: Instant, began: Instant) -> None:
    """An attempt, and what becomes of the delivery."""
    log.info(
        "delivery_attempted",
        id=before.id,
        sink=before.sink,
        attempt=before.tries + 1,
        outcome=outcome.kind,
        status=outcome.status,
        reason=outcome.reason,
        ms=ended - began,
        next=after.due if after.open else None,
    )
    if outcome.kind in ("delivered", "again"):
        metrics.deliveries.labels(before.sink, outcome.kind, outcome.reason or "").inc()
    if outcome.kind == "delivered":
        metrics.told.labels(before.sink).observe(max(0, ended - _earliest(before)) / 1000)


def given_up(metrics: Metrics, delivery: Delivery) -> None:
    reason = _bounded(delivery)
    log.warning("delivery_given_up", id=delivery.id, sink=delivery.sink, state=delivery.state, reason=reason)
    metrics.deliveries.labels(delivery.sink, delivery.state, reason).inc()


def _bounded(delivery: Delivery) -> str:
    """Why, as one of our own words: where the other side's stand as the reason, that of the attempt which got them."""
    if delivery.reason is None or delivery.reason in Reason.__members__.values():
        return delivery.reason or ""
    return (delivery.attempts[-1].reason if delivery.attempts else None) or Reason.REFUSED


def _earliest(delivery: Delivery) -> Instant:
    """When the event happened where that is known, else the earliest time at which it may have."""
    data = orjson.loads(delivery.event.data)
    return from_text(data["occurred"]["at"] or data["occurred"]["not_before"] or data["observed_at"])
