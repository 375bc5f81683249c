"""The polling of all orders that this replica owns: one agenda for each source, and the whole of one look."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

import msgspec
import structlog

from notifier import codec
from notifier.backends.base import Change
from notifier.clock import Clock
from notifier.envelope import seal
from notifier.errors import LeaseLost, LookFailed, Reason
from notifier.log import Repeats
from notifier.metrics import Metrics
from notifier.model import Instant, Look, State
from notifier.net.fetch import Request
from notifier.routing.route import route
from notifier.service.agenda import Agenda
from notifier.service.notable import NotableLook, NotableLooks
from notifier.service.orders import Order
from notifier.service.runtime import OrderSource, Runtime
from notifier.service.tally import Tallies
from notifier.tracking.advance import Step, advance

if TYPE_CHECKING:
    pass

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
        """Looks that were put off while nothing could be committed."""
        now = self._clock.now()
        for order in orders:
            if not order.gone:
                self._agenda(order.source).push(order, now)

    def share(self, part: float) -> None:
        """This replica's part of every budget."""
        for source in self._runtime().sources.values():
            source.api.budget.share(part)
            self._agenda(source.name).resize(source.api.budget.slots)

    def pause(self, paused: bool) -> None:
        """No look begins while it is paused."""
        for agenda in self._agendas.values():
            agenda.pause(paused)

    async def close(self, within: float) -> None:
        await asyncio.gather(*(agenda.close(within) for agenda in self._agendas.values()))

    def _agenda(self, name: str) -> Agenda[Order]:
        agenda = self._agendas.get(name)
        if agenda is None:
            slots = self._runtime().sources[name].settings.budget.concurrency
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
        began = self._clock.now()
        order.busy = True
        self._tallies.lags.observe(began - order.was_due)
        try:
            try:
                body = await source.api.get(order.target or self._aim(order, source))
                digest = hashlib.blake2b(body, digest_size=16, key=source.adapter.salt).digest()
                if digest == order.digest and order.calm and not order.failures:
                    order.last_ok = order.began = began
                    tally = self._tallies.of(order.source)
                    tally.unchanged += 1
                    tally.last_good = began
                    if not order.gone:
                        self._again(order, source)
                    return
                look = Look(
                    began=began,
                    ended=self._clock.now(),
                    snapshot=source.adapter.read(body),
                    digest=digest,
                    attended=order.attended,
                )
                after = None
            except LookFailed as failure:
                look, after = self._failed(order, failure, began)
            except Exception as error:
                look, after = self._broken(order, error, began)
            await self.settle(order, source, look, after)
        finally:
            order.busy = False

    async def settle(self, order: Order, source: OrderSource, look: Look, after: float | None = None) -> None:
        """From the answer on: also for an answer whose commit was lost with its lease."""
        if order.gone:
            return  # removed or handed over since the look began: its answer no longer counts
        try:
            step, change = self._step(order, source, look, after)
        except LookFailed as failure:
            look, after = self._failed(order, failure, look.began)
            step, change = self._step(order, source, look, after)
        except Exception as error:
            look, after = self._broken(order, error, look.began)
            step, change = self._step(order, source, look, after)
        if change is None:
            order.shard.renew(order, codec.pack_state(step.state), step.state)
        elif not await self._commit(order, look, step.state, change):
            return
        outcome = step.verdict if look.reason is None else str(look.reason)
        if change is not None or step.verdict != "accepted":
            self._notable.add(order.key, NotableLook(look.began, look.ended, outcome, look.detail))
        self._metrics.looks.labels(source.name, outcome).inc()
        if step.verdict == "accepted":
            self._tallies.of(source.name).last_good = look.began
        self._observe(source, step)
        order.began = look.began
        if not order.gone:
            self._again(order, source)

    async def _commit(self, order: Order, look: Look, state: State, change: Change) -> bool:
        """Durable first, then memory, then the deliverer. False: lost with its lease, the look is kept."""
        shard = order.shard
        done = order.committing = asyncio.get_running_loop().create_future()
        try:
            await shard.committer.commit(change)
            assert change.state is not None
            shard.renew(order, change.state, state)
            shard.hand_over(change.deliveries)
        except LeaseLost:
            shard.carry.look(order.key, look)
            return False
        finally:
            order.committing = None
            done.set_result(None)
        return True

    async def replay(self, order: Order, look: Look) -> None:
        """An answer whose commit was lost with a former lease: what was seen must not become inferred."""
        if source := self._runtime().sources.get(order.source):
            await self.settle(order, source, look)

    def _step(self, order: Order, source: OrderSource, look: Look, after: float | None) -> tuple[Step, Change | None]:
        """The pure part of a look. The change is None when there is nothing to make durable."""
        runtime = self._runtime()
        was = msgspec.structs.replace(codec.unpack_state(order.state), last_ok=order.last_ok)
        step = advance(was, look, source.adapter.lifecycle, source.tracking)
        watch = codec.unpack_watch(order.watch)
        sealed = [(event, seal(event, watch, runtime.personal_data)) for event in step.events]
        routed = route(sealed, runtime.rules, watch, step.state, runtime.channels, look.ended)
        failed = look.reason is not None
        state = msgspec.structs.replace(
            step.state,
            told=routed.told,
            failures=order.failures + 1 if failed else 0,
            failing_since=(was.failing_since or look.began) if failed else None,
            last_error=look.reason,
            not_before=look.ended + round(after * 1000) if after else None,
        )
        step = step._replace(state=state)
        if not sealed and _insignificant(was, state):
            return step, None
        change = Change(
            key=order.key,
            state=codec.pack_state(state),
            events=tuple(cloud for _, cloud in sealed),
            deliveries=routed.deliveries,
        )
        return step, change

    def _again(self, order: Order, source: OrderSource) -> None:
        now = self._clock.now()
        due = source.cadence.next(order.known(), now)
        if due is None:
            how: Literal["terminal", "given_up"] = "given_up" if order.terminal_since is None else "terminal"
            order.shard.retire(order, how)
        else:
            self._agendas[source.name].push(order, due)

    def _aim(self, order: Order, source: OrderSource) -> Request:
        target = source.adapter.request(codec.unpack_watch(order.watch).ids)
        if len(order.shard.orders) <= KEEP_TARGETS:
            order.target = target
        return target

    # --- what went wrong, and what is counted ------------------------------------------------------------------

    def _failed(self, order: Order, failure: LookFailed, began: Instant) -> tuple[Look, float | None]:
        if (times := self._repeats.ok((order.source, failure.reason), self._clock.monotonic())) is not None:
            log.warning("look_failed", source=order.source, reason=failure.reason, detail=failure.detail, times=times)
        look = Look(
            began=began,
            ended=self._clock.now(),
            reason=failure.reason,
            detail=failure.detail,
            attended=order.attended,
        )
        return look, failure.after

    def _broken(self, order: Order, error: Exception, began: Instant) -> tuple[Look, float | None]:
        """A fault of ours is that order's failed look, and nobody else's."""
        if self._repeats.ok((order.source, type(error)), self._clock.monotonic()) is not None:
            log.exception("look_broken", source=order.source, error=type(error).__name__)
        failure = LookFailed(Reason.INTERNAL, type(error).__name__)
        return Look(
            began=began,
            ended=self._clock.now(),
            reason=failure.reason,
            detail=failure.detail,
            attended=order.attended,
        ), None

    def _observe(self, source: OrderSource, step: Step) -> None:
        for event in step.events:
            since = event.at if event.at is not None else event.not_before
            if since is not None and not (event.late or event.inferred):
                self._metrics.detection.labels(source.name).observe(max(0, event.observed_at - since) / 1000)


def _insignificant(was: State, state: State) -> bool:
    """Equal in all that must survive a restart: begin and end of a run of failures count, its length does not."""
    return was == msgspec.structs.replace(
        state,
        last_ok=was.last_ok,
        digest=was.digest,
        failures=was.failures if was.failures and state.failures else state.failures,
        misses=was.misses if was.misses and state.misses else state.misses,
    )
