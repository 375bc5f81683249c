"""A shard as data: its orders, its open deliveries, its committer, and the commands that come for them."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import structlog

from notifier import codec
from notifier.backends.base import Change, Lease
from notifier.clock import Clock
from notifier.errors import LeaseLost
from notifier.metrics import Metrics
from notifier.model import Command, Delivery, State
from notifier.routing.attempt import retry
from notifier.service.carry import Carry
from notifier.service.committer import Committer
from notifier.service.notable import NotableLooks
from notifier.service.orders import Order
from notifier.tracking.orders import begin, readd, resume, retire

if TYPE_CHECKING:
    from notifier.service.deliverer import Deliverer
    from notifier.service.poller import Poller

log = structlog.get_logger()

COMMANDS_AT_ONCE = 256
SLICE = 2_000  # orders taken into memory before the loop gets its turn


class Shard:
    """Lives as long as its lease. Poller and deliverer hold its orders and lanes; `close` takes them back."""

    def __init__(
        self,
        lease: Lease,
        poller: "Poller",
        deliverer: "Deliverer",
        carry: Carry,
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
        self.committer = Committer(lease, clock, metrics, self._blocked)
        self._poller = poller
        self._deliverer = deliverer
        self._clock = clock
        self._notable = notable
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_of: dict[str, asyncio.Task[None]] = {}
        self._commands = asyncio.Semaphore(COMMANDS_AT_ONCE)

    async def run(self) -> None:
        """Restore, attach, then commands until the lease ends or is lost."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.committer.run(), name=f"committer {self.number}")
                group.create_task(self._ended(), name=f"lease {self.number}")
                await self._restore()
                async for command in self.lease.commands():
                    await self._accept(command)
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
        changed: list[Delivery] = []
        async for stored in self.lease.restore():
            if isinstance(stored, Delivery):
                known = self.carry.newer(stored)
                if known is not stored:
                    changed.append(known)
                deliveries.append(known)
            elif stored.state is not None:
                self._keep(Order(stored.key, _source(stored.key), stored.watch, stored.state, self, now))
        for delivery in changed:
            await self.committer.commit(Change(key=delivery.key, deliveries=(delivery,)))
        self.carry.clear_deliveries()
        looks = self.carry.take_looks(now)
        for key, look in looks.items():
            order = self.orders.get(key)
            if order is not None and (order.last_ok is None or look.began > order.last_ok):
                await self._poller.replay(order, look)
        self._deliverer.attach(self, [delivery for delivery in deliveries if delivery.open])
        self._poller.attach(self.orders.values(), now)
        self.ready = True
        log.info("shard_restored", shard=self.number, orders=len(self.orders), deliveries=len(deliveries))

    async def _close(self) -> None:
        """Detaches: what is still in flight finds its order gone."""
        self.ready = False
        for order in self.orders.values():
            order.gone = True
        self.orders.clear()
        self.phases.clear()
        self._deliverer.detach(self)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- orders ------------------------------------------------------------------------------------------------

    def renew(self, order: Order, packed: bytes, state: State) -> None:
        """An order's new state, after its commit."""
        if not order.gone:
            self.phases[order.source, order.phase] -= 1
            self.phases[order.source, state.phase] += 1
        order.remember(packed, state)

    def retire(self, order: Order, how: Literal["terminal", "given_up"]) -> None:
        """No more looks: in memory at once, in the backend as soon as it can be committed."""
        self._drop(order)
        self._chain(order.key, self._retire(order, how))

    def hand_over(self, deliveries: tuple[Delivery, ...]) -> None:
        for delivery in deliveries:
            if delivery.open:
                self._deliverer.add(self, delivery)

    async def state(self, key: str) -> State | None:
        """An order's newest state, also of one that memory does not hold."""
        order = self.orders.get(key)
        if order is not None:
            return codec.unpack_state(order.state)
        stored = await self.lease.load(key)
        return codec.unpack_state(stored.state) if stored and stored.state else None

    def _keep(self, order: Order) -> None:
        self.orders[order.key] = order
        self.phases[order.source, order.phase] += 1

    def _drop(self, order: Order) -> None:
        if not order.gone:
            order.gone = True
            self.orders.pop(order.key, None)
            self.phases[order.source, order.phase] -= 1

    async def _retire(self, order: Order, how: Literal["terminal", "given_up"]) -> None:
        state = retire(codec.unpack_state(order.state), self._clock.now(), how)
        state = msgspec.structs.replace(state, last_ok=order.last_ok)
        await self.committer.commit(Change(key=order.key, state=codec.pack_state(state)))
        self._notable.forget(order.key)
        log.debug("order_retired", how=how)

    def _blocked(self, blocked: bool) -> None:
        self._deliverer.pause(self, blocked)
        if not blocked:
            parked, self.parked = self.parked, []
            self._poller.resume(parked)

    # --- commands ----------------------------------------------------------------------------------------------

    async def _accept(self, command: Command) -> None:
        await self._commands.acquire()
        task = self._chain(command.key, self._obey(command))
        task.add_done_callback(lambda _: self._commands.release())

    async def _obey(self, command: Command) -> None:
        match command.kind:
            case "put":
                await self._put(command)
            case "remove":
                await self._remove(command)
            case "retry":
                await self._retry(command)

    async def _put(self, command: Command) -> None:
        assert command.watch is not None
        watch = codec.pack_watch(command.watch)
        order = self.orders.get(command.key)
        if order is not None:
            order.watch = watch
            await self.committer.commit(Change(key=command.key, done=(command,)))
            return
        now = self._clock.now()
        stored = await self.lease.load(command.key)
        if stored is None or stored.state is None:
            state = begin(command.key, command.watch.created_at)
        else:
            state = codec.unpack_state(stored.state)
            if state.retirement == "removed":
                state = readd(state, now)
            elif state.retirement is not None:
                state = resume(state, now)
        state = msgspec.structs.replace(state, watch_number=command.number)
        packed = codec.pack_state(state)
        await self.committer.commit(Change(key=command.key, state=packed, done=(command,)))
        order = Order(command.key, command.watch.source, watch, packed, self, now)
        self._keep(order)
        self._poller.begin(order)

    async def _remove(self, command: Command) -> None:
        order = self.orders.get(command.key)
        if order is not None:
            self._drop(order)  # at once: an answer that is on its way no longer counts
            if order.committing is not None:
                await asyncio.wait([order.committing])
            packed: bytes | None = order.state
        else:
            stored = await self.lease.load(command.key)
            packed = stored.state if stored else None
        state = codec.unpack_state(packed) if packed else begin(command.key, command.at)
        state = retire(state, self._clock.now(), "removed")
        if order is not None:
            state = msgspec.structs.replace(state, last_ok=order.last_ok)
        await self.committer.commit(Change(key=command.key, state=codec.pack_state(state), done=(command,)))
        self._deliverer.reconsider(self, command.key)
        self._notable.forget(command.key)

    async def _retry(self, command: Command) -> None:
        delivery = await self.lease.delivery(command.key, command.delivery or "")
        if delivery is None or delivery.state not in ("dead", "expired"):
            await self.committer.commit(Change(key=command.key, done=(command,)))
            return
        again = retry(delivery, self._clock.now())
        await self.committer.commit(Change(key=command.key, deliveries=(again,), done=(command,)))
        self._deliverer.add(self, again)

    def _chain(self, key: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """What is asked of one order happens in its order; different orders go side by side."""
        task = asyncio.get_running_loop().create_task(self._after(self._last_of.get(key), work))
        self._tasks.add(task)
        self._last_of[key] = task
        task.add_done_callback(lambda done: self._chained(key, done))
        return task

    def _chained(self, key: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last_of.get(key) is task:
            del self._last_of[key]

    async def _after(self, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await work
        except LeaseLost:
            log.debug("dropped_with_its_lease", shard=self.number)  # comes again with the next one
        except Exception:
            log.exception("command_failed", shard=self.number)
        finally:
            work.close()


class _Ended(Exception):
    """The lease says that the shard is no longer ours."""


def _source(key: str) -> str:
    return key.partition("/")[0]
