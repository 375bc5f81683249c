"""The telling: one agenda for each endpoint, and the whole of one delivery."""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from notifier.backends.base import Change
from notifier.clock import Clock
from notifier.errors import LeaseLost, Reason
from notifier.log import Repeats
from notifier.metrics import Metrics
from notifier.model import Delivery, Instant
from notifier.routing import attempt
from notifier.routing.gate import DEFERRED, Drop, Go, Hold, Verdict, decide
from notifier.routing.rules import Rule
from notifier.service import telling
from notifier.service.agenda import Agenda
from notifier.service.endpoints import Endpoint, Endpoints
from notifier.service.lanes import Lane, Lanes
from notifier.service.runtime import Runtime, Way
from notifier.sinks.base import Message, Outcome

if TYPE_CHECKING:
    from notifier.service.shard import Shard

log = structlog.get_logger()

SLOTS = 32  # sends under way at once to one endpoint
RECHECK = 60_000  # ms until a delivery is looked at again whose sink the configuration does not name


class Deliverer:
    """Sends what is due, each lane in order. One hung endpoint holds back nobody else."""

    def __init__(
        self,
        runtime: Callable[[], Runtime],
        endpoints: Endpoints,
        clock: Clock,
        metrics: Metrics,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._runtime = runtime
        self._endpoints = endpoints
        self._clock = clock
        self._metrics = metrics
        self._draw = draw
        self._repeats = Repeats()
        self._closed = False
        self._agendas: dict[str, Agenda[Lane]] = {}
        self._lanes: dict[Shard, Lanes] = {}
        self._parked: defaultdict[Shard, list[Lane]] = defaultdict(list)

    # --- what is due -------------------------------------------------------------------------------------------

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
            if len(lane.queue) == 1:
                self._push(lane)

    def add_again(self, shard: "Shard", delivery: Delivery) -> None:
        """One that was finished: an operator wants it to be sent."""
        if lanes := self._lanes.get(shard):
            delivery = self._placed(delivery)
            lane = lanes.of(shard, delivery)
            lane.add_again(delivery)
            if not lane.busy and lane.head is delivery:
                self._push(lane)

    def withdraw(self, shard: "Shard", key: str, now: Instant) -> None:
        """The order was removed: what the rules had put off is dropped."""
        if lanes := self._lanes.get(shard):
            for lane in lanes.of_order(key):
                lane.removed_at = now
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

    async def close(self, within: float) -> None:
        """No send begins any more."""
        self._closed = True
        await asyncio.gather(*(agenda.close(within) for agenda in tuple(self._agendas.values())))

    def _placed(self, delivery: Delivery) -> Delivery:
        """With the endpoint that its sink has now: the configuration may have changed since it was made."""
        way = self._runtime().ways.get(delivery.sink)
        name = f"{delivery.sink}:{way.sink.endpoint(delivery.to)}" if way else delivery.endpoint
        return delivery if name == delivery.endpoint else replace(delivery, endpoint=name)

    def _push(self, lane: Lane) -> None:
        """At the due time of its head, later if the endpoint is held, at once if the head is only to be dropped."""
        if self._closed:
            return
        head, now = lane.head, self._clock.now()
        endpoint = self._endpoints.get(head.endpoint)
        if (endpoint.disabled and not head.retried) or (head.held in DEFERRED and lane.withdrawn(head)):
            due = max(now, lane.held_until)  # what cannot even be dropped now must not be tried without end
        else:
            due = max(head.due or now, lane.held_until, endpoint.held_until or 0)
            due = due if head.expires is None else min(due, head.expires)
        agenda = self._agendas.get(endpoint.name)
        if agenda is None:
            agenda = self._agendas[endpoint.name] = Agenda(
                f"send {endpoint.sink}", self._work, SLOTS, self._clock, lambda: self._rest(endpoint.name)
            )
        agenda.push(lane, due)

    def _rest(self, endpoint: str) -> None:
        self._agendas.pop(endpoint, None)

    async def _work(self, lane: Lane) -> None:
        """One delivery of a lane, and the lane's next due time."""
        shard = lane.shard
        lanes = self._lanes.get(shard)
        if lanes is None or lane.busy or not lane.queue:
            return
        if shard.committer.blocked:
            self._parked[shard].append(lane)
            return
        delivery = lane.head
        if not shard.carry.begin(delivery.id, lambda: self._push(lane)):
            return
        lane.busy, lane.held_until = True, 0
        try:
            known = await self.deliver(lane, delivery)
        except LeaseLost:
            return
        except Exception as error:
            # A fault of ours: kept, and tried again like a failed attempt, for it may be this delivery's alone.
            log.exception("delivery_broken", sink=delivery.sink, error=type(error).__name__)
            known, lane.held_until = lane.head, self._clock.now() + RECHECK
        finally:
            lane.busy = False
            shard.carry.end(delivery.id)
        lane.step(known)
        if lane.queue:
            self._push(lane)
        else:
            lanes.discard(known)

    # --- one delivery ------------------------------------------------------------------------------------------

    async def deliver(self, lane: Lane, delivery: Delivery) -> Delivery:
        """Decide, render, (commit `sending`), send, after, commit: the delivery as it is then."""
        shard, runtime, now = lane.shard, self._runtime(), self._clock.now()
        sent = shard.carry.newer(delivery)
        if sent is not delivery:
            return await self._finish(shard, sent)  # under a former lease: only its outcome has to be recorded
        if delivery.state == "sending":
            # Sent before a crash perhaps: for this sink a repeat would be worse than a loss.
            return await self._finish(shard, attempt.finish(delivery, "dead", Reason.OUTCOME_UNKNOWN, now))
        way = runtime.ways.get(delivery.sink)
        if way is None:
            return await self._hold(lane, delivery, Hold(now + RECHECK, Reason.UNKNOWN_SINK))
        endpoint = self._endpoints.get(delivery.endpoint)
        match await self._decide(lane, delivery, runtime.rule(delivery.rule), endpoint, now):
            case Hold() as held:
                return await self._hold(lane, delivery, held)
            case Drop() as dropped:
                return await self._finish(shard, attempt.drop(delivery, dropped, now))
            case Go():
                pass
        message = Message(id=delivery.id, to=delivery.to, event=delivery.event)
        if way.sink.at_most_once:
            lane.queue[0] = delivery = await self._announce(shard, delivery)
        began = self._clock.now()
        outcome = await self._send(way, message, began)
        ended = self._clock.now()
        shut = not endpoint.breaker.closed
        await self._endpoints.record(endpoint, outcome, ended, forced=delivery.retried)
        if shut and endpoint.breaker.closed:
            self.wake(endpoint)
        done = attempt.after(delivery, outcome, way.settings.retries, ended, began, self._draw())
        telling.note(self._metrics, delivery, outcome, done, ended, began)
        return await self._finish(shard, done)

    async def _decide(
        self, lane: Lane, delivery: Delivery, rule: Rule | None, endpoint: Endpoint, now: Instant
    ) -> Verdict:
        # Only some rules ask for the order's state; for the others it is not worth decoding.
        asks = rule is not None and (rule.delay or any(send.while_phases for send in rule.sends))
        state = await lane.shard.state(delivery.key) if asks or delivery.held in DEFERRED else None
        verdict = decide(
            delivery,
            rule,
            state,
            now,
            disabled=endpoint.disabled,
            held_until=endpoint.held_until,
            held_reason=Reason.RETRY_AFTER,
            removed_at=lane.withdrawn(delivery),
        )
        monotonic = self._clock.monotonic()
        if isinstance(verdict, Go) and not endpoint.breaker.allow(monotonic):
            return Hold(now + max(1, math.ceil(endpoint.breaker.held(monotonic) * 1000)), Reason.BREAKER_OPEN)
        return verdict

    async def _hold(self, lane: Lane, delivery: Delivery, verdict: Hold) -> Delivery:
        if verdict.reason not in DEFERRED:
            lane.held_until = verdict.until  # not the delivery's own: it is due as soon as this is over
            return delivery
        held = attempt.hold(delivery, verdict)
        if held != delivery:
            # Put off by the rules: that it waits, until when and why, is shown and outlives this process.
            await lane.shard.committer.commit(Change(key=delivery.key, deliveries=(held,)))
        return held

    async def _announce(self, shard: "Shard", delivery: Delivery) -> Delivery:
        """`sending`, durable before the request: found so after a crash, nobody knows whether it was sent."""
        sending = replace(delivery, state="sending")
        try:
            await shard.committer.commit(Change(key=delivery.key, deliveries=(sending,)))
        except LeaseLost:
            shard.carry.delivery(delivery)  # here it is known that it was not
            raise
        return sending

    async def _send(self, way: Way, message: Message, now: Instant) -> Outcome:
        try:
            return await way.sink.send(message, now)
        except Exception as error:
            if self._repeats.ok((way.name, type(error)), self._clock.monotonic()) is not None:
                log.exception("send_broken", sink=way.name, error=type(error).__name__)
            if way.sink.at_most_once:
                return Outcome("dead", reason=Reason.OUTCOME_UNKNOWN, detail=type(error).__name__)
            return Outcome("again", reason=Reason.INTERNAL, detail=type(error).__name__)

    async def _finish(self, shard: "Shard", delivery: Delivery) -> Delivery:
        try:
            await shard.committer.commit(Change(key=delivery.key, deliveries=(delivery,)))
        except (LeaseLost, asyncio.CancelledError):
            shard.carry.delivery(delivery)
            raise
        if not delivery.open and delivery.state != "delivered":
            telling.given_up(self._metrics, delivery)
        return delivery
