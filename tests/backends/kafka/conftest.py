"""A service's topics with one who writes as their owner, and two replicas that read them."""

from collections.abc import AsyncIterator

import pytest

from tests.backends.kafka.replicas import Owner, Replica, replica, topics_of
from tests.kafka.plugin import Kafka


@pytest.fixture
async def owner(kafka: Kafka, prefix: str) -> AsyncIterator[Owner]:
    await topics_of(kafka.bootstrap_servers, prefix)
    owner = Owner(kafka.bootstrap_servers, prefix)
    yield owner
    await owner.close()


@pytest.fixture
async def two(kafka: Kafka, prefix: str, owner: Owner) -> AsyncIterator[tuple[Replica, Replica]]:
    async with replica(kafka.bootstrap_servers, prefix) as one, replica(kafka.bootstrap_servers, prefix) as other:
        yield one, other
