"""Lanes: sink × address × order, strictly in order; the next delivery goes after the former one is finished.

What a cap has held back for an address waits in a lane of its own, whatever its order: it becomes one message.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from notifier.errors import Reason
from notifier.model import DIGEST, Delivery, Instant
from notifier.routing import line
from notifier.routing.gate import DEFERRED

if TYPE_CHECKING:
    from notifier.service.shard import Shard

LaneName: TypeAlias = tuple[str, str | None, str]

MOST_TOGETHER = 100  # deliveries of one message
MOST_GIVEN_UP = 50  # deliveries, about, of several lanes
MOST_BYTES = 1024 * 1024  # of their facts and events: they are committed in one


class Lane:
    """The open deliveries of one sink, address and order (its `name`). `due` is the agenda's; `busy` while at work.

    Not looked at before `held_until`, for a reason that is not a delivery's own (a breaker, say). What the rules put
    off before an order was `removed` is dropped: by order, when.
    """

    __slots__ = ("busy", "due", "endpoint", "held_until", "name", "queue", "removed", "shard", "was_due")

    def __init__(self, shard: "Shard", name: LaneName, endpoint: str) -> None:
        self.shard = shard
        self.name = name
        self.endpoint = endpoint
        self.queue: list[Delivery] = []
        self.due: Instant | None = None
        self.was_due: Instant = 0
        self.busy = False
        self.held_until: Instant = 0
        self.removed: dict[str, Instant] = {}

    def turn(self, now: Instant, disabled: bool, before: line.Place | None = None) -> tuple[Delivery, Instant] | None:
        """Whose turn is next, of those that stand `before` this place, and when; None: nobody's. What is only to be
        dropped comes at once."""
        for delivery in self.queue:
            if self.is_for_nothing(delivery, disabled):
                return delivery, now
            if not line.aside(delivery, now) and delivery.group != DIGEST:
                break
        return line.turn(self.queue, now, before)

    def is_for_nothing(self, delivery: Delivery, disabled: bool) -> bool:
        """It need not wait until it is due to be dropped: its endpoint is `disabled`, or its order was removed."""
        withdrawn = delivery.held in DEFERRED and self.withdrawn(delivery) is not None
        return withdrawn or (disabled and not delivery.retried)

    def for_nothing(self, lead: Delivery) -> Sequence[Delivery]:
        """`lead`, whose endpoint is disabled, and those that wait for it; as many as can be committed in one."""
        together = [lead]
        size = _size(lead)
        for delivery in self.queue:
            if delivery.id == lead.id or delivery.retried or delivery.state != "pending":
                continue
            size += _size(delivery)
            if len(together) == MOST_TOGETHER or size > MOST_BYTES:
                break
            together.append(delivery)
        return together

    def may_be_given_up(self) -> bool:
        """Whether nothing speaks against it, where its endpoint is disabled."""
        if self.busy or self.held_until or not self.queue:
            return False
        if self.queue[0].state != "pending" or self.queue[0].retried:
            return False
        return not self.shard.carry.concerns(each.id for each in self.queue)

    def companions(self, lead: Delivery, now: Instant) -> Sequence[Delivery]:
        """Those that may become one message with `lead`; as many as can be committed in one."""
        together: list[Delivery] = []
        size = _size(lead)
        for delivery in line.companions(lead, self.queue, now):
            size += _size(delivery)
            if len(together) == MOST_TOGETHER - 1 or size > MOST_BYTES:
                break
            together.append(delivery)
        return together

    def add(self, delivery: Delivery) -> None:
        """A new one. They come in their order, whatever a clock says meanwhile."""
        self.queue.append(delivery)

    def add_again(self, delivery: Delivery) -> None:
        """One that was finished, or comes from another lane: to its place by age."""
        if all(known.id != delivery.id for known in self.queue):
            insort(self.queue, delivery, key=line.place)

    def step(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """These as they are now: replaced, or taken out when they are finished; those that now belong elsewhere."""
        now = {delivery.id: delivery for delivery in deliveries}
        queue: list[Delivery] = []
        gone: list[Delivery] = []
        for known in self.queue:
            delivery = now.get(known.id, known)
            if not delivery.open:
                continue
            (queue if delivery.lane == known.lane else gone).append(delivery)
        self.queue = queue
        return gone

    def put_back(self, by: int) -> None:
        """See `agenda.Due`."""
        self.held_until = max(0, self.held_until - by)
        self.queue = [each if each.due is None else replace(each, due=each.due - by) for each in self.queue]

    def withdrawn(self, delivery: Delivery) -> Instant | None:
        """When its order was removed, if this delivery is of before."""
        at = self.removed.get(delivery.key)
        return at if at is not None and delivery.created_at <= at else None


class Lanes:
    """The lanes of one shard. `clearing`: somebody gives up what is for nothing, and goes on until none is left."""

    def __init__(self) -> None:
        self.clearing = False
        self._lanes: dict[LaneName, Lane] = {}
        # Sets that keep their order; by order and by endpoint.
        self._of_order: defaultdict[str, dict[Lane, None]] = defaultdict(dict)
        self._at: defaultdict[str, dict[Lane, None]] = defaultdict(dict)
        # Those that wait until the lane of this name, of what a cap held back, has taken its next step.
        self._behind: defaultdict[LaneName, dict[Lane, None]] = defaultdict(dict)

    def of(self, shard: "Shard", delivery: Delivery) -> Lane:
        """The lane that it belongs to, made when first needed."""
        lane = self._lanes.get(delivery.lane)
        if lane is None:
            lane = self._lanes[delivery.lane] = Lane(shard, delivery.lane, delivery.endpoint)
            self._at[lane.endpoint][lane] = None
        self._of_order[delivery.key][lane] = None
        return lane

    def left(self, lane: Lane, delivery: Delivery) -> None:
        """A delivery is no longer in the lane: forgets what was known by it, the lane too if it has run empty."""
        if all(other.key != delivery.key for other in lane.queue):
            _discard(self._of_order, delivery.key, lane)
            lane.removed.pop(delivery.key, None)
        if not lane.queue and self._lanes.get(lane.name) is lane:
            del self._lanes[lane.name]
            _discard(self._at, lane.endpoint, lane)

    def of_order(self, key: str) -> Iterable[Lane]:
        return tuple(self._of_order.get(key, ()))

    def at(self, endpoint: str) -> Iterable[Lane]:
        return tuple(self._at.get(endpoint, ()))

    def for_nothing(self, endpoint: str) -> list[Lane]:
        """Lanes at an endpoint that is disabled which have nothing to wait for but to be given up: few enough for one
        commit, and for others to have their turn in between."""
        found: list[Lane] = []
        count = 0
        for lane in self._at.get(endpoint, ()):
            if count >= MOST_GIVEN_UP:
                break
            if lane.may_be_given_up():
                found.append(lane)
                count += len(lane.queue)
        return found

    def held_back(self, delivery: Delivery, now: Instant) -> Instant | None:
        """Until when a cap holds others back for its address: it joins them, or it would be told before them."""
        lane = self._lanes.get((delivery.sink, delivery.to, ""))
        if lane is None or lane.busy:
            return None
        dues = [each.due for each in lane.queue if each.held == Reason.CAPPED and each.due is not None]
        return min((due for due in dues if due > now), default=None)

    def held_before(self, delivery: Delivery, now: Instant) -> Iterable[Delivery]:
        """Those of its order, for its address, that a cap holds back and that are older."""
        lane = self._lanes.get((delivery.sink, delivery.to, ""))
        return (
            each
            for each in (lane.queue if lane is not None else ())
            if each.key == delivery.key and line.aside(each, now) and line.place(each) < line.place(delivery)
        )

    def ahead(self, lane: Lane, now: Instant) -> line.Place | None:
        """The first of its order that a cap held back before, and that is being sent or repeated: nothing that comes
        after it in `lane` may go now. As long as that lane is at work, all of it may be on its way."""
        sink, to, key = lane.name
        other = self._lanes.get((sink, to, ""))
        if other is None or other is lane:
            return None
        ours = (each for each in other.queue if each.key == key and (other.busy or not line.aside(each, now)))
        return next(map(line.place, ours), None)

    def wait_behind(self, lane: Lane) -> None:
        """Until `released`."""
        self._behind[lane.name[0], lane.name[1], ""][lane] = None

    def waits_behind(self, lane: Lane) -> bool:
        return lane in self._behind.get((lane.name[0], lane.name[1], ""), ())

    def released(self, by: Lane) -> Iterable[Lane]:
        """Those that waited for a step of this lane; they are to be looked at again."""
        return tuple(self._behind.pop(by.name, ()))

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())


def _discard(index: dict[str, dict[Lane, None]], name: str, lane: Lane) -> None:
    lanes = index.get(name)
    if lanes is not None:
        lanes.pop(lane, None)
        if not lanes:
            del index[name]


def _size(delivery: Delivery) -> int:
    return len(delivery.event.data) + len(delivery.facts or b"")
