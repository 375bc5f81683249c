"""How far a shard has come in an input topic: what is below `next` is done with, and beyond it this and that."""

from collections import OrderedDict
from collections.abc import Collection

MOST_BEYOND = 1_000
"""Offsets done beyond the first that is not; more would make the record too long, and that first one is given up."""


class Progress:
    """Of one topic. Offsets come in their order; each is open until it is done.

    `keep`: whether it must be known as done after a restart also while one before it is not.
    """

    def __init__(self, next: int = 0, beyond: Collection[int] = ()) -> None:
        self.position = next
        """The offset of the next record to be read."""
        self._open: OrderedDict[int, bool] = OrderedDict()
        self._beyond = set(beyond)

    def read(self, offset: int) -> bool:
        """Whether it is new: neither read nor done before."""
        if offset < self.position:
            return False
        self.position = offset + 1
        return offset not in self._beyond

    def open(self, offset: int, keep: bool) -> None:
        """Something is to be done about it."""
        self._open[offset] = keep

    def after(self, done: Collection[int]) -> tuple[int, tuple[int, ...]]:
        """`next` and what is done beyond it, as they will be when these are done, too."""
        first = next((offset for offset in self._open if offset not in done), self.position)
        beyond = self._beyond.union(offset for offset in done if self._open.get(offset))
        return first, tuple(sorted(offset for offset in beyond if offset > first))

    def finish(self, done: Collection[int]) -> None:
        _, beyond = self.after(done)
        for offset in done:
            self._open.pop(offset, None)
        self._beyond = set(beyond)
        if len(beyond) > MOST_BEYOND:
            self._open.popitem(last=False)
