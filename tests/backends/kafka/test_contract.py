"""The backend for many replicas keeps to the contract, on a real broker."""

from collections.abc import AsyncIterator

import pytest

from tests.backends.kafka.bench import Bench, Patient
from tests.contracts.backend import BackendContract
from tests.contracts.view import ViewContract
from tests.kafka.plugin import Kafka


@pytest.fixture
async def bench(kafka: Kafka, prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(kafka.bootstrap_servers, prefix, kind=Patient)
    await bench.open()
    yield bench
    await bench.close()


class TestKafkaBackend(BackendContract, ViewContract):
    pass
