"""The last notable looks of each order, for `why`: in memory only, and bounded."""

from collections import OrderedDict
from typing import NamedTuple

from notifier.model import Instant

LOOKS_OF_AN_ORDER = 16
ORDERS = 10_000


class NotableLook(NamedTuple):
    """A look that was not simply unchanged. `outcome`: accepted, stale, doubtful, or the reason of a failure.

    `ended` is None for one that is still being repeated.
    """

    began: Instant
    ended: Instant | None
    outcome: str
    detail: str


class NotableLooks:
    """The orders that had something to tell longest ago are forgotten first."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, list[NotableLook]] = OrderedDict()

    def add(self, key: str, look: NotableLook) -> None:
        looks = self._looks.setdefault(key, [])
        looks.append(look)
        del looks[:-LOOKS_OF_AN_ORDER]
        self._looks.move_to_end(key)
        if len(self._looks) > ORDERS:
            self._looks.popitem(last=False)

    def of(self, key: str) -> tuple[NotableLook, ...]:
        return tuple(self._looks.get(key, ()))

    def forget(self, key: str) -> None:
        self._looks.pop(key, None)
