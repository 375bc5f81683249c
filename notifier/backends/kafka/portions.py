"""Records on their way from the one who reads them to the one who writes them into the tables."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition

from notifier.backends.kafka.ends import Offsets
from notifier.backends.kafka.records import Record

MOST = 8_000  # records that wait, and are then written in one transaction, and some more


class Portions:
    """What comes while one portion is written is the next one."""

    def __init__(self) -> None:
        self._batches: list[Sequence[Record]] = []
        self._heads: Offsets = {}
        self._count = 0
        self._there = asyncio.Event()
        self._taken = asyncio.Event()

    def add(self, batch: Mapping[TopicPartition, Sequence[Record]], heads: Offsets) -> None:
        """`heads`: how far each partition is with these."""
        self._batches += batch.values()
        self._count += sum(map(len, batch.values()))
        self._heads = heads
        self._taken.clear()
        self._there.set()

    async def room(self) -> None:
        """Until there are not too many, or nobody takes them any more."""
        if self._count >= MOST:
            await self._taken.wait()

    def close(self) -> None:
        """They are taken no more."""
        self._count = 0
        self._taken.set()

    async def take(self) -> tuple[list[Sequence[Record]], Offsets]:
        """All of them, as soon as there is something."""
        await self._there.wait()
        self._there.clear()
        batches, self._batches, self._count = self._batches, [], 0
        self._taken.set()
        return batches, self._heads
