"""Fleets on the shared broker, against one order API and one receiver of webhooks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.campaign.replicas import Fleet, Replica
from tests.kafka.plugin import Kafka
from tests.outside.conftest import api, hook  # noqa: F401
from tests.outside.order_api import OrderApi
from tests.outside.receiver import Receiver
from tests.replicas.settings import SHARDS, config

NOTHING: Mapping[str, Any] = MappingProxyType({})
Start = Callable[..., Awaitable["Herd"]]


class Herd(Fleet):
    """Replicas that can be told apart by the token that they show to the order API: t0, t1, …"""

    def __init__(self, folder: Path, make: Callable[[int], dict[str, Any]]) -> None:
        super().__init__((), SHARDS)
        self._folder = folder
        self._make = make

    def add(self) -> Replica:
        number = len(self.replicas)
        folder = self._folder / f"replica{number}"
        folder.mkdir()
        self.replicas.append(Replica(folder, self._make(number), number))
        return self.replicas[-1]


@pytest.fixture
async def fleet(
    kafka: Kafka,
    prefix: str,
    tmp_path: Path,
    api: OrderApi,  # noqa: F811
    hook: Receiver,  # noqa: F811
) -> AsyncIterator[Start]:
    """Starts so many replicas; `servers` for another broker, the rest is for their source."""
    herds: list[Herd] = []

    async def start(
        count: int, *, servers: tuple[str, ...] = (), sink: Mapping[str, Any] = NOTHING, **source: Any
    ) -> Herd:
        def make(number: int) -> dict[str, Any]:
            return config(servers or kafka.bootstrap_servers, prefix, api, hook, number, sink, source)

        herds.append(Herd(tmp_path, make))
        for _ in range(count):
            herds[-1].add()
        await herds[-1].start()
        return herds[-1]

    yield start
    await asyncio.gather(*(herd.close() for herd in herds))
