"""Answers of a broker as bytes, without a broker."""

from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from notifier.backends.kafka.fetching import Answer
from notifier.backends.kafka.records import Outgoing
from tests.contracts.records import T

CONTROL = 0x20
LZ4 = 3


def batch(first: int, records: Sequence[Outgoing], *, producer: int = -1, transactional: bool = False) -> bytes:
    """Compressed, as ours are."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=LZ4,
        is_transactional=int(transactional),
        producer_id=producer,
        producer_epoch=0 if transactional else -1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for number, record in enumerate(records):
        assert builder.append(number, T + first + number, record.key, record.value, list(record.headers)) is not None
    built = bytearray(builder.build())
    built[:8] = first.to_bytes(8, "big")
    return bytes(built)


def answer(place: TopicPartition, data: bytes, begin: int, end: int, aborted: Sequence[tuple[int, int]] = ()) -> Answer:
    return Answer(place, begin, end, data, aborted)


def log_of(place: TopicPartition, records: Sequence[Outgoing], at_once: int = 7) -> Answer:
    """All of them, in batches of so many."""
    data = b"".join(batch(first, records[first : first + at_once]) for first in range(0, len(records), at_once))
    return answer(place, data, 0, len(records))
