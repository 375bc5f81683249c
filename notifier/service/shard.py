"""A shard as data: its orders, its open deliveries, its committer, what is asked of them. It lives with its lease."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from typing import Literal

import structlog
from msgspec.structs import replace

from notifier import codec
from notifier.backends.base import Change, Lease
from notifier.clock import Ahead, Clock
from notifier.errors import LeaseLost
from notifier.metrics import Metrics
from notifier.model import Delivery, Instant, State
from notifier.service import silence
from notifier.service.carry import Carry
from notifier.service.commands import Commands
from notifier.service.committer import Committer
from notifier.service.deliverer import Deliverer
from notifier.service.notable import NotableLooks
from notifier.service.orders import Order
from notifier.service.poller import Poller
from notifier.service.runtime import Runtime
from notifier.tracking.orders import retire

log = structlog.get_logger()

NOTABLE = 1_000  # ms that another replica's clock must have been ahead for a line in the log
SETTLED = 10_000  # orders restored from which on the garbage collector is told to leave them alone


class Shard:
    """Poller and deliverer hold its orders and lanes; `run` attaches them, and takes them back in the end.

    `clock` is what is recorded by: never behind what was recorded before, be it by another replica whose clock is
    ahead of this one's. What is waited for goes by the process's own clock.
    """

    def __init__(
        self,
        lease: Lease,
        poller: Poller,
        deliverer: Deliverer,
        carry: Carry,
        runtime: Callable[[], Runtime],
        clock: Clock,
        metrics: Metrics,
        notable: NotableLooks,
    ) -> None:
        self.lease = lease
        self.number = lease.shard
        self.orders: dict[str, Order] = {}
        self.phases: Counter[tuple[str, str]] = Counter()
        self.parked: list[Order] = []
        self.carry = carry
        self.ready = False
        self.clock: Clock = clock
        self.committer = Committer(lease, clock, metrics, self._blocked)
        self.commands = Commands(self, poller, deliverer, clock, notable)
        self._poller = poller
        self._deliverer = deliverer
        self._runtime = runtime
        self._clock = clock
        self._notable = notable

    async def run(self) -> None:
        """Restore, attach, then commands until the lease ends or is lost.

        Anything else that is raised is a fault of ours or a record that cannot be read: it ends the whole program,
        loudly, since going on without some of the orders would look like all is well.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.committer.run(), name=f"committer {self.number}")
                group.create_task(self._ended(), name=f"lease {self.number}")
                await self._restore()
                group.create_task(
                    silence.watch(self, self._poller, self._runtime, self._clock), name=f"silence {self.number}"
                )
                async for command in self.lease.commands():
                    await self.commands.accept(command)
        except* _Ended:
            log.info("lease_ended", shard=self.number)
        except* LeaseLost as lost:
            log.warning("lease_lost", shard=self.number, reason=str(lost.exceptions[0]))
        finally:
            await self._close()

    async def _ended(self) -> None:
        await self.lease.ended.wait()
        raise _Ended

    async def _restore(self) -> None:
        now = self._clock.now()
        deliveries: list[Delivery] = []
        async for stored in self.lease.restore():
            if isinstance(stored, Delivery):
                deliveries.append(stored)
            elif stored.state is not None:
                # Of this thread: what another one allocated would be of no use to this one when it is replaced.
                state = bytes(memoryview(stored.state))
                self.keep(Order(stored.key, source_of(stored.key), stored.watch, state, self, now))
        newest = (*(each.newest for each in self.orders.values()), *map(_newest, deliveries))
        if ahead := self.heed(max(newest, default=0)):
            for each in self.orders.values():
                each.attended = now + ahead
            deliveries = [_put_back(delivery, _newest(delivery) - now) for delivery in deliveries]
        self.carry.restored(delivery.id for delivery in deliveries)
        # Before the answers that are kept: what follows from them finds its lanes.
        self._deliverer.attach(self, deliveries)
        for key, look in self.carry.looks(now):
            order = self.orders.get(key)
            durable = order is None or (order.last_ok is not None and look.began <= order.last_ok)
            if order is None or durable or await self._poller.replay(order, look):
                self.carry.applied(key, look)
        self._poller.attach([order for order in self.orders.values() if order.due is None and not order.busy], now)
        if len(self.orders) >= SETTLED:
            # A full collection would stop the loop for tenths of a second; these records live on for long.
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        self.ready = True
        log.info("shard_restored", shard=self.number, orders=len(self.orders), deliveries=len(deliveries))

    async def _close(self) -> None:
        """Detaches: what is still in flight finds its order gone."""
        self.ready = False
        self.committer.close()
        for order in self.orders.values():
            order.gone = "detached"
        self.orders.clear()
        self.parked.clear()
        self.phases.clear()
        self._deliverer.detach(self)
        await self.commands.close()

    # --- time --------------------------------------------------------------------------------------------------

    def heed(self, newest: Instant) -> int:
        """Nothing is recorded from now on as if it were before that; by how many ms `clock` is ahead of it now."""
        if newest > self.clock.now():
            self.clock = Ahead(self._clock, newest)
            if self.ahead() >= NOTABLE:
                log.warning("shard_clock_ahead", shard=self.number, ms=self.ahead())
        return self.ahead()

    def ahead(self) -> int:
        """ms by which what is recorded is ahead of this process's clock."""
        if self.clock is self._clock:
            return 0
        by = self.clock.now() - self._clock.now()
        if by <= 0:
            self.clock = self._clock  # it has caught up
        return max(0, by)

    # --- orders ------------------------------------------------------------------------------------------------

    def keep(self, order: Order) -> None:
        self.orders[order.key] = order
        self.phases[order.source, order.phase] += 1

    def drop(self, order: Order) -> None:
        """No more looks, and an answer that is on its way no longer counts."""
        if not order.gone:
            order.gone = "dropped"
            del self.orders[order.key]
            self.phases[order.source, order.phase] -= 1

    def renew(self, order: Order, packed: bytes, state: State) -> None:
        """An order's new state, after its commit."""
        if not order.gone:
            self.phases[order.source, order.phase] -= 1
            self.phases[order.source, state.phase] += 1
        order.remember(packed, state)

    def retire(self, order: Order, how: Literal["terminal", "given_up"]) -> None:
        """No more looks: in memory at once, in the backend as soon as it can be committed."""
        self.drop(order)
        self.commands.chain(order.key, self._retire(order, how))

    async def _retire(self, order: Order, how: Literal["terminal", "given_up"]) -> None:
        state = retire(codec.unpack_state(order.state), self.clock.now(), how)
        state = replace(state, last_ok=order.last_ok)
        await self.committer.commit(Change(key=order.key, state=codec.pack_state(state)))
        self._notable.forget(order.key)
        log.debug("order_retired", how=how)

    def untell(self, key: str, token: str) -> None:
        """What was to be told once was not: it may be told yet."""
        self.commands.chain(key, self._untell(key, token))

    async def _untell(self, key: str, token: str) -> None:
        while (order := self.orders.get(key)) is not None and order.committing is not None:
            await asyncio.wait([order.committing])
        if order is None:
            return  # of an order that is no longer polled there is nothing more to tell
        state = codec.unpack_state(order.state)
        state = replace(state, told=state.told - {token}, last_ok=order.last_ok)
        packed = codec.pack_state(state)
        done = order.committing = asyncio.get_running_loop().create_future()
        try:
            await self.committer.commit(Change(key=key, state=packed))
            self.renew(order, packed, state)
        finally:
            order.committing = None
            done.set_result(None)

    async def state(self, key: str) -> State | None:
        """An order's newest state, also of one that memory does not hold."""
        order = self.orders.get(key)
        if order is not None:
            return codec.unpack_state(order.state)
        stored = await self.lease.load(key)
        return codec.unpack_state(stored.state) if stored and stored.state else None

    def hand_over(self, deliveries: tuple[Delivery, ...]) -> None:
        for delivery in deliveries:
            if delivery.open:
                self._deliverer.add(self, delivery)

    def _blocked(self, blocked: bool) -> None:
        if not blocked:
            parked, self.parked = self.parked, []
            self._poller.resume(parked)
            self._deliverer.resume(self)


class _Ended(Exception):
    """The lease says that the shard is no longer ours."""


def _newest(delivery: Delivery) -> Instant:
    """The newest time that was recorded of it."""
    return max((delivery.created_at, *(each.at for each in delivery.attempts)))


def _put_back(delivery: Delivery, by: int) -> Delivery:
    """Made or tried by a clock that was so many ms ahead: what it waits for is no further away than it was there."""
    return delivery if delivery.due is None or by <= 0 else replace(delivery, due=delivery.due - by)


def source_of(key: str) -> str:
    return key.partition("/")[0]
