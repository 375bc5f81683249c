"""The brokers that the other tests rely on: real ones, which can be hurt, and which end."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from tests.kafka import guard
from tests.kafka.cluster import Cluster
from tests.kafka.plugin import Clusters, Kafka


async def connects(servers: tuple[str, ...]) -> bool:
    producer = AIOKafkaProducer(bootstrap_servers=list(servers), request_timeout_ms=2_000)
    try:
        await producer.start()
    except KafkaConnectionError:
        return False
    finally:
        await producer.stop()
    return True


async def test_one_broker_is_shared(kafka: Kafka) -> None:
    assert await connects(kafka.bootstrap_servers)


@pytest.mark.slow
async def test_a_broker_is_killed_and_comes_back_where_it_was(clusters: Clusters) -> None:
    cluster = await asyncio.to_thread(clusters, brokers=1)
    before = cluster.bootstrap_servers
    assert await connects(before)

    await asyncio.to_thread(cluster.kill, 1)
    assert not await connects(before)

    await asyncio.to_thread(cluster.restart, 1)
    assert cluster.bootstrap_servers == before
    assert await connects(before)


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.usefixtures("_kafka_runs")
def test_a_cluster_ends_with_the_process_that_it_was_started_for(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; from tests.kafka.cluster import Cluster; from tests.kafka.properties import Wish\n"
        "Cluster.start(pathlib.Path(sys.argv[1]), Wish(), owner=os.getpid()); print('up', flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    folder = tmp_path / "cluster"
    ended = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("up\n", -9)

    deadline = time.monotonic() + 15
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


def test_only_a_live_process_is_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        assert guard.alive(child.pid)
    assert not guard.alive(child.pid)


def test_a_cluster_without_its_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Cluster.load(tmp_path)
