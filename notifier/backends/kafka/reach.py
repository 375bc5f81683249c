"""How far the tables are, and who waits for them to be further."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from aiokafka import TopicPartition

from notifier.backends.kafka.ends import Offsets
from notifier.clock import Clock
from notifier.model import Instant

GRACE = 0.4  # seconds after which an open transaction is no longer waited for
STANDSTILL = 60.0  # seconds without progress in a partition that has more; while much is read each waits its turn


class Consumer(Protocol):
    """What aiokafka's consumer tells of a partition as of the last answer to a fetch."""

    def paused(self) -> set[TopicPartition]: ...
    def last_poll_timestamp(self, partition: TopicPartition, /) -> int | None: ...
    def last_stable_offset(self, partition: TopicPartition, /) -> int | None: ...


class _Behind(NamedTuple):
    """Not everything that there was at `at` is in the tables yet."""

    at: Instant
    ends: Offsets


class Reach:
    """`as_of`: everything that was committed by then in partitions that `tell` is in the tables; 0: not even what there
    was at the start.

    `wanted` is set while somebody waits.
    """

    def __init__(self, clock: Clock, tell: Collection[TopicPartition]) -> None:
        self.as_of: Instant = 0
        self.wanted = asyncio.Event()
        self.consumer: Consumer | None = None
        self._clock = clock
        self._waiting = 0
        self._moved = asyncio.Event()
        self._written: dict[TopicPartition, int] = {}
        self._first: Offsets = {}
        self._tell = tell
        self._told: _Behind | None = None  # of those alone
        self._behind: _Behind | None = None
        self._standing: dict[TopicPartition, tuple[int, float]] = {}

    def reads(self, consumer: Consumer | None, ends: Offsets | None = None) -> None:
        """From now on this one reads; `ends` are what there is now."""
        self.consumer = consumer
        self._standing = {}
        if ends is not None:
            self._first = self._first or ends
            self._behind = _Behind(self._clock.now(), ends)
            self._told = _Behind(self._behind.at, self._of_those(ends))

    def begin_anew(self) -> None:
        """The tables are empty."""
        self._written, self._first, self._behind, self._told = {}, {}, None, None

    def _of_those(self, ends: Offsets) -> Offsets:
        return {partition: ends[partition] for partition in self._tell}

    # --- how far it is -----------------------------------------------------------------------------------------------

    def of(self, partition: TopicPartition) -> int:
        """Everything before this offset is in the tables."""
        return self._written.get(partition, 0)

    def wrote(self, heads: Offsets) -> None:
        self._written.update(heads)
        self._check_behind()
        self.ring()

    def caught_up(self, partition: TopicPartition) -> bool:
        """All that was there at the start is read."""
        return partition in self._first and self._written.get(partition, -1) >= self._first[partition]

    def heads(self, partitions: Sequence[TopicPartition]) -> Sequence[int] | None:
        """None: one of them is not even caught up."""
        return [self.of(each) for each in partitions] if all(map(self.caught_up, partitions)) else None

    def has(self, ends: Offsets, asked: Instant | None = None) -> bool:
        """`asked`: go by what is committed where the brokers told of it after that time; a transaction may be open."""
        return all(
            self._written.get(partition, -1) >= wanted or (asked is not None and self._has_committed(partition, asked))
            for partition, wanted in ends.items()
        )

    def _has_committed(self, partition: TopicPartition, asked: Instant) -> bool:
        consumer = self.consumer
        if consumer is None or partition in consumer.paused():
            return False
        told, stable = consumer.last_poll_timestamp(partition), consumer.last_stable_offset(partition)
        return told is not None and stable is not None and told > asked and self._written.get(partition, -1) >= stable

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._moved.wait()

    def ring(self) -> None:
        """Who waits looks again."""
        self._moved.set()
        self._moved = asyncio.Event()

    def __enter__(self) -> "Reach":
        """Somebody waits."""
        self._waiting += 1
        self.wanted.set()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting -= 1
        if not self._waiting:
            self.wanted.clear()

    # --- as of when --------------------------------------------------------------------------------------------------

    def look(self, at: Instant, ends: Offsets) -> None:
        """Where the topics ended at that time, or later. What an earlier look found comes first."""
        self._behind = self._behind or _Behind(at, ends)
        self._told = self._told or _Behind(at, self._of_those(ends))
        self._check_behind()

    def _check_behind(self) -> None:
        if self._behind is not None and self._is_made_up(self._behind):
            self._behind = None
        if self._told is not None and self._is_made_up(self._told):
            self.as_of = max(self.as_of, self._told.at)
            self._told = None

    def _is_made_up(self, behind: _Behind) -> bool:
        return self.has(behind.ends, behind.at + round(GRACE * 1000))

    def stands_still(self) -> bool:
        """Some partition is read, and has more, and its place has not changed for long. To be asked now and then."""
        now = self._clock.monotonic()
        standing: dict[TopicPartition, tuple[int, float]] = {}
        for partition in self._unread():
            place = self._written.get(partition, -1)
            before = self._standing.get(partition)
            standing[partition] = before if before is not None and before[0] == place else (place, now)
        self._standing = standing
        return any(now - since > STANDSTILL for _, since in standing.values())

    def _unread(self) -> Iterable[TopicPartition]:
        behind, consumer = self._behind, self.consumer
        if behind is None or consumer is None:
            return []
        latest, paused = behind.at + round(GRACE * 1000), consumer.paused()
        return [
            partition
            for partition, wanted in behind.ends.items()
            if partition not in paused and not self.has({partition: wanted}, latest)
        ]
