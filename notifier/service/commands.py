"""What is asked of a shard's orders: put, remove, retry. In order for each order; different ones go side by side."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog
from msgspec.structs import replace

from notifier import codec
from notifier.backends.base import Change
from notifier.clock import Clock
from notifier.errors import LeaseLost
from notifier.model import Command
from notifier.routing.attempt import retry
from notifier.service.deliverer import Deliverer
from notifier.service.notable import NotableLooks
from notifier.service.orders import Order
from notifier.service.poller import Poller
from notifier.tracking.orders import begin, readd, resume, retire

if TYPE_CHECKING:
    from notifier.service.shard import Shard

log = structlog.get_logger()

AT_ONCE = 256


class Commands:
    """Of one shard. A command is done when a commit says so; until then the next lease brings it again.

    One that fails by a fault of ours is logged and stays in the backend, in nobody's way; the next lease tries again.
    """

    def __init__(
        self, shard: "Shard", poller: Poller, deliverer: Deliverer, clock: Clock, notable: NotableLooks
    ) -> None:
        self._shard = shard
        self._poller = poller
        self._deliverer = deliverer
        self._clock = clock
        self._notable = notable
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_of: dict[str, asyncio.Task[None]] = {}

    async def accept(self, command: Command) -> None:
        """Returns as soon as it is in line."""
        await self._room.acquire()
        self.chain(command.key, self._obey(command)).add_done_callback(lambda _: self._room.release())

    def chain(self, key: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """`work`, after all that was asked of this order before."""
        task = asyncio.get_running_loop().create_task(self._after(self._last_of.get(key), work))
        self._tasks.add(task)
        self._last_of[key] = task
        task.add_done_callback(lambda done: self._done(key, done, work))
        return task

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _after(self, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await work
        except LeaseLost:
            log.debug("dropped_with_its_lease", shard=self._shard.number)  # comes again with the next one
        except Exception:
            log.exception("command_failed", shard=self._shard.number)

    def _done(self, key: str, task: asyncio.Task[None], work: Coroutine[Any, Any, None]) -> None:
        work.close()  # it was never begun if the task was cancelled before
        self._tasks.discard(task)
        if self._last_of.get(key) is task:
            del self._last_of[key]

    # --- one command -------------------------------------------------------------------------------------------

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
        order = self._shard.orders.get(command.key)
        if order is not None:
            order.watch = watch  # recipients and labels; its ids stay what they were
            await self._commit(Change(key=command.key, done=(command,)))
            return
        stored = await self._shard.lease.load(command.key)
        if stored is None or stored.state is None:
            state, now = begin(command.key, command.watch.created_at), self._shard.clock.now()
        else:
            state = codec.unpack_state(stored.state)
            self._shard.heed(max(state.changed_at, state.retired_at or 0))
            now = self._shard.clock.now()
            if state.retirement == "removed":
                state = readd(state, now)
            elif state.retirement is not None:
                state = resume(state, now)
        packed = codec.pack_state(replace(state, watch_number=command.number))
        await self._commit(Change(key=command.key, state=packed, done=(command,)))
        # An answer to a look of before it was removed may still be on its way, and no longer counts.
        order = Order(command.key, command.watch.source, watch, packed, self._shard, now)
        self._shard.keep(order)
        self._poller.begin(order)

    async def _remove(self, command: Command) -> None:
        order = self._shard.orders.get(command.key)
        if order is not None:
            self._shard.drop(order)
            if order.committing is not None:
                await asyncio.wait([order.committing])
            packed: bytes | None = order.state
        else:
            stored = await self._shard.lease.load(command.key)
            packed = stored.state if stored else None
        now = self._shard.clock.now()
        state = retire(codec.unpack_state(packed) if packed else begin(command.key, command.at), now, "removed")
        if order is not None:
            state = replace(state, last_ok=order.last_ok)
        await self._commit(Change(key=command.key, state=codec.pack_state(state), done=(command,)))
        self._deliverer.withdraw(self._shard, command.key, now)
        self._notable.forget(command.key)

    async def _retry(self, command: Command) -> None:
        delivery = await self._shard.lease.delivery(command.key, command.delivery or "")
        if delivery is None or delivery.state not in ("dead", "expired"):
            await self._commit(Change(key=command.key, done=(command,)))
            return
        again = retry(delivery, self._clock.now())
        await self._commit(Change(key=command.key, deliveries=(again,), done=(command,)))
        self._deliverer.add_again(self._shard, again)

    async def _commit(self, change: Change) -> None:
        await self._shard.committer.commit(change)
