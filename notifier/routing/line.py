"""Who is next in a lane: deliveries in their order, but what the rules have put off steps aside. Pure.

Strictly in order means that nothing overtakes what is due. A message that waits for the morning, or to see whether it
is still so after its delay, is not: else the driver's arrival would wait behind it.

The lane of what a cap held back for an address knows several orders. There each has a line of its own, and what is sent
or tried again there goes before what is newer of the same order in the order's own lane.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from notifier.errors import Reason
from notifier.model import DIGEST, Delivery, Instant
from notifier.routing.gate import DEFERRED

Place: TypeAlias = tuple[Instant, int]
"""Of a delivery among those of its order: by age, then by event."""


def place(delivery: Delivery) -> Place:
    return (delivery.created_at, delivery.event.sequence)


def aside(delivery: Delivery, now: Instant) -> bool:
    """Put off by the rules until a time to come. For a repeat to which a cap comes in between, nothing steps aside."""
    put_off = delivery.state == "pending" and delivery.held in DEFERRED
    begun = delivery.held == Reason.CAPPED and delivery.tries > 0
    return put_off and not begun and delivery.due is not None and delivery.due > now


def turn(queue: Iterable[Delivery], now: Instant, before: Place | None = None) -> tuple[Delivery, Instant] | None:
    """Whose turn is next, and when. The first that has not stepped aside holds back all behind it that are of its
    order; of those before it the earliest one's, if its time comes sooner. None: nobody's, of those that stand `before`
    this place.
    """
    found: tuple[Delivery, Instant] | None = None
    blocked: set[str] = set()
    for delivery in queue:
        if delivery.key in blocked or (before is not None and place(delivery) >= before):
            continue
        due = delivery.due or now
        if found is None or due < found[1]:
            found = delivery, due
        if not aside(delivery, now):
            if delivery.group != DIGEST:
                break  # all of such a lane are of one order
            blocked.add(delivery.key)
    return found


def in_line(delivery: Delivery, queue: Iterable[Delivery], now: Instant) -> Delivery | None:
    """The one of its order that `delivery` waits behind; None: it waits for its own time, or nothing."""
    if aside(delivery, now):
        return None
    for other in queue:
        if other.id == delivery.id:
            return None
        together = other.message is not None and other.message == delivery.message
        if other.key == delivery.key and not together and not aside(other, now):
            return other
    return None


class Wait(NamedTuple):
    """Until when a delivery waits, and why; `until` None: nobody knows."""

    until: Instant | None
    reason: str | None


def wait(delivery: Delivery, queue: Iterable[Delivery], now: Instant) -> Wait:
    """What a pending delivery waits for. `queue` are the open ones that `concern` it, in order, itself included."""
    if (other := in_line(delivery, queue, now)) is not None:
        return Wait(other.due, Reason.IN_LINE)
    if delivery.held == Reason.GROUPED:
        # They go together, when the first of them does.
        dues = [each.due for each in queue if each.group == delivery.group and each.held == delivery.held and each.due]
        return Wait(min(dues, default=delivery.due), delivery.held)
    return Wait(delivery.due, delivery.held)


def concern(other: Delivery, delivery: Delivery) -> bool:
    """Whether `delivery` may have to wait behind `other`, of its own lane or held back by a cap before."""
    same = (other.sink, other.to, other.key) == (delivery.sink, delivery.to, delivery.key)
    return same and (other.lane == delivery.lane or other.group == DIGEST)


def companions(lead: Delivery, queue: Sequence[Delivery], now: Instant) -> list[Delivery]:
    """Those that may become one message with `lead`, whose time has come.

    What was one message before stays one; else those of its group: events of one order, or all that a cap holds back.
    """
    if lead.group is None:
        return []
    found: list[Delivery] = []
    blocked: set[str] = set()  # orders of which something older is being repeated
    for other in queue:
        if (other.message, other.group) != (lead.message, lead.group):
            if lead.group == DIGEST and lead.message is None and not aside(other, now):
                blocked.add(other.key)
        elif (
            other is not lead
            and other.state == "pending"
            and other.key not in blocked
            # What is delayed has yet to show that it is still so.
            and not (other.held == Reason.DELAYED and aside(other, now))
        ):
            found.append(other)
    return found
