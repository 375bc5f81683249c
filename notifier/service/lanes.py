"""Lanes: sink × address × order, strictly in order; the next delivery goes after the former one is finished."""

from bisect import insort
from collections.abc import Iterator
from typing import TYPE_CHECKING

from notifier.model import Delivery, Instant

if TYPE_CHECKING:
    from notifier.service.shard import Shard


class Lane:
    """The open deliveries of one sink, address and order. `due` is the agenda's; `busy` while its head is at work."""

    __slots__ = ("busy", "due", "queue", "shard", "was_due")

    def __init__(self, shard: "Shard") -> None:
        self.shard = shard
        self.queue: list[Delivery] = []
        self.due: Instant | None = None
        self.was_due: Instant = 0
        self.busy = False

    @property
    def head(self) -> Delivery:
        return self.queue[0]

    def add(self, delivery: Delivery) -> None:
        """In its place by time of making and sequence; what is at work stays where it is."""
        if any(known.id == delivery.id for known in self.queue):
            return
        insort(self.queue, delivery, lo=1 if self.busy else 0, key=_place)

    def put_back(self, delivery: Delivery) -> None:
        """The head, after a step: replaced, or taken out when it is finished."""
        if delivery.open:
            self.queue[0] = delivery
        else:
            del self.queue[0]


class Lanes:
    """The lanes of one shard."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str | None, str], Lane] = {}

    def add(self, shard: "Shard", delivery: Delivery) -> Lane:
        lane = self._lanes.get(delivery.lane)
        if lane is None:
            lane = self._lanes[delivery.lane] = Lane(shard)
        lane.add(delivery)
        return lane

    def discard(self, delivery: Delivery) -> None:
        """Forgets a lane that has run empty."""
        lane = self._lanes.get(delivery.lane)
        if lane is not None and not lane.queue:
            del self._lanes[delivery.lane]

    def of_order(self, key: str) -> list[Lane]:
        return [lane for (_, _, order), lane in self._lanes.items() if order == key]

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())


def _place(delivery: Delivery) -> tuple[Instant, int]:
    return (delivery.created_at, delivery.event.sequence)
