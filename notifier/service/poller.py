"""The polling of all orders that this replica owns: one agenda for each source, and the whole of one look."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from typing import Literal

import structlog

from notifier.backends.base import Change
from notifier.clock import Clock
from notifier.errors import LeaseLost, LookFailed, Reason
from notifier.log import Repeats
from notifier.metrics import Metrics
from notifier.model import Instant, Look
from notifier.net.fetch import Request
from notifier.service.agenda import Agenda
from notifier.service.looks import Followed, follow
from notifier.service.notable import NotableLook, NotableLooks
from notifier.service.orders import Order
from notifier.service.runtime import OrderSource, Runtime
from notifier.service.tally import Tallies
from notifier.tracking.advance import Step
from notifier.tracking.judge import explain

log = structlog.get_logger()

KEEP_TARGETS = 50_000  # orders of a shard: for more, a request is made anew each time, since memory is dearer then


class Poller:
    """Looks at orders when they are due. A look is in flight until its commit has returned."""

    def __init__(self, runtime: Callable[[], Runtime], clock: Clock, metrics: Metrics, notable: NotableLooks) -> None:
        self._runtime = runtime
        self._clock = clock
        self._metrics = metrics
        self._notable = notable
        self._repeats = Repeats()
        self._tallies = Tallies(metrics)
        self._agendas: dict[str, Agenda[Order]] = {}

    # --- what is due -------------------------------------------------------------------------------------------

    def attach(self, orders: Iterable[Order], now: Instant) -> None:
        """Orders of a restored shard, spread over their intervals."""
        due: dict[str, list[tuple[Order, Instant]]] = {}
        sources = self._runtime().sources
        for order in orders:
            if source := sources.get(order.source):
                due.setdefault(order.source, []).append((order, source.cadence.first(order.known(), now, True)))
        for name, items in due.items():
            self._agenda(name).extend(items)

    def begin(self, order: Order) -> None:
        """A new or re-added order: looked at at once, if the budget allows."""
        if source := self._runtime().sources.get(order.source):
            now = self._clock.now()
            self._agenda(order.source).push(order, source.cadence.first(order.known(), now, False))

    def resume(self, orders: Iterable[Order]) -> None:
        """Looks that were put off while nothing could be committed: what has been due longest goes first."""
        for order in orders:
            if not order.gone:
                self._agenda(order.source).push(order, order.was_due)

    def share(self, part: float) -> None:
        """This replica's part of every budget."""
        for source in self._runtime().sources.values():
            source.api.budget.share(part)
            self._agenda(source.name).resize(source.api.budget.slots)

    def pause(self, paused: bool) -> None:
        """No look begins while it is paused."""
        for agenda in self._agendas.values():
            agenda.pause(paused)

    def stalled(self) -> list[str]:
        """Names of agendas whose loop is broken."""
        return [agenda.name for agenda in self._agendas.values() if agenda.stalled()]

    async def close(self, within: float) -> None:
        await asyncio.gather(*(agenda.close(within) for agenda in self._agendas.values()))

    def _agenda(self, name: str) -> Agenda[Order]:
        agenda = self._agendas.get(name)
        if agenda is None:
            slots = self._runtime().sources[name].api.budget.slots
            agenda = self._agendas[name] = Agenda(f"poll {name}", self.look, slots, self._clock)
        return agenda

    # --- one look ----------------------------------------------------------------------------------------------

    async def look(self, order: Order) -> None:
        """Fetch, unchanged?, read, advance, seal, route, commit, memory, hand over to the deliverer."""
        source = self._runtime().sources.get(order.source)
        if order.gone or order.busy or source is None:
            return
        if order.shard.committer.blocked:
            order.shard.parked.append(order)
            return
        clock = order.shard.clock
        began = clock.now()
        order.busy = True
        self._tallies.lags.observe((began if clock is self._clock else self._clock.now()) - order.was_due)
        try:
            try:
                body = await source.api.get(order.target or self._aim(order, source), order)
                digest = hashlib.blake2b(body, digest_size=16, key=source.adapter.salt).digest()
                if order.unchanged(digest):
                    order.last_ok = order.began = began
                    tally = self._tallies.of(order.source)
                    tally.unchanged += 1
                    tally.last_good = began
                    if not order.gone:
                        self._again(order, source)
                    return
                ended = max(began, clock.now())
                await order.shard.committer.turn()
                look = Look(
                    began=began,
                    ended=ended,
                    snapshot=source.adapter.read(body),
                    digest=digest,
                    attended=order.attended,
                )
            except LookFailed as failure:
                look = self._failed(order, failure, began)
            except Exception as error:
                look = self._broken(order, error, began)
            await self.settle(order, source, look)
        finally:
            order.busy = False

    async def settle(self, order: Order, source: OrderSource, look: Look) -> bool:
        """From the answer on; then the order is due again. False: lost with its lease; the look is kept."""
        while order.committing is not None:
            await asyncio.wait([order.committing])  # what was told meanwhile of its silence
        if order.gone == "detached":
            order.shard.carry.look(order.key, look)  # seen is seen: it is for the next lease
            return False
        if order.gone:
            return True
        try:
            if not await self._apply(order, source, look):
                return False
        except Exception as error:
            # Not even a failed look could be followed, so nothing is known to have changed: it is looked at again.
            self._broken(order, error, look.began)
            order.failed(Reason.INTERNAL)
        order.began = look.began
        if not order.gone:
            self._again(order, source)
        return True

    async def replay(self, order: Order, look: Look) -> bool:
        """An answer that came too late for a former lease: what was seen must not become inferred. See `settle`."""
        source = self._runtime().sources.get(order.source)
        return source is None or await self.settle(order, source, look)

    async def silent(self, order: Order, source: OrderSource, now: Instant) -> None:
        """There was no good look for so long that it must be told, and none has ended to tell it with."""
        look = Look(
            began=now,
            ended=now,
            reason=order.error or Reason.TIMEOUT,
            detail="no look has come to its end",
            attended=order.attended,
            not_before=order.not_before,
        )
        try:
            await self._apply(order, source, look)
        except Exception as error:
            self._broken(order, error, now)  # its next look will tell

    async def _apply(self, order: Order, source: OrderSource, look: Look) -> bool:
        """False: lost with its lease; the look is kept."""
        look, (step, packed, change) = self._follow(order, source, look)
        if change is None:
            order.shard.renew(order, packed, step.state)
        elif not await self._commit(order, look, step, change):
            return False
        outcome = step.verdict if look.reason is None else str(look.reason)
        if change is not None or step.verdict != "accepted":
            detail = look.detail or explain(outcome, look, step.state)
            self._notable.add(order.key, NotableLook(look.began, look.ended, outcome, detail))
        if step.verdict == "accepted":
            tally = self._tallies.of(source.name)
            tally.accepted += 1
            tally.last_good = look.began
        else:
            self._metrics.looks.labels(source.name, outcome).inc()
        self._observe(source, step)
        return True

    def _follow(self, order: Order, source: OrderSource, look: Look) -> tuple[Look, Followed]:
        """What cannot be followed or stored is that order's failed look, and nobody else's."""
        try:
            return look, follow(order, look, source, self._runtime(), self._clock.now())
        except LookFailed as failure:
            look = self._failed(order, failure, look.began)
        except Exception as error:
            look = self._broken(order, error, look.began)
        return look, follow(order, look, source, self._runtime(), self._clock.now())

    async def _commit(self, order: Order, look: Look, step: Step, change: Change) -> bool:
        """Durable first, then memory, then the deliverer."""
        shard = order.shard
        done = order.committing = asyncio.get_running_loop().create_future()
        try:
            await shard.committer.commit(change)
            assert change.state is not None
            shard.renew(order, change.state, step.state)
            shard.hand_over(change.deliveries)
        except LeaseLost:
            shard.carry.look(order.key, look)
            return False
        except asyncio.CancelledError:
            shard.carry.look(order.key, look)
            raise
        finally:
            order.committing = None
            done.set_result(None)
        return True

    def _again(self, order: Order, source: OrderSource) -> None:
        due = source.cadence.next(order.known(), self._clock.now())
        if due is None:
            how: Literal["terminal", "given_up"] = "given_up" if order.terminal_since is None else "terminal"
            order.shard.retire(order, how)
        else:
            self._agenda(source.name).push(order, due)

    def _aim(self, order: Order, source: OrderSource) -> Request:
        target = source.adapter.request(order.ids())
        if len(order.shard.orders) <= KEEP_TARGETS:
            order.target = target
        return target

    # --- what went wrong, and what is counted ------------------------------------------------------------------

    def _failed(self, order: Order, failure: LookFailed, began: Instant) -> Look:
        if (times := self._repeats.ok((order.source, failure.reason), self._clock.monotonic())) is not None:
            log.warning("look_failed", source=order.source, reason=failure.reason, detail=failure.logged, times=times)
        now = self._clock.now()
        ended = max(began, now + order.shard.ahead())
        return Look(
            began=began,
            ended=ended,
            reason=failure.reason,
            detail=failure.detail,
            attended=order.attended,
            not_before=now + round(failure.after * 1000) if failure.after else None,
        )

    def _broken(self, order: Order, error: Exception, began: Instant) -> Look:
        """A fault of ours is that order's failed look, and nobody else's."""
        if self._repeats.ok((order.source, type(error)), self._clock.monotonic()) is not None:
            log.error("look_broken", source=order.source, error=type(error).__name__, exc_info=error)
        return Look(
            began=began,
            ended=max(began, order.shard.clock.now()),
            reason=Reason.INTERNAL,
            detail=type(error).__name__,
            attended=order.attended,
        )

    def _observe(self, source: OrderSource, step: Step) -> None:
        for event in step.events:
            since = event.at if event.at is not None else event.not_before
            if since is not None and not (event.late or event.inferred):
                self._metrics.detection.labels(source.name).observe(max(0, event.observed_at - since) / 1000)
