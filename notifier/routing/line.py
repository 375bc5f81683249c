"""Who is next in a lane: deliveries in their order, but what the rules have put off steps aside. Pure.

Strictly in order means that nothing overtakes what is due. A message that waits for the morning, or to see whether it
is still so after its delay, is not: else the driver's arrival would wait behind it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from notifier.errors import Reason
from notifier.model import Delivery, Instant
from notifier.routing.gate import DEFERRED


def aside(delivery: Delivery, now: Instant) -> bool:
    return delivery.state == "pending" and delivery.held in DEFERRED and delivery.due is not None and delivery.due > now


def turn(queue: Iterable[Delivery], now: Instant) -> tuple[Delivery, Instant]:
    """Whose turn is next, and when. The first that has not stepped aside holds back all behind it; of those before it
    the earliest one's, if its time comes sooner. `queue` is not empty.
    """
    found: tuple[Delivery, Instant] | None = None
    for delivery in queue:
        due = delivery.due or now
        if found is None or due < found[1]:
            found = delivery, due
        if not aside(delivery, now):
            break
    assert found is not None
    return found


def in_line(delivery: Delivery, queue: Iterable[Delivery], now: Instant) -> Delivery | None:
    """The one of its lane that `delivery` waits behind; None: it waits for its own time, or nothing."""
    if aside(delivery, now):
        return None
    for other in queue:
        if other.id == delivery.id:
            return None
        if not aside(other, now) and (other.message is None or other.message != delivery.message):
            return other
    return None


class Wait(NamedTuple):
    """Until when a delivery waits, and why; `until` None: nobody knows."""

    until: Instant | None
    reason: str | None


def wait(delivery: Delivery, queue: Iterable[Delivery], now: Instant) -> Wait:
    """What a pending delivery waits for. `queue` are the open ones of its lane, in their order, itself included."""
    if (other := in_line(delivery, queue, now)) is not None:
        return Wait(other.due, Reason.IN_LINE)
    if delivery.held == Reason.GROUPED:
        # They go together, when the first of them does.
        dues = [each.due for each in queue if each.group == delivery.group and each.held == delivery.held and each.due]
        return Wait(min(dues, default=delivery.due), delivery.held)
    return Wait(delivery.due, delivery.held)


def companions(lead: Delivery, queue: Sequence[Delivery], now: Instant) -> list[Delivery]:
    """Those that may become one message with `lead`, whose time has come.

    What was one message before stays one; else those of its group: events of one order, or all that a cap holds back.
    """
    if lead.group is None:
        return []
    return [
        other
        for other in queue
        if other is not lead
        and other.state == "pending"
        and (other.message, other.group) == (lead.message, lead.group)
        # What is delayed has yet to show that it is still so.
        and not (other.held == Reason.DELAYED and aside(other, now))
    ]
