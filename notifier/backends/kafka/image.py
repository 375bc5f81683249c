"""A shard as its own records tell it: filled by a restore, then emptied into memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from notifier import codec
from notifier.backends.base import Stored
from notifier.backends.kafka.records import CURSORS_KEY, Cursors, Kept, Plain, unpack_cursors, unpack_kept
from notifier.model import Delivery

SLICE = 500  # records decoded by the loop in one go: some milliseconds


class Image:
    """Its records by `apply`, then `settle`, and only then is there something to be seen.

    `written` is when the last transaction was, by the broker or the writer, in ms; 0: there was none. `marks` are the
    life and sequence of each order's last event, but for `retired` ones.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.states: dict[str, bytes] = {}
        self.open: dict[str, bytes] = {}
        self.marks: dict[str, tuple[int, int]] = {}
        self.retired: set[str] = set()
        self.cursors = Cursors()
        self.written = 0
        self._newest: dict[bytes | None, bytes | None] = {}

    def apply(self, records: Sequence[Plain]) -> None:
        """In their order. Most are replaced by later ones, so that nothing is made of them before the end is known."""
        newest = self._newest
        for record in records:
            newest[record.key] = record.value
        if records and (last := records[-1]).key == CURSORS_KEY:  # as each transaction ends
            self.written = last.timestamp

    async def settle(self) -> None:
        """Refused for a newer format, BackendError for what cannot be read."""
        newest, self._newest = self._newest, {}
        for number, (key, value) in enumerate(newest.items(), 1):
            if key is not None and value is not None:
                self._keep(key, value)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _keep(self, key: bytes, value: bytes) -> None:
        name = key[2:].decode()  # about 1 us less than `split_key`
        match key[:2]:
            case b"o:":
                self.states[name] = value
                peek = codec.peek_state(value)
                if peek.retired_at is None:
                    self.marks[name] = (peek.life, peek.sequence)
                else:
                    self.retired.add(name)
            case b"w:":
                self.kept[name] = unpack_kept(value)
            case b"d:":
                self.open[name] = value
            case b"c:":
                self.cursors = unpack_cursors(value)

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
