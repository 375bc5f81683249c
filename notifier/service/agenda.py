"""What is due next, and a bounded number of workers that take it: one for each credential, one for each endpoint."""

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import structlog

from notifier.clock import Clock
from notifier.model import Instant

log = structlog.get_logger()

LONGEST_WAIT = 1.0  # seconds; so that a step of the wall clock is noticed
CANCELLED_WITHIN = 0.5  # seconds for what is cancelled to end
STALLED = 60_000  # ms after which something that is due and could be taken is a sign that nobody will
STEP = 1_000  # ms by which the wall clock must fall back to count as put back


class Due(Protocol):
    """Something with a due time. An entry whose `due` has moved on meanwhile is skipped when popped."""

    due: Instant | None
    was_due: Instant  # of the last entry, also when it was taken

    def put_back(self, by: int, /) -> None:
        """The wall clock was put back by so many ms, and what is known of times to come goes with it."""


ItemT = TypeVar("ItemT", bound=Due)


class Agenda(Generic[ItemT]):
    """Earliest due time first. Workers are started when they are needed, at most `slots`, and end with the last entry.

    A wall clock that is put forward brings entries on at once; one that is put back takes their due times with it.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[ItemT], Awaitable[None]],
        slots: int,
        clock: Clock,
        on_rest: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_rest`: called when the last worker has ended, for want of entries."""
        self.name = name
        self._work = work
        self._slots = slots
        self._clock = clock
        self._on_rest = on_rest
        self._wall, self._steady = clock.now(), clock.monotonic()
        self._heap: list[tuple[Instant, int, ItemT]] = []
        self._count = 0
        self._idle: deque[asyncio.Future[None]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._surplus = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._paused = False
        self._closed = False

    def push(self, item: ItemT, due: Instant) -> None:
        """Sets the item's due time; an earlier entry of it is void."""
        item.due = item.was_due = due  # one number in memory, not two
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, item))
        if self._heap[0][2] is item and (self._idle or len(self._workers) < self._slots):
            self._arm()

    def extend(self, items: list[tuple[ItemT, Instant]]) -> None:
        """Many at once, as after a restore."""
        for item, due in items:
            item.due = item.was_due = due
            self._count += 1
            self._heap.append((due, self._count, item))
        heapq.heapify(self._heap)
        self._arm()

    def resize(self, slots: int) -> None:
        """Workers above the new number end after what they are at."""
        self._slots = slots
        self._surplus = max(0, len(self._workers) - slots)
        while self._surplus and self._idle:
            self._wake()
        self._arm()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if not paused:
            self._arm()

    def stalled(self) -> bool:
        """Whether something has long been due that nobody takes although somebody could: then its loop is broken."""
        if not self._heap or self._paused or self._closed:
            return False
        free = self._idle or len(self._workers) < self._slots
        return bool(free) and self._heap[0][0] + STALLED < self._clock.now()

    async def close(self, within: float = 0) -> None:
        """Takes nothing more; what is at work has `within` seconds to end, then it is cancelled."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._idle:
            waiter.cancel()
        workers = tuple(self._workers)
        if workers and within > 0:
            await asyncio.wait(workers, timeout=within)
        for worker in workers:
            worker.cancel()
        if workers:
            _, hanging = await asyncio.wait(workers, timeout=CANCELLED_WITHIN)
            if hanging:
                log.error("workers_hang", agenda=self.name, count=len(hanging))

    # --- inside ------------------------------------------------------------------------------------------------

    def _pop(self) -> ItemT | None:
        """The earliest item if it is due."""
        heap = self._heap
        if self._paused:
            return None
        now = self._clock.now()
        while heap and heap[0][0] <= now:
            due, _, item = heapq.heappop(heap)
            if item.due == due:
                item.due, item.was_due = None, due
                return item
        return None

    def _arm(self) -> None:
        """Makes sure that somebody wakes when the head is due."""
        if not self._heap or self._paused or self._closed:
            return
        head = self._heap[0][0]
        wait = head - self._clock.now()
        if wait <= 0:
            self._wake()
            return
        if self._timer is not None:
            if self._timer_at <= head:
                return
            self._timer.cancel()
        self._timer_at = head
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(wait / 1000, LONGEST_WAIT), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._follow_clock()
        self._arm()

    def _follow_clock(self) -> None:
        """Else a clock put back by an hour would mean an hour without looks and sends."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        back = self._wall + round((steady - self._steady) * 1000) - wall
        self._wall, self._steady = wall, steady
        if back < STEP:
            return
        log.warning("clock_put_back", agenda=self.name, ms=back)
        heap = []
        for due, count, item in self._heap:
            if item.due == due:
                item.due = item.was_due = due - back
                item.put_back(back)
                heap.append((due - back, count, item))
        heapq.heapify(heap)
        self._heap = heap

    def _wake(self) -> None:
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        if len(self._workers) < self._slots and not self._closed:
            worker = asyncio.get_running_loop().create_task(self._run(), name=f"{self.name} worker")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _run(self) -> None:
        while not self._closed:
            item = self._pop()
            if item is None:
                if self._surplus or not self._heap:
                    return self._leave()
                waiter = asyncio.get_running_loop().create_future()
                self._idle.append(waiter)
                self._arm()
                await waiter
                continue
            if self._heap and (self._idle or len(self._workers) < self._slots):
                self._arm()  # the next one may be due as well: pass the word on
            try:
                await self._work(item)
            except Exception:
                # One item's fault must not end the others' worker; the work itself maps what it expects.
                log.exception("worker_failed", agenda=self.name)
            if self._surplus:
                self._leave()
                return self._arm()

    def _leave(self) -> None:
        """Out of the workers at once, so that another one may begin in this one's place."""
        worker = asyncio.current_task()
        assert worker is not None
        self._workers.discard(worker)
        self._surplus = max(0, self._surplus - 1)
        if not self._workers and not self._heap:
            self._on_rest()
