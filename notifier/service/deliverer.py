"""The telling: the whole of one message, from the decision that it goes to its recorded outcome."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from notifier.backends.base import Change, View
from notifier.clock import Clock
from notifier.errors import LeaseLost, Reason, Unavailable
from notifier.log import Repeats
from notifier.metrics import Metrics
from notifier.model import Delivery, Instant
from notifier.routing import attempt
from notifier.routing.gate import Hold
from notifier.service import telling, wording
from notifier.service.admission import Admission, Admitted
from notifier.service.caps import Allowance
from notifier.service.endpoints import Endpoints
from notifier.service.lanes import Lane
from notifier.service.outbox import RECHECK, Outbox
from notifier.service.runtime import Runtime, Way
from notifier.service.spending import Spending
from notifier.sinks.base import Message, Outcome

if TYPE_CHECKING:
    from notifier.service.shard import Shard

log = structlog.get_logger()

UNREADABLE = 1_000  # ms until the view is asked again that could not be read


class Deliverer(Outbox):
    """Sends what is due. Deliveries that go as one message have one outcome."""

    def __init__(
        self,
        runtime: Callable[[], Runtime],
        endpoints: Endpoints,
        view: View,
        clock: Clock,
        metrics: Metrics,
        draw: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(runtime, endpoints, clock)
        allowance = Allowance(lambda: runtime().caps, view, clock)
        self._admission = Admission(runtime, endpoints, allowance, Spending(view, clock), clock)
        self._metrics = metrics
        self._draw = draw
        self._repeats = Repeats()

    async def deliver(self, lane: Lane, lead: Delivery, others: Sequence[Lane]) -> Sequence[Delivery]:
        """Decide, render, (commit `sending`), send, after, commit: those that have changed, as they are then."""
        shard, runtime = lane.shard, self._runtime()
        if sent := shard.carry.newer_of(lane.queue):
            return await self._record(shard, sent)  # under a former lease: only its outcome has to be recorded
        if lead.state == "sending":
            # Sent before a crash perhaps: for this sink a repeat would be worse than a loss.
            return await self._give_up(shard, [lead], Reason.OUTCOME_UNKNOWN)
        way = runtime.ways.get(lead.sink)
        if way is None:
            lane.held_until = self._clock.now() + RECHECK
            return ()
        admitted = await self._admit(lane, lead, others, way)
        try:
            return await self._act(lane, lead, way, admitted)
        finally:
            if admitted.goes:
                self._admission.give_back(lead, way)

    async def _admit(self, lane: Lane, lead: Delivery, others: Sequence[Lane], way: Way) -> Admitted:
        lanes = self.lanes_of(lane.shard)
        if lanes is None:
            return Admitted()
        try:
            return await self._admission.ask(lane, lanes, lead, others, way)
        except Unavailable:
            return Admitted(waits=Hold(self._clock.now() + UNREADABLE, Reason.CAPPED))

    async def _act(self, lane: Lane, lead: Delivery, way: Way, admitted: Admitted) -> Sequence[Delivery]:
        shard = lane.shard
        if admitted.waits is not None:
            lane.held_until = admitted.waits.until
        # `lead` is begun already; of the others some may still be under way for a former lease.
        others = [each for each in admitted.goes if each.id != lead.id and shard.carry.begin(each.id, lambda: None)]
        try:
            settled = await self._record(shard, [*admitted.settled, *shard.carry.newer_of(others)])
            left = {lead.id, *(each.id for each in others)} - {each.id for each in settled}
            goes = [each for each in admitted.goes if each.id in left]
            return [*settled, *await self._tell(lane, way, goes)] if goes else settled
        finally:
            for each in others:
                shard.carry.end(each.id)

    async def _tell(self, lane: Lane, way: Way, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """One message, of those whose words can be found."""
        shard, templates = lane.shard, self._runtime().templates
        words, said, speechless = wording.find(way, deliveries, templates)
        dead = await self._give_up(shard, speechless, Reason.TEMPLATE_ERROR)
        if words is None:
            return dead
        bound = await self._announce(lane, said, attempt.bind(said), way.sink.at_most_once)
        first, endpoint = bound[0], self._endpoints.get(bound[0].endpoint)
        message = Message(first.message or first.id, first.to, bound[-1].event, *words)
        began = self._clock.now()
        outcome = await self._send(way, message, began)
        ended = self._clock.now()
        shut = not endpoint.breaker.closed
        await self._endpoints.record(endpoint, outcome, ended, forced=any(each.retried for each in bound))
        if shut and endpoint.breaker.closed:
            self.wake(endpoint)
        spread, ahead = self._draw(), shard.ahead()
        began, ended = began + ahead, ended + ahead
        done = [attempt.after(each, outcome, way.settings.retries, ended, began, spread) for each in bound]
        if ahead:  # it is recorded as after what was recorded before, but waits no longer for that
            done = [each if each.due is None else replace(each, due=each.due - ahead) for each in done]
        for before, after in zip(bound, done, strict=True):
            telling.note(self._metrics, before, outcome, after, ended, began)
        return [*dead, *await self._record(shard, done)]

    async def _announce(
        self, lane: Lane, before: Sequence[Delivery], bound: Sequence[Delivery], at_most_once: bool
    ) -> Sequence[Delivery]:
        """Durable before the request: what is one message from now on, so that a repeat says the same; and `sending`,
        where nobody could know after a crash whether it was sent, and a repeat would be worse than a loss."""
        if at_most_once:
            bound = [replace(each, state="sending") for each in bound]
        if list(bound) != list(before):
            try:
                await lane.shard.committer.commit(*_changes(bound))
            except (LeaseLost, asyncio.CancelledError):
                for each in before:
                    lane.shard.carry.delivery(each)  # here it is known that it was not
                raise
            lane.step(bound)
        return bound

    async def _send(self, way: Way, message: Message, now: Instant) -> Outcome:
        try:
            return await way.sink.send(message, now)
        except Exception as error:
            if self._repeats.ok((way.name, type(error)), self._clock.monotonic()) is not None:
                log.exception("send_broken", sink=way.name, error=type(error).__name__)
            if way.sink.at_most_once:
                return Outcome("dead", reason=Reason.OUTCOME_UNKNOWN, detail=type(error).__name__)
            return Outcome("again", reason=Reason.INTERNAL, detail=type(error).__name__)

    async def _give_up(self, shard: "Shard", deliveries: Sequence[Delivery], reason: Reason) -> list[Delivery]:
        now = self._clock.now()
        return await self._record(shard, [attempt.finish(each, "dead", reason, now) for each in deliveries])

    async def _record(self, shard: "Shard", deliveries: Sequence[Delivery]) -> list[Delivery]:
        """All of them in one."""
        if not deliveries:
            return []
        try:
            await shard.committer.commit(*_changes(deliveries))
        except (LeaseLost, asyncio.CancelledError):
            for each in deliveries:
                shard.carry.delivery(each)
            raise
        for each in deliveries:
            if not each.open and each.state != "delivered":
                telling.given_up(self._metrics, each)
            if each.once is not None and attempt.is_untold(each):
                shard.untell(each.key, each.once)
        return list(deliveries)


def _changes(deliveries: Iterable[Delivery]) -> list[Change]:
    """One of each order."""
    of_order: dict[str, list[Delivery]] = {}
    for each in deliveries:
        of_order.setdefault(each.key, []).append(each)
    return [Change(key=key, deliveries=tuple(of)) for key, of in of_order.items()]
