"""What is to be sent, and when: the lanes of all shards, and one agenda for each endpoint.

One hung endpoint fills its own slots and holds back nobody else.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from notifier.clock import Clock
from notifier.errors import LeaseLost
from notifier.model import Delivery, Instant
from notifier.service.agenda import Agenda
from notifier.service.endpoints import Endpoint, Endpoints
from notifier.service.lanes import Lane, Lanes
from notifier.service.runtime import Runtime

if TYPE_CHECKING:
    from notifier.service.shard import Shard

log = structlog.get_logger()

SLOTS = 32  # sends under way at once to one endpoint, where its sink has no bound of its own
TAKEN_ALONG = 10_000  # ms until a lane is looked at again that somebody else gives up
RECHECK = 60_000  # ms until one is looked at again that cannot be worked at: a vanished sink, a fault of ours


class Outbox(ABC):
    """Takes what is due to `deliver`, each lane in order, and follows what becomes of it."""

    def __init__(self, runtime: Callable[[], Runtime], endpoints: Endpoints, clock: Clock) -> None:
        self._runtime = runtime
        self._endpoints = endpoints
        self._clock = clock
        self._closed = False
        self._agendas: dict[str, Agenda[Lane]] = {}
        self._lanes: dict[Shard, Lanes] = {}
        self._parked: defaultdict[Shard, list[Lane]] = defaultdict(list)

    @abstractmethod
    async def deliver(self, lane: Lane, lead: Delivery, others: Sequence[Lane]) -> Sequence[Delivery]:
        """One delivery of a lane and what goes with it: those that have changed, as they are now, durable.

        `others` are given up with it, if it is because its endpoint is disabled.
        """

    # --- what comes in, and goes -------------------------------------------------------------------------------

    def attach(self, shard: "Shard", deliveries: Iterable[Delivery]) -> None:
        """Open deliveries of a restored shard, in the order of their lanes."""
        lanes = self._lanes[shard] = Lanes()
        for delivery in deliveries:
            here = self._placed(delivery)
            lanes.of(shard, here).add(here)
        for lane in lanes:
            self._push(lane)

    def detach(self, shard: "Shard") -> None:
        """Sends under way end as they may; their outcomes are carried to the next lease."""
        self._lanes.pop(shard, None)
        self._parked.pop(shard, None)

    def add(self, shard: "Shard", delivery: Delivery) -> None:
        """A new one, durable already."""
        if lanes := self._lanes.get(shard):
            lane = lanes.of(shard, delivery)
            lane.add(delivery)
            self._bring_on(lane)

    def add_again(self, shard: "Shard", delivery: Delivery) -> None:
        """One that was finished: an operator wants it to be sent."""
        if lanes := self._lanes.get(shard):
            delivery = self._placed(delivery)
            lane = lanes.of(shard, delivery)
            lane.add_again(delivery)
            self._bring_on(lane)

    def withdraw(self, shard: "Shard", key: str, now: Instant) -> None:
        """The order was removed: what the rules had put off is dropped."""
        if lanes := self._lanes.get(shard):
            for lane in lanes.of_order(key):
                lane.removed[key] = now
                if not lane.busy:
                    self._push(lane)

    def wake(self, endpoint: Endpoint) -> None:
        """Something has changed about it: its lanes are looked at again."""
        for lanes in self._lanes.values():
            for lane in lanes.at(endpoint.name):
                lane.held_until = 0
                if not lane.busy:
                    self._push(lane)

    def resume(self, shard: "Shard") -> None:
        """Commits are possible again: what was put off meanwhile is due."""
        for lane in self._parked.pop(shard, []):
            if lane.queue and not lane.busy:
                self._push(lane)

    def pending(self) -> Iterable[Delivery]:
        return (delivery for lanes in self._lanes.values() for lane in lanes for delivery in lane.queue)

    def lanes_of(self, shard: "Shard") -> Lanes | None:
        """None: the shard is no longer ours."""
        return self._lanes.get(shard)

    def stalled(self) -> list[str]:
        """Names of agendas whose loop is broken."""
        return [agenda.name for agenda in self._agendas.values() if agenda.stalled()]

    async def close(self, within: float) -> None:
        """No send begins any more."""
        self._closed = True
        await asyncio.gather(*(agenda.close(within) for agenda in tuple(self._agendas.values())))

    # --- what is due -------------------------------------------------------------------------------------------

    def _placed(self, delivery: Delivery) -> Delivery:
        """With the endpoint that its sink has now: the configuration may have changed since it was made."""
        way = self._runtime().ways.get(delivery.sink)
        name = f"{delivery.sink}:{way.sink.endpoint(delivery.to)}" if way else delivery.endpoint
        return delivery if name == delivery.endpoint else replace(delivery, endpoint=name)

    def _turn(self, lane: Lane, now: Instant) -> tuple[Delivery, Instant] | None:
        """None: it waits for the lane of what a cap held back, and is pushed when that has taken a step; or its shard
        is no longer ours."""
        lanes = self._lanes.get(lane.shard)
        if lanes is None:
            return None
        turn = lane.turn(now, self._endpoints.get(lane.endpoint).disabled, lanes.ahead(lane, now))
        if turn is None:
            lanes.wait_behind(lane)
        return turn

    def _due(self, lane: Lane) -> Instant | None:
        """When the next is due; later if the endpoint is held, at once if it is only to be dropped. None as `_turn`."""
        now, endpoint = self._clock.now(), self._endpoints.get(lane.endpoint)
        turn = self._turn(lane, now)
        if turn is None:
            return None
        lead, due = turn
        if due <= now and lane.is_for_nothing(lead, endpoint.disabled):
            return max(now, lane.held_until)  # what cannot even be dropped now must not be tried without end
        due = max(due, lane.held_until, endpoint.held_until or 0)
        return due if lead.expires is None else min(due, lead.expires)

    def _push(self, lane: Lane) -> None:
        due = None if self._closed else self._due(lane)
        if due is None:
            return
        agenda = self._agendas.get(lane.endpoint)
        if agenda is None:
            name, sink = lane.endpoint, self._endpoints.get(lane.endpoint).sink
            agenda = self._agendas[name] = Agenda(
                f"send {sink}", self._work, self._slots(sink), self._clock, lambda: self._rest(name)
            )
        agenda.push(lane, due)

    def _slots(self, sink: str) -> int:
        way = self._runtime().ways.get(sink)
        return (way.settings.at_once if way else None) or SLOTS

    def _bring_on(self, lane: Lane) -> None:
        """Pushes a lane that has got another delivery, unless that changes nothing."""
        if lane.busy:
            return
        lanes = self._lanes.get(lane.shard)
        sooner = len(lane.queue) == 1 or (lanes is not None and lanes.waits_behind(lane))
        if not sooner and lane.due is not None:
            due = self._due(lane)
            sooner = due is not None and due < lane.due
        if sooner:
            self._push(lane)

    def _rest(self, endpoint: str) -> None:
        self._agendas.pop(endpoint, None)

    async def _work(self, lane: Lane) -> None:
        """What is next of a lane, and then the lane's next due time."""
        shard = lane.shard
        lanes = self._lanes.get(shard)
        if lanes is None or lane.busy or not lane.queue:
            return
        if shard.committer.blocked:
            self._parked[shard].append(lane)
            return
        turn = self._turn(lane, self._clock.now())
        if turn is None:
            return
        lead, _ = turn
        others: Sequence[Lane] = ()
        if clears := self._endpoints.get(lane.endpoint).disabled and lane.may_be_given_up():
            if lanes.clearing:
                # It is taken along; unless an operator's retry comes meanwhile, which brings it on.
                self._agendas[lane.endpoint].push(lane, self._clock.now() + TAKEN_ALONG)
                return
            others = [other for other in lanes.for_nothing(lane.endpoint) if other is not lane]
        if not shard.carry.begin(lead.id, lambda: self._push(lane)):
            return
        lane.held_until, lanes.clearing = 0, lanes.clearing or clears
        for each in (lane, *others):
            each.busy = True
        try:
            known = await self.deliver(lane, lead, others)
        except LeaseLost:
            return
        except Exception as error:
            # A fault of ours: kept, and tried again like a failed attempt, for it may be this delivery's alone.
            log.exception("delivery_broken", sink=lead.sink, error=type(error).__name__)
            known, lane.held_until = (), self._clock.now() + RECHECK
        finally:
            for each in (lane, *others):
                each.busy = False
            lanes.clearing = lanes.clearing and not clears
            shard.carry.end(lead.id)
        self._follow(shard, lanes, lane, known)
        for other in others:
            ids = {delivery.id for delivery in other.queue}
            self._follow(shard, lanes, other, [delivery for delivery in known if delivery.id in ids])
        if clears and (left := lanes.for_nothing(lane.endpoint)):
            self._push(left[0])

    def _follow(self, shard: "Shard", lanes: Lanes, lane: Lane, known: Sequence[Delivery]) -> None:
        for delivery in lane.step(known):
            other = lanes.of(shard, delivery)
            other.add_again(delivery)
            self._bring_on(other)
        for delivery in known:
            lanes.left(lane, delivery)
        if lane.queue:
            self._push(lane)
        for waiting in lanes.released(lane):
            if waiting.queue and not waiting.busy:
                self._push(waiting)
