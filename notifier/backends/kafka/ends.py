"""Where partitions begin and end just now, asked for once for all who want to know at that moment.

On connections of its own: on the reader's the question would wait until a long poll is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.errors import BackendError, Unavailable
from notifier.net.kafka.client import Clients
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import end

SECONDS = 2.0  # for one question

Offsets = Mapping[TopicPartition, int]


class _Waiting(NamedTuple):
    partitions: Collection[TopicPartition]
    answer: "asyncio.Future[Offsets]"


class Question:
    """One kind of question. Who comes while one is asked waits for the next: its answer must not be older than he."""

    def __init__(self, ask: Callable[[Sequence[TopicPartition]], Awaitable[Offsets]]) -> None:
        self._ask = ask
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def of(self, partitions: Collection[TopicPartition]) -> Offsets:
        """Unavailable; Refused where a right is missing."""
        answer: asyncio.Future[Offsets] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(partitions, answer))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="asking for offsets")
        offsets = await answer
        return {partition: offsets[partition] for partition in partitions}

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        asked: list[_Waiting] = []
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                wanted = {partition for each in asked for partition in each.partitions}
                try:
                    result: Offsets | BackendError = await self._ask(sorted(wanted))
                except BackendError as error:
                    result = error
                _answer(asked, result)
        finally:
            self._task = None
            _answer([*asked, *self._waiting], Unavailable("the view is closed"))


def _answer(waiting: Sequence[_Waiting], result: Offsets | BackendError) -> None:
    for each in waiting:
        if each.answer.done():
            continue
        if isinstance(result, BackendError):
            each.answer.set_exception(result)
        else:
            each.answer.set_result(result)


class Ends:
    """`ends` is the high watermark: it counts what a transaction that is still open has written, and so also what one
    has whose commit was acknowledged a moment before its marks are everywhere.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._consumer: AIOKafkaConsumer | None = None
        self._starting = asyncio.Lock()
        self.ends = Question(lambda partitions: self._ask("end_offsets", partitions))
        self.begins = Question(lambda partitions: self._ask("beginning_offsets", partitions))

    async def close(self, within: float) -> None:
        await asyncio.gather(self.ends.close(), self.begins.close())
        await self._drop(within)

    async def _ask(self, method: str, partitions: Sequence[TopicPartition]) -> Offsets:
        try:
            consumer = await self._started()
            async with within(SECONDS, "asking where Kafka's partitions end"):
                offsets: dict[TopicPartition, int] = await getattr(consumer, method)(partitions)
                return offsets
        except BackendError:
            await self._drop()
            raise

    async def _started(self) -> AIOKafkaConsumer:
        async with self._starting:
            if self._consumer is None:
                options: dict[str, Any] = {"isolation_level": "read_uncommitted"}
                self._consumer = await self._clients.consumer(seconds=SECONDS, **options)
            return self._consumer

    async def _drop(self, patience: float = SECONDS) -> None:
        """The next question finds a new one."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await end(consumer, patience)
