"""Leases become shards: one task for each, restarted by the backend's next lease."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

import structlog

from notifier.backends.base import Backend, Lease
from notifier.clock import Clock
from notifier.errors import BackendError
from notifier.metrics import Metrics
from notifier.service.carry import Carry
from notifier.service.deliverer import Deliverer
from notifier.service.notable import NotableLooks
from notifier.service.poller import Poller
from notifier.service.runtime import Runtime
from notifier.service.shard import Shard

log = structlog.get_logger()

FORGET_EVERY = 60.0  # seconds between searches for orders past retention, at most
FORGET_LEAST = 0.25
FORGET_PART = 4  # searches within one retention: a short one is kept about as exactly as a long one
FORGET_PAUSE = 0.05  # seconds between slices, so that commits find their turn


class Supervisor:
    """Owns the shards of this replica."""

    def __init__(
        self,
        backend: Backend,
        poller: Poller,
        deliverer: Deliverer,
        runtime: Callable[[], Runtime],
        clock: Clock,
        metrics: Metrics,
        notable: NotableLooks,
        retention: int,
    ) -> None:
        """`retention` in ms."""
        self._backend = backend
        self._poller = poller
        self._deliverer = deliverer
        self._runtime = runtime
        self._clock = clock
        self._metrics = metrics
        self._notable = notable
        self._retention = retention
        self._carries: defaultdict[int, Carry] = defaultdict(Carry)
        self.shards: dict[int, Shard] = {}

    async def run(self) -> None:
        """For ever; ends with an exception when a loop has died."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forget(), name="retention")
            async for lease in self._backend.leases():
                group.create_task(self._hold(lease), name=f"shard {lease.shard}")

    async def _hold(self, lease: Lease) -> None:
        shard = Shard(
            lease,
            self._poller,
            self._deliverer,
            self._carries[lease.shard],
            self._runtime,
            self._clock,
            self._metrics,
            self._notable,
        )
        self.shards[lease.shard] = shard
        self._share()
        try:
            await shard.run()
        finally:
            if self.shards.get(lease.shard) is shard:
                del self.shards[lease.shard]
                self._share()
            await lease.release()

    def _share(self) -> None:
        held = len(self.shards)
        if held:
            self._poller.share(held / self._backend.shards)
        self._metrics.shards_owned.set(held)

    async def _forget(self) -> None:
        """Orders past retention go, a slice at a time."""
        while True:
            before = self._clock.now() - self._retention
            for shard in tuple(self.shards.values()):
                try:
                    while shard.ready and await shard.lease.forget(before):
                        await asyncio.sleep(FORGET_PAUSE)
                except BackendError as error:
                    log.warning("forget_put_off", shard=shard.number, reason=str(error))
            await asyncio.sleep(min(FORGET_EVERY, max(FORGET_LEAST, self._retention / 1000 / FORGET_PART)))
