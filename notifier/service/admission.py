"""What goes out now: the gate is asked about a delivery and about those that would go with it as one message."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from notifier.clock import Clock
from notifier.errors import Reason
from notifier.model import DIGEST, Delivery, Instant
from notifier.routing import attempt
from notifier.routing.gate import DEFERRED, Drop, Go, Hold, Verdict, critical, decide
from notifier.routing.line import place
from notifier.routing.quiet import quiet_until
from notifier.service.caps import Allowance
from notifier.service.endpoints import Endpoints
from notifier.service.lanes import Lane, Lanes
from notifier.service.runtime import Runtime, Way
from notifier.service.spending import Spending
from notifier.service.zones import zone_of


class Admitted(NamedTuple):
    """`goes` is one message (nothing, if empty), for which the caps' room is taken. `settled` were dropped, or put off
    by the rules: to be recorded. `waits`: the lane is held, for a reason that is not its delivery's own."""

    goes: tuple[Delivery, ...] = ()
    settled: tuple[Delivery, ...] = ()
    waits: Hold | None = None


class Admission:
    def __init__(
        self,
        runtime: Callable[[], Runtime],
        endpoints: Endpoints,
        allowance: Allowance,
        spending: Spending,
        clock: Clock,
    ) -> None:
        self._runtime = runtime
        self._endpoints = endpoints
        self._allowance = allowance
        self._spending = spending
        self._clock = clock

    async def ask(self, lane: Lane, lanes: Lanes, lead: Delivery, others: Sequence[Lane], way: Way) -> Admitted:
        """`lead`, whose turn it is in its lane, and what can go with it; `others` are given up with it, if its endpoint
        is disabled. Unavailable: the caps cannot be counted."""
        now = self._clock.now()
        verdict = await self._verdict(lane, lead, way, now)
        if isinstance(verdict, Drop) and verdict.reason == Reason.ENDPOINT_DISABLED:
            # All that waits behind it goes the same way: in slices, else thousands would go one by one.
            waiting = [lane.for_nothing(lead), *(other.for_nothing(other.queue[0]) for other in others)]
            lost = [attempt.drop(each, verdict, now) for several in waiting for each in several]
            return Admitted(settled=tuple(lost))
        if not isinstance(verdict, Go):
            return _settled(lead, verdict, now)
        goes = [lead]
        settled: list[Delivery] = []
        for other in lane.companions(lead, now):
            match await self._verdict(lane, other, way, now, joins=True):
                case Go():
                    goes.append(other)
                case verdict:
                    settled += _settled(other, verdict, now).settled
        if way.sink.people and (until := await self._full_until(lanes, lead, way, now)) is not None:
            for each in goes:
                full = await self._verdict(lane, each, way, now, joins=True, full_until=until)
                settled += _settled(each, full, now).settled
            return Admitted(settled=tuple(settled))
        monotonic = self._clock.monotonic()
        breaker = self._endpoints.get(lead.endpoint).breaker
        if not breaker.allow(monotonic):
            self.give_back(lead, way)
            wait = max(1, math.ceil(breaker.held(monotonic) * 1000))
            return Admitted(settled=tuple(settled), waits=Hold(now + wait, Reason.BREAKER_OPEN))
        # In their order: the one whose time came first may not be the oldest.
        return Admitted(goes=tuple(sorted(goes, key=place)), settled=tuple(settled))

    def give_back(self, lead: Delivery, way: Way) -> None:
        """The message that was let out is recorded, or did not go: its room is free, or counted by the view."""
        if way.sink.people and lead.to is not None:
            self._allowance.give_back(lead.to)
            self._spending.give_back(way, lead.to)

    async def _full_until(self, lanes: Lanes, lead: Delivery, way: Way, now: Instant) -> Instant | None:
        """None: there is room under the caps and the sink's own budget, and it is taken."""
        fresh = lead.message is None and not lead.tries and lead.group != DIGEST
        urgent = self._critical(lead)
        if fresh and not urgent and (until := lanes.held_back(lead, now)) is not None:
            return until
        until = await self._room_at(lead, way)
        if until is None and fresh and urgent and any(map(self._critical, lanes.held_before(lead, now))):
            self.give_back(lead, way)
            return now + 1  # alone it would be told before them: the digest goes at once, with it
        return until

    async def _room_at(self, lead: Delivery, way: Way) -> Instant | None:
        assert lead.to is not None  # nobody else is told by a sink for people
        people = [name for name, way in self._runtime().ways.items() if way.sink.people]
        until = await self._allowance.take(lead.to, people)
        if until is not None:
            return until
        try:
            until = await self._spending.take(way, lead.to)
        except BaseException:
            self._allowance.give_back(lead.to)
            raise
        if until is not None:
            self._allowance.give_back(lead.to)
        return until

    def _critical(self, delivery: Delivery) -> bool:
        return critical(delivery, self._runtime().rule(delivery.rule))

    async def _verdict(
        self,
        lane: Lane,
        delivery: Delivery,
        way: Way,
        now: Instant,
        joins: bool = False,
        full_until: Instant | None = None,
    ) -> Verdict:
        runtime = self._runtime()
        rule, endpoint = runtime.rule(delivery.rule), self._endpoints.get(delivery.endpoint)
        # Only some rules ask for the order's state; for the others it is not worth decoding.
        asks = rule is not None and (rule.delay or any(send.while_phases for send in rule.sends))
        state = await lane.shard.state(delivery.key) if asks or delivery.held in DEFERRED else None
        hours = runtime.quiet_hours if way.sink.people else None
        return decide(
            delivery,
            rule,
            state,
            now,
            disabled=endpoint.disabled,
            held_until=endpoint.held_until,
            held_reason=Reason.RETRY_AFTER,
            removed_at=lane.withdrawn(delivery),
            quiet_until=quiet_until(hours, zone_of(delivery, runtime), now) if hours else None,
            full_until=full_until,
            joins=joins,
        )


def _settled(delivery: Delivery, verdict: Verdict, now: Instant) -> Admitted:
    match verdict:
        case Drop():
            return Admitted(settled=(attempt.drop(delivery, verdict, now),))
        case Hold() if verdict.reason in DEFERRED:
            held = attempt.hold(delivery, verdict)
            return Admitted(settled=(held,) if held != delivery else ())
        case Hold():
            # Not the delivery's own: it is due as soon as this is over.
            return Admitted(waits=verdict)
        case Go():
            return Admitted(goes=(delivery,))
