"""Batches as a broker would read them; that it takes them is `test_transactions`' and `test_writer`'s."""

import random

import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from notifier.net.kafka.batches import MOST, SEQUENCES, Message, Producer, batches

KEYS = st.none() | st.binary(max_size=40)
HEADERS = st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=20)), max_size=4)
MESSAGES = st.lists(st.tuples(KEYS, KEYS, HEADERS), min_size=1, max_size=20)


def told(batch: DefaultRecordBatch) -> list[Message]:
    return [(record.key, record.value, [*record.headers]) for record in batch]


@given(MESSAGES, st.integers(0, SEQUENCES - 1))
def test_what_goes_in_comes_out_with_the_producers_marks(messages: list[Message], sequence: int) -> None:
    (made,) = batches(messages, Producer(7, 3), sequence)

    batch = DefaultRecordBatch(bytes(made.data))
    assert batch.validate_crc()
    assert batch.is_transactional
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (7, 3, sequence)
    assert made.next == (sequence + len(messages)) % 2**31
    assert told(batch) == [(key, value, [*headers]) for key, value, headers in messages]


@pytest.mark.parametrize("sequence", [0, SEQUENCES - 3])
def test_what_is_too_much_for_one_batch_goes_into_more_each_going_on_where_the_other_ends(sequence: int) -> None:
    noise = random.Random(1)
    messages: list[Message] = [(b"%d" % number, noise.randbytes(300_000), ()) for number in range(7)]

    made = list(batches(messages, Producer(7, 3), sequence))

    assert all(len(batch.data) <= MOST for batch in made)
    read = [DefaultRecordBatch(bytes(batch.data)) for batch in made]
    assert [batch.base_sequence for batch in read] == [sequence, *(batch.next for batch in made[:-1])]
    assert made[-1].next == (sequence + 7) % 2**31
    assert [key for batch in read for key, _, _ in told(batch)] == [b"%d" % number for number in range(7)]


def test_a_record_that_is_larger_than_a_batch_is_left_to_the_broker_to_refuse() -> None:
    large = random.Random(1).randbytes(MOST + 1)

    made = list(batches([(b"a", b"", ()), (b"b", large, ()), (b"c", b"", ())], Producer(7, 3), 0))

    assert [batch.next for batch in made] == [1, 2, 3]
