"""Topics where this user may not do everything: what is missing is named, and how to get it."""

import pytest

from notifier.backends.kafka.prepare import prepare
from notifier.backends.kafka.topics import DAY, Topics
from notifier.errors import Refused, Unavailable
from notifier.net.kafka.client import Clients
from tests.kafka.cluster import Cluster
from tests.kafka.plugin import Clusters
from tests.net.kafka.build import clients

pytestmark = pytest.mark.slow
AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


@pytest.fixture(scope="module")
def strict(module_clusters: Clusters) -> Cluster:
    return module_clusters(sasl=True, properties={"authorizer.class.name": AUTHORIZER, "super.users": "User:ANONYMOUS"})


@pytest.fixture
def limited(strict: Cluster) -> Clients:
    login = {"mechanism": "PLAIN", "username": strict.user, "password": strict.password}
    return clients(strict.bootstrap_servers, protocol="SASL_PLAINTEXT", **login)


async def test_topics_that_may_not_be_created_are_described(limited: Clients, prefix: str) -> None:
    topics = Topics(prefix)
    with pytest.raises(Refused) as caught:
        await prepare(limited, topics, 12, 1, 30 * DAY)

    lines = str(caught.value).splitlines()
    assert len(lines) == 7
    (shards,) = (line for line in lines if line.startswith(topics.shards))
    assert "grant Create and Describe, or create it with 12 partitions, replication factor 1 and " in shards
    assert "cleanup.policy=compact" in shards


async def test_topics_that_may_not_be_seen_are_taken_for_missing(
    strict: Cluster, limited: Clients, prefix: str
) -> None:
    await prepare(clients(strict.internal_servers), Topics(prefix), 3, 1, DAY)

    with pytest.raises(Refused, match="does not exist, or this user may not see it"):
        await prepare(limited, Topics(prefix), 3, 1, DAY)


async def test_no_broker_is_no_refusal(prefix: str) -> None:
    with pytest.raises(Unavailable):
        await prepare(clients(["127.0.0.1:1"]), Topics(prefix), 3, 1, DAY)
