"""A shard as its own records tell it: filled by a restore, then emptied into memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from notifier import codec
from notifier.backends.base import Stored
from notifier.backends.kafka.records import Cursors, Kept, Record, unpack_cursors, unpack_kept
from notifier.model import Delivery

SLICE = 500  # deliveries decoded by the loop in one go: some milliseconds


class Image:
    """`written` is when the last transaction was, by the broker or the writer, in ms; 0: there was none.

    `retired` orders are found by whoever looks at all states first (`Memory.of`): once is dear enough.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.states: dict[str, bytes] = {}
        self.open: dict[str, bytes] = {}
        self.retired: set[str] = set()
        self.cursors = Cursors()
        self.written = 0

    def apply(self, records: Sequence[Record]) -> None:
        """In their order. Refused for a newer format, BackendError for what cannot be read."""
        for record in records:
            key, value = record.key or b"", record.value
            # About 1 us less than `split_key`, for each of a shard's records.
            name = key[2:].decode()
            match key[:2]:
                case b"o:":
                    _put(self.states, name, value)
                case b"w:":
                    _put(self.kept, name, None if value is None else unpack_kept(value))
                case b"d:":
                    _put(self.open, name, value)
                case b"c:" if value is not None:
                    self.cursors = unpack_cursors(value)
                    self.written = record.timestamp

    async def give(self, watches: dict[str, bytes]) -> AsyncIterator[Stored | Delivery]:
        """Orders that are neither retired nor removed, then open deliveries in the order of their lanes; once.

        `watches` are those that are followed: what was asked but not yet done is in them.
        """
        states, self.states = self.states, {}
        for key, watch in watches.items():
            state = states.pop(key, None)
            if state is None or key not in self.retired:
                yield Stored(key, watch, state)
        packed, self.open = list(self.open.values()), {}
        deliveries = []
        for number, each in enumerate(packed, 1):
            deliveries.append(codec.unpack_delivery(each))
            if number % SLICE == 0:
                await asyncio.sleep(0)
        deliveries.sort(key=lambda delivery: (delivery.created_at, delivery.event.sequence))
        for delivery in deliveries:
            yield delivery


V = TypeVar("V")


def _put(kept: dict[str, V], name: str, value: V | None) -> None:
    if value is None:
        kept.pop(name, None)
    else:
        kept[name] = value
