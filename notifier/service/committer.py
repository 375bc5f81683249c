"""Group commit of one shard: what waits goes together, in one atomic step."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import structlog

from notifier.backends.base import Change, Lease
from notifier.clock import Clock
from notifier.errors import LeaseLost, Unavailable
from notifier.metrics import Metrics

log = structlog.get_logger()

MOST_ORDERS = 100
MOST_RECORDS = 1_000
MOST_BYTES = 4 * 1024 * 1024
SOME, MANY = 30, 100  # changed answers a second: then it pays to let more of them come together
LATELY = 32  # answers by which that is judged
BEAT, GATHER = 0.01, 0.05  # seconds for that, where some come and where many do
RETRY_FIRST, RETRY_LAST = 0.1, 2.0  # seconds between tries while the backend is unavailable
SLOW = 2.0  # seconds after which a commit may never end: until it does, nothing new is begun

_Step: TypeAlias = tuple[tuple[Change, ...], "asyncio.Future[None]"]


class Committer:
    """One commit at a time. Memory changes only after `commit` has returned.

    `blocked` is set while the backend takes nothing: then no look and no send begins (`on_blocked` tells them).
    """

    def __init__(self, lease: Lease, clock: Clock, metrics: Metrics, on_blocked: Callable[[bool], None]) -> None:
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._on_blocked = on_blocked
        self._waiting: deque[_Step] = deque()
        self._wake = asyncio.Event()
        self._came: deque[float] = deque(maxlen=LATELY)  # when the last changed answers did
        self._turns: list[asyncio.Future[None]] = []
        self._gathering = False
        self._gathered: asyncio.TimerHandle | None = None
        self._failed: LeaseLost | None = None
        self._reason: str | None = None

    @property
    def blocked(self) -> str | None:
        """Why no look and no send may begin just now; None when they may."""
        return self._reason or self._lease.held()

    async def turn(self) -> None:
        """Until no commit is under way; where `MANY` changes a second come, `GATHER` longer.

        What would have to wait for the next commit anyway is worked out then, one after the other: that costs half as
        much as in between others' requests, and it goes together.
        """
        self._came.append(self._clock.monotonic())
        if self._gathering and self._failed is None:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            await turn

    async def commit(self, *changes: Change) -> None:
        """Durable on return, all of them in one. LeaseLost: the outcome is unknown, the shard's memory is void."""
        if self._failed is not None:
            raise LeaseLost(str(self._failed))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((changes, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Until LeaseLost, which it raises after everybody who waited has got it."""
        batch: list[_Step] = []
        try:
            while True:
                await self._wake.wait()
                while self._waiting:
                    if self._comes(SOME) and not self._comes(MANY):
                        await self._beat()
                        if not self._waiting:  # it was closed
                            continue
                    batch = self._gather()
                    self._gathering = True
                    await self._write([change for changes, _ in batch for change in changes])
                    for _, done in batch:
                        if not done.done():
                            done.set_result(None)
                    batch = []
                    self._end_turn()
                    await asyncio.sleep(0)  # whose turn it is brings its change
                self._wake.clear()
        except LeaseLost as lost:
            self._fail(batch, lost)
            raise
        except asyncio.CancelledError:
            self._fail(batch, LeaseLost("the shard was given up"))
            raise
        except BaseException as error:
            self._fail(batch, LeaseLost(f"commit failed: {type(error).__name__}"))
            raise

    def close(self) -> None:
        """Nothing is committed any more, also if `run` never began."""
        if self._failed is None:
            self._fail([], LeaseLost("the shard was given up"))

    # --- inside ------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """The next one of all shards of this process: what begins together costs the brokers less."""
        await asyncio.sleep(BEAT - self._clock.monotonic() % BEAT)

    def _gather(self) -> list[_Step]:
        batch: list[_Step] = []
        orders = records = size = 0
        while self._waiting:
            changes = self._waiting[0][0]
            orders += len(changes)
            records += sum(1 + len(change.events) + len(change.deliveries) for change in changes)
            size += sum(map(_size, changes))
            if batch and (orders > MOST_ORDERS or records > MOST_RECORDS or size > MOST_BYTES):
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _write(self, changes: list[Change]) -> None:
        pause = RETRY_FIRST
        began = self._clock.monotonic()
        while True:
            slow = asyncio.get_running_loop().call_later(SLOW, self._block, f"a commit has not ended for {SLOW:g} s")
            try:
                await self._lease.commit(changes)
            except Unavailable as error:
                slow.cancel()
                self._block(str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_LAST)
            else:
                break
            finally:
                slow.cancel()
        self._block(None)
        self._metrics.commit.observe(self._clock.monotonic() - began)

    def _block(self, reason: str | None) -> None:
        changed = (reason is None) != (self._reason is None)
        self._reason = reason
        if not changed:
            return
        if reason is None:
            log.info("commits_resumed", shard=self._lease.shard)
        else:
            log.error("commits_blocked", shard=self._lease.shard, reason=reason)
        self._on_blocked(reason is not None)

    def _end_turn(self) -> None:
        if self._gathered is not None:
            return
        if self._comes(MANY):
            self._gathered = asyncio.get_running_loop().call_later(GATHER, self._next_turn)
        else:
            self._next_turn()

    def _comes(self, rate: float) -> bool:
        """So many a second, or more."""
        return len(self._came) == LATELY and self._clock.monotonic() - self._came[0] < LATELY / rate

    def _next_turn(self) -> None:
        self._gathering = False
        if self._gathered is not None:
            self._gathered.cancel()
            self._gathered = None
        turns, self._turns = self._turns, []
        for turn in turns:
            if not turn.done():
                turn.set_result(None)

    def _fail(self, batch: list[_Step], lost: LeaseLost) -> None:
        self._failed = lost
        self._next_turn()
        for _, done in (*batch, *self._waiting):
            if not done.done():
                done.set_exception(LeaseLost(str(lost)))
        self._waiting.clear()


def _size(change: Change) -> int:
    size = len(change.state or b"") + sum(len(event.data) for event in change.events)
    return size + sum(len(delivery.event.data) + len(delivery.facts or b"") for delivery in change.deliveries)
