"""Orders go to the shards that Kafka's Java client would choose."""

import os

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as oracle

from notifier.backends.partition import murmur2, shard_of


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)  # Apache Kafka, UtilsTest.testMurmur2
def test_vectors_of_the_java_client(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed % 2**32


def test_as_another_client_does() -> None:
    partitions = list(range(12))
    for length in range(200):
        data = os.urandom(length)
        assert murmur2(data) == oracle(data) % 2**32
    for number in range(300):
        key = f"trips/заказ-{number}"
        assert shard_of(key, 12) == DefaultPartitioner()(key.encode(), partitions, partitions)
