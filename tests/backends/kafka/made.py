"""Records as they are read, without a broker."""

from typing import NamedTuple

from notifier.backends.kafka.records import Headers, Outgoing
from notifier.backends.partition import shard_of
from tests.backends.kafka.bench import SHARDS
from tests.contracts.records import T


class Made(NamedTuple):
    topic: str = "p.watches"
    partition: int = 0
    offset: int = 0
    timestamp: int = T
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()


def read(written: Outgoing, offset: int = 0, topic: str = "p.watches", partition: int | None = None) -> Made:
    """What was written, in the partition of its key unless another one is given."""
    where = shard_of(written.key.decode(errors="replace"), SHARDS) if partition is None else partition
    return Made(topic, where, offset, T, written.key, written.value, written.headers)
