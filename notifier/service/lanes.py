"""Lanes: sink × address × order, strictly in order; the next delivery goes after the former one is finished."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from notifier.model import Delivery, Instant

if TYPE_CHECKING:
    from notifier.service.shard import Shard


class Lane:
    """The open deliveries of one sink, address and order. `due` is the agenda's; `busy` while its head is at work.

    Not looked at before `held_until`, for a reason that is not its head's own (a breaker, say). What the rules put off
    before `removed_at` is dropped: then the order was removed.
    """

    __slots__ = ("busy", "due", "held_until", "queue", "removed_at", "shard", "was_due")

    def __init__(self, shard: "Shard") -> None:
        self.shard = shard
        self.queue: list[Delivery] = []
        self.due: Instant | None = None
        self.was_due: Instant = 0
        self.busy = False
        self.held_until: Instant = 0
        self.removed_at: Instant | None = None

    @property
    def head(self) -> Delivery:
        return self.queue[0]

    def add(self, delivery: Delivery) -> None:
        """A new one. They come in their order, whatever a clock says meanwhile."""
        self.queue.append(delivery)

    def add_again(self, delivery: Delivery) -> None:
        """One that was finished, and is to be sent after all: in its old place, but not before what is at work."""
        if all(known.id != delivery.id for known in self.queue):
            insort(self.queue, delivery, lo=1 if self.busy else 0, key=_place)

    def step(self, delivery: Delivery) -> None:
        """The head as it is now: replaced, or taken out when it is finished."""
        if delivery.open:
            self.queue[0] = delivery
        else:
            del self.queue[0]

    def put_back(self, by: int) -> None:
        """See `agenda.Due`."""
        self.held_until = max(0, self.held_until - by)
        self.queue = [each if each.due is None else replace(each, due=each.due - by) for each in self.queue]

    def withdrawn(self, delivery: Delivery) -> Instant | None:
        """When the order was removed, if this delivery is of before."""
        at = self.removed_at
        return at if at is not None and delivery.created_at <= at else None


class Lanes:
    """The lanes of one shard."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str | None, str], Lane] = {}
        # Sets that keep their order; by order and by endpoint.
        self._of_order: defaultdict[str, dict[Lane, None]] = defaultdict(dict)
        self._at: defaultdict[str, dict[Lane, None]] = defaultdict(dict)

    def of(self, shard: "Shard", delivery: Delivery) -> Lane:
        lane = self._lanes.get(delivery.lane)
        if lane is None:
            lane = self._lanes[delivery.lane] = Lane(shard)
            self._of_order[delivery.key][lane] = None
            self._at[delivery.endpoint][lane] = None
        return lane

    def discard(self, delivery: Delivery) -> None:
        """Forgets the lane of a finished delivery if it has run empty."""
        lane = self._lanes.get(delivery.lane)
        if lane is None or lane.queue:
            return
        del self._lanes[delivery.lane]
        for index, name in (self._of_order, delivery.key), (self._at, delivery.endpoint):
            del index[name][lane]
            if not index[name]:
                del index[name]

    def of_order(self, key: str) -> Iterable[Lane]:
        return tuple(self._of_order.get(key, ()))

    def at(self, endpoint: str) -> Iterable[Lane]:
        return tuple(self._at.get(endpoint, ()))

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())


def _place(delivery: Delivery) -> tuple[Instant, int]:
    return (delivery.created_at, delivery.event.sequence)
