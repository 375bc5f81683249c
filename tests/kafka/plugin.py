"""The fixtures `kafka`, `prefix`, `clusters` and `module_clusters`: see the package's docstring."""

import os
import uuid
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol

import pytest

from tests.kafka import archive, jars
from tests.kafka.cluster import Cluster
from tests.kafka.properties import Wish

_FIXTURES = {"kafka", "clusters", "module_clusters"}


class Kafka(NamedTuple):
    """The broker that all tests share."""

    bootstrap_servers: tuple[str, ...]


class Clusters(Protocol):
    def __call__(
        self,
        *,
        brokers: int = 1,
        sasl: bool = False,
        tls: bool = False,
        mutual_tls: bool = False,
        properties: dict[str, str] | None = None,
        features: dict[str, int] | None = None,
    ) -> Cluster: ...


@cache
def missing() -> str | None:
    """Why this machine cannot run Kafka; fetches the jars on the way."""
    try:
        archive.install()
    except jars.CannotRun as error:
        return str(error)
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    if _FIXTURES & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.kafka)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Jars are fetched before any test's time-out runs."""
    if not session.config.option.collectonly and any(item.get_closest_marker("kafka") for item in session.items):
        missing()


@pytest.fixture(scope="session")
def _kafka_runs() -> None:
    if reason := missing():
        pytest.skip(f"no Kafka: {reason}")


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kafka:
    if named := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Kafka(tuple(named.split(",")))
    request.getfixturevalue("_kafka_runs")
    base, owner = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:  # all workers of a session have one parent, and with it the broker ends
        base, owner = base.parent, os.getppid()
    folder = base / "kafka"
    with jars.locked(base / "kafka.lock"):
        running = (folder / "cluster.json").exists()
        cluster = Cluster.load(folder) if running else Cluster.start(folder, Wish(), owner=owner)
    return Kafka(cluster.bootstrap_servers)


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def clusters(_kafka_runs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    yield from _clusters(tmp_path_factory)


@pytest.fixture(scope="module")
def module_clusters(_kafka_runs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    yield from _clusters(tmp_path_factory)


def _clusters(folders: pytest.TempPathFactory) -> Iterator[Clusters]:
    made: list[Cluster] = []

    def make(
        *,
        brokers: int = 1,
        sasl: bool = False,
        tls: bool = False,
        mutual_tls: bool = False,
        properties: dict[str, str] | None = None,
        features: dict[str, int] | None = None,
    ) -> Cluster:
        wish = Wish(
            brokers=brokers,
            sasl=sasl,
            tls=tls,
            mutual_tls=mutual_tls,
            properties=properties or {},
            features=features or {},
        )
        made.append(Cluster.start(folders.mktemp("kafka") / "cluster", wish, owner=os.getpid()))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()
