"""Records as Kafka takes them from a producer with transactions: batches, compressed and numbered by partition."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

MAGIC = 2  # of the record format that knows of transactions
MOST = 1_000_000  # bytes of a batch before it is compressed, unless a single record is larger
SEQUENCES = 2**31  # after the last of them comes 0

Message: TypeAlias = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Key, value, headers."""


class Producer(NamedTuple):
    """As a coordinator knows it."""

    id: int
    epoch: int


class Batch(NamedTuple):
    """`next` is the sequence number of what follows it in its partition."""

    data: bytearray
    next: int


def batches(messages: Iterable[Message], producer: Producer, sequence: int) -> Iterator[Batch]:
    """In their order; `sequence` is the first one's number. Each record's time is now."""
    builder, count = _builder(producer, sequence), 0
    for key, value, headers in messages:
        if builder.append(count, None, key, value, list(headers)) is None:  # it would be too large with this one
            sequence = (sequence + count) % SEQUENCES
            yield Batch(builder.build(), sequence)
            builder, count = _builder(producer, sequence), 0
            builder.append(count, None, key, value, list(headers))
        count += 1
    yield Batch(builder.build(), (sequence + count) % SEQUENCES)


def _builder(producer: Producer, sequence: int) -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(
        MAGIC, DefaultRecordBatch.CODEC_LZ4, 1, producer.id, producer.epoch, sequence, MOST
    )
