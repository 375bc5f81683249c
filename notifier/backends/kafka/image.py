"""A shard as its own records tell it: filled by a restore, then emptied into memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from notifier import codec
from notifier.backends.base import Stored
from notifier.backends.kafka.records import Cursors, Kept, Record, split_key, unpack_cursors, unpack_kept
from notifier.model import Delivery

SLICE = 500  # deliveries decoded by the loop in one go: some milliseconds


class Image:
    """`written` is when the last transaction was, by the broker or the writer, in ms; 0: there was none."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.states: dict[str, bytes] = {}
        self.open: dict[str, bytes] = {}
        self.cursors = Cursors()
        self.written = 0

    def apply(self, records: Sequence[Record]) -> None:
        """In their order. Refused for a newer format, BackendError for what cannot be read."""
        for record in records:
            kind, name = split_key(record.key or b"")
            match kind, record.value:
                case "o", None:
                    self.states.pop(name, None)
                case "o", bytes(state):
                    self.states[name] = state
                case "w", None:
                    self.kept.pop(name, None)
                case "w", bytes(kept):
                    self.kept[name] = unpack_kept(kept)
                case "d", None:
                    self.open.pop(name, None)
                case "d", bytes(delivery):
                    self.open[name] = delivery
                case "c", bytes(cursors):
                    self.cursors = unpack_cursors(cursors)
                    self.written = record.timestamp

    async def give(self, watches: dict[str, bytes]) -> AsyncIterator[Stored | Delivery]:
        """Orders that are neither retired nor removed, then open deliveries in the order of their lanes; once.

        `watches` are those that are followed: what was asked but not yet done is in them.
        """
        states, self.states = self.states, {}
        for key, watch in watches.items():
            state = states.pop(key, None)
            if state is None or codec.peek_state(state).retired_at is None:
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
