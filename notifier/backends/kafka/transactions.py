"""The transactions of one shard, one at a time, until the first doubt: what is durable is then remembered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from notifier.backends.kafka.batch import Batch, Memory
from notifier.backends.kafka.image import Image
from notifier.backends.kafka.intake import Intake
from notifier.backends.kafka.records import Outgoing
from notifier.backends.kafka.topics import Topics
from notifier.backends.kafka.writer import Writer
from notifier.clock import Clock
from notifier.errors import LeaseLost, Unavailable

T = TypeVar("T")

AGAIN = 0.2  # seconds between tries while the view, or all the brokers, cannot be reached


class Reach(Protocol):
    def reachable(self) -> bool:
        """Whether any broker is."""
        ...


class Transactions:
    """Whoever makes a batch holds `lock` until it is written. `why` it ended, once `ended` is set."""

    def __init__(
        self, shard: int, topics: Topics, writer: Writer, image: Image, intake: Intake, reach: Reach, clock: Clock
    ) -> None:
        self.shard = shard
        self.topics = topics
        self.intake = intake
        self.memory = Memory.of(image)
        self.lock = asyncio.Lock()
        self.ended = asyncio.Event()
        self.why = ""
        self._writer = writer
        self._reach = reach
        self._clock = clock

    @property
    def fenced(self) -> bool:
        """It ended because of another owner, or of a transaction that took too long: the two look alike."""
        return self._writer.fenced

    def end(self, why: str) -> None:
        """Nothing is begun from now on."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()
            self.intake.bell.close()

    def check(self) -> None:
        """LeaseLost once it has ended."""
        if self.ended.is_set():
            raise LeaseLost(f"this lease has ended: {self.why}")

    def batch(self) -> Batch:
        """LeaseLost."""
        self.check()
        return Batch(self.topics, self.memory, self.intake, self._clock.now())

    async def write(self, batch: Batch, records: Sequence[tuple[str, Outgoing]]) -> None:
        """Unavailable: nothing was begun. LeaseLost, or cancelled: it has ended, the outcome is unknown."""
        if not self._reach.reachable():
            raise Unavailable("no Kafka broker can be reached")
        try:
            await self._writer.write(records)
        except LeaseLost as lost:
            self.end(str(lost))
            raise
        except BaseException:
            self.end("a commit was broken off")
            raise
        batch.settle()

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """As often as it takes: an order is not given up because the view, or a broker, has to be waited for."""
        while True:
            self.check()
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(AGAIN)
