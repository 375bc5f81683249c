"""Server-sent events, however they are cut into pieces."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.cli import sse
from notifier.cli.sse import Message, TooLong, messages

STREAM = (
    "\ufeffretry: 2000\r\n: connected\r\n\r\n"
    "event: notifier.order.lost.v1\nid: 7\ndata: {\"a\":1}\n\n"
    "data:two\rdata: lines\r\r"
    ": é\n\n"
    "id\ndata\n\n"
    "unknown: x\n\n"
    "data: never ended"
).encode()  # fmt: skip
READ = [
    Message("", "", ""),
    Message("7", "notifier.order.lost.v1", '{"a":1}'),
    Message("7", "", "two\nlines"),
    Message("7", "", ""),
    Message("", "", ""),
]


def read(pieces: Sequence[bytes]) -> list[Message]:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def collect() -> list[Message]:
        return [message async for message in messages(chunks())]

    return asyncio.run(collect())


def test_messages_and_comments_are_told_and_an_unfinished_one_dropped() -> None:
    assert read([STREAM]) == READ


def test_it_does_not_matter_where_the_stream_is_cut() -> None:
    assert read([bytes([byte]) for byte in STREAM]) == READ


@given(st.lists(st.integers(0, len(STREAM)), max_size=5).map(sorted))
def test_it_does_not_matter_where_it_is_cut_at_random(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    assert read([STREAM[a:b] for a, b in pairwise(edges)]) == READ


def test_an_id_with_a_null_character_is_ignored() -> None:
    assert read([b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n"]) == [Message("1", "", "a"), Message("1", "", "b")]


def test_a_message_without_end_is_given_up() -> None:
    with pytest.raises(TooLong):
        read([b"data: " + b"x" * sse.LONGEST, b"x"])
