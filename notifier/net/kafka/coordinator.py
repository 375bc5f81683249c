"""The broker that coordinates the transactions of one id, whichever it is just now."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import ConcurrentTransactions, IncompatibleBrokerVersion, KafkaError

from notifier import __version__
from notifier.net.kafka.requests import ApiVersions

FIRST_PAUSE, LAST_PAUSE = 0.001, 0.02  # seconds, while the transaction before is being ended
PAUSE = 0.1  # seconds before what the brokers could not do is asked again


class Coordinator:
    def __init__(self, client: AIOKafkaClient, id: str) -> None:
        self._client = client
        self._id = id
        self._node: int | None = None

    async def ask(self, request: Any, error_of: Callable[[Any], KafkaError | None]) -> Any:
        """Again, where it may help: each request to it may safely be repeated. KafkaError."""
        pauses = Pauses()
        while True:
            try:
                answer = await self._send(request)
            except KafkaError as failed:
                error = failed
            else:
                error = error_of(answer)
                if error is None:
                    return answer
            if isinstance(error, ConcurrentTransactions):
                await pauses.next()
            elif error.retriable:
                self._node = None
                await look_anew(self._client)
            else:
                raise error

    async def version(self) -> int:
        """Of the transactions that the whole cluster has agreed on (feature transaction.version); 0 where none is."""
        try:
            answer = await self.ask(ApiVersions("order-notifier", __version__), lambda _: None)
        except (IncompatibleBrokerVersion, NotImplementedError):  # a broker from before there were features
            return 0
        level: int = answer.level("transaction.version")
        return level

    async def _send(self, request: Any) -> Any:
        if self._node is None:
            self._node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, self._id)
        return await self._client.send(self._node, request, group=ConnectionGroup.COORDINATION)


class Pauses:
    """Between tries while the marks of the transaction before are being written: short ones, then longer."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE

    async def next(self) -> None:
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 3, LAST_PAUSE)


async def look_anew(client: AIOKafkaClient) -> None:
    """Before something is tried again, perhaps at another broker."""
    await asyncio.sleep(PAUSE)
    await client.force_metadata_update()
