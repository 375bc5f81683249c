"""The telling: one agenda for each endpoint, and the whole of one delivery."""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import orjson
import structlog
from msgspec.structs import replace

from notifier.backends.base import Change
from notifier.clock import Clock
from notifier.errors import LeaseLost, Reason
from notifier.instants import from_text
from notifier.log import Repeats
from notifier.metrics import Metrics
from notifier.model import Delivery, Instant
from notifier.routing import attempt
from notifier.routing.gate import DEFERRED, Drop, Go, Hold, Verdict, decide
from notifier.routing.rules import Rule
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
        self._agendas: dict[str, Agenda[Lane]] = {}
        self._lanes: dict[Shard, Lanes] = {}
        self._parked: defaultdict[Shard, list[Lane]] = defaultdict(list)
        self._at_work: defaultdict[Shard, set[asyncio.Task[None]]] = defaultdict(set)

    # --- what is due -------------------------------------------------------------------------------------------

    def attach(self, shard: "Shard", deliveries: Iterable[Delivery]) -> None:
        """Open deliveries of a restored shard."""
        self._lanes[shard] = Lanes()
        for delivery in sorted(deliveries, key=lambda each: (each.created_at, each.event.sequence)):
            self.add(shard, delivery)

    def detach(self, shard: "Shard") -> None:
        """Sends under way end as they may; their outcomes are carried to the next lease."""
        self._lanes.pop(shard, None)
        self._parked.pop(shard, None)

    def add(self, shard: "Shard", delivery: Delivery) -> None:
        lanes = self._lanes.get(shard)
        if lanes is None:
            return
        lane = lanes.add(shard, delivery)
        if not lane.busy and lane.head.id == delivery.id:
            self._push(lane, delivery.due)

    def reconsider(self, shard: "Shard", key: str) -> None:
        """The order was removed: what the rules had put off is dropped now."""
        lanes = self._lanes.get(shard)
        for lane in lanes.of_order(key) if lanes else ():
            if not lane.busy and lane.head.held in DEFERRED:
                self._push(lane, self._clock.now())

    def wake(self, endpoint: Endpoint) -> None:
        """A fact about it has come: its lanes are looked at again."""
        now = self._clock.now()
        for lanes in self._lanes.values():
            for lane in lanes:
                if lane.queue and not lane.busy and lane.head.endpoint == endpoint.name:
                    due = lane.head.due or now
                    self._push(lane, max(due, endpoint.held_until or 0) if not endpoint.disabled else now)

    def pause(self, shard: "Shard", blocked: bool) -> None:
        """While nothing can be committed nothing is sent."""
        if not blocked:
            for lane in self._parked.pop(shard, []):
                if lane.queue:
                    self._push(lane, lane.head.due)

    def pending(self) -> Iterable[Delivery]:
        return (delivery for lanes in self._lanes.values() for lane in lanes for delivery in lane.queue)

    async def close(self, within: float) -> None:
        await asyncio.gather(*(agenda.close(within) for agenda in self._agendas.values()))

    def _push(self, lane: Lane, due: Instant | None) -> None:
        name = lane.head.endpoint
        agenda = self._agendas.get(name)
        if agenda is None:
            sink = name.partition(":")[0]
            agenda = self._agendas[name] = Agenda(f"send {sink}", self._work, SLOTS, self._clock)
        agenda.push(lane, self._clock.now() if due is None else due)

    async def _work(self, lane: Lane) -> None:
        """One delivery of a lane, and the lane's next due time."""
        lanes = self._lanes.get(lane.shard)
        if lanes is None or lane.busy or not lane.queue:
            return
        if lane.shard.committer.blocked:
            self._parked[lane.shard].append(lane)
            return
        lane.busy = True
        delivery = lane.head
        try:
            known = await self.deliver(lane.shard, delivery)
        except LeaseLost:
            return
        except Exception as error:
            # A fault of ours: kept, and tried again like a failed attempt, for it may be this delivery's alone.
            log.exception("delivery_broken", sink=delivery.sink, error=type(error).__name__)
            known = replace(delivery, due=self._clock.now() + RECHECK)
        finally:
            lane.busy = False
        lane.put_back(known)
        if lane.queue:
            self._push(lane, lane.head.due)
        else:
            lanes.discard(delivery)

    # --- one delivery ------------------------------------------------------------------------------------------

    async def deliver(self, shard: "Shard", delivery: Delivery) -> Delivery:
        """Decide, render, (commit `sending`), send, after, commit: the delivery as it is then."""
        runtime = self._runtime()
        way = runtime.ways.get(delivery.sink)
        now = self._clock.now()
        if way is None:
            return replace(delivery, due=now + RECHECK, held=Reason.UNKNOWN_SINK)
        endpoint = self._endpoints.get(delivery.endpoint)
        if delivery.state == "sending":
            # Sent before a crash perhaps: for this sink a repeat would be worse than a loss.
            return await self._finish(shard, attempt.finish(delivery, "dead", Reason.OUTCOME_UNKNOWN, now))
        match await self._decide(shard, delivery, runtime.rule(delivery.rule), endpoint, now):
            case Hold() as held:
                return await self._hold(shard, delivery, held)
            case Drop() as dropped:
                return await self._finish(shard, attempt.drop(delivery, dropped, now))
            case Go():
                pass
        message = Message(id=delivery.id, to=delivery.to, event=delivery.event)
        if way.sink.at_most_once:
            delivery = replace(delivery, state="sending")
            await shard.committer.commit(Change(key=delivery.key, deliveries=(delivery,)))
        began = self._clock.now()
        outcome = await self._send(way, message, began)
        ended = self._clock.now()
        shut = not endpoint.breaker.closed
        await self._endpoints.record(endpoint, outcome, ended, forced=delivery.retried)
        if shut and endpoint.breaker.closed:
            self.wake(endpoint)
        done = attempt.after(delivery, outcome, way.settings.retries, ended, began, self._draw())
        self._note(delivery, outcome, done, ended - began)
        return await self._finish(shard, done)

    async def _decide(
        self, shard: "Shard", delivery: Delivery, rule: Rule | None, endpoint: Endpoint, now: Instant
    ) -> Verdict:
        # Only some rules ask for the order's state; for the others it is not worth decoding.
        asks = rule is not None and (rule.delay or any(send.while_phases for send in rule.sends))
        state = await shard.state(delivery.key) if asks or delivery.held in DEFERRED else None
        verdict = decide(
            delivery,
            rule,
            state,
            now,
            disabled=endpoint.disabled,
            held_until=endpoint.held_until,
            held_reason=Reason.RETRY_AFTER,
        )
        monotonic = self._clock.monotonic()
        if isinstance(verdict, Go) and not endpoint.breaker.allow(monotonic):
            until = now + max(1, math.ceil(endpoint.breaker.held(monotonic) * 1000))
            return Hold(min(until, delivery.expires) if delivery.expires else until, Reason.BREAKER_OPEN)
        return verdict

    async def _hold(self, shard: "Shard", delivery: Delivery, verdict: Hold) -> Delivery:
        held = attempt.hold(delivery, verdict)
        if verdict.reason in DEFERRED and held != delivery:
            # Put off by the rules: that it waits, until when and why, is shown and outlives this process.
            await shard.committer.commit(Change(key=delivery.key, deliveries=(held,)))
        return held

    async def _send(self, way: Way, message: Message, now: Instant) -> Outcome:
        try:
            return await way.sink.send(message, now)
        except Exception as error:
            if self._repeats.ok((way.name, type(error)), self._clock.monotonic()) is not None:
                log.exception("send_broken", sink=way.name, error=type(error).__name__)
            return Outcome("again", reason=Reason.INTERNAL, detail=type(error).__name__)

    async def _finish(self, shard: "Shard", delivery: Delivery) -> Delivery:
        try:
            await shard.committer.commit(Change(key=delivery.key, deliveries=(delivery,)))
        except (LeaseLost, asyncio.CancelledError):
            shard.carry.delivery(delivery)
            raise
        if not delivery.open and delivery.state != "delivered":
            log.warning(
                "delivery_given_up", id=delivery.id, sink=delivery.sink, state=delivery.state, reason=delivery.reason
            )
            self._metrics.deliveries.labels(delivery.sink, delivery.state, delivery.reason or "").inc()
        return delivery

    def _note(self, before: Delivery, outcome: Outcome, after: Delivery, ms: int) -> None:
        """One wide line for each attempt."""
        log.info(
            "delivery_attempted",
            id=before.id,
            sink=before.sink,
            attempt=before.tries + 1,
            outcome=outcome.kind,
            status=outcome.status,
            reason=outcome.reason,
            ms=ms,
            next=None if not after.open else after.due,
        )
        if outcome.kind in ("delivered", "again"):
            self._metrics.deliveries.labels(before.sink, outcome.kind, outcome.reason or "").inc()
        if outcome.kind == "delivered":
            since = _earliest(before)
            self._metrics.told.labels(before.sink).observe(max(0, self._clock.now() - since) / 1000)


def _earliest(delivery: Delivery) -> Instant:
    """When the event happened where that is known, else the earliest time at which it may have."""
    data = orjson.loads(delivery.event.data)
    return from_text(data["occurred"]["at"] or data["occurred"]["not_before"] or data["observed_at"])
