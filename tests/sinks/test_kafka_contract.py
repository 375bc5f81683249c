"""The contract of all sinks, on a broker that is killed, hung or refuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from notifier.clock import SystemClock
from notifier.net.kafka.ending import end
from notifier.sinks import REGISTRY
from notifier.sinks.kafka import KafkaSinkSettings
from tests.contracts.sink import Rig, SinkContract
from tests.kafka.cluster import Cluster
from tests.kafka.plugin import Clusters
from tests.net.kafka.build import clients, create, read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def guarded(module_clusters: Clusters) -> Cluster:
    return module_clusters(sasl=True)


class KafkaRig:
    to = None

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster, self._topic = cluster, topic
        self.secrets = (cluster.password, "127.0.0.1:")
        self._servers = list(cluster.internal_servers)
        security = {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-256", "username": cluster.user}
        settings = KafkaSinkSettings.model_validate(
            {
                "type": "kafka",
                "timeout": "1500ms",
                "bootstrap_servers": cluster.bootstrap_servers,
                "topic": topic,
                "security": security | {"password": cluster.password},
            }
        )
        self.sink = REGISTRY["kafka"].build("bus", settings, SystemClock())
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": partial(asyncio.to_thread, cluster.kill, 1),
            "hang": partial(asyncio.to_thread, cluster.pause, 1),
            "no_topic": self._delete,
            "too_small": partial(self._limit, "100"),
        }

    async def heal(self) -> None:
        if self._cluster.running(1):
            self._cluster.resume(1)
        else:
            await asyncio.to_thread(self._cluster.restart, 1)
        await create(self._servers, self._topic)
        await self._limit("1048588")

    async def received(self) -> list[bytes]:
        consumer = await clients(self._servers).consumer()
        try:
            return [record.value for record in await read(consumer, self._topic)]
        finally:
            await end(consumer)

    async def _delete(self) -> None:
        admin = await clients(self._servers).admin()
        await admin.delete_topics([self._topic])
        while self._topic in await admin.list_topics():
            await asyncio.sleep(0.02)
        await admin.close()

    async def _limit(self, size: str) -> None:
        admin: AIOKafkaAdminClient = await clients(self._servers).admin()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self._topic, {"max.message.bytes": size})])
        await admin.close()


class TestKafka(SinkContract):
    faults = ("kill", "hang", "no_topic", "too_small")
    hangs = "hang"

    @pytest.fixture
    async def rig(self, guarded: Cluster, prefix: str) -> AsyncIterator[Rig]:
        await create(guarded.internal_servers, f"{prefix}.events")
        rig = KafkaRig(guarded, f"{prefix}.events")
        yield rig
        await rig.sink.close()
        await rig.heal()
