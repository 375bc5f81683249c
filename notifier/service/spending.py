"""Room under an SMS sink's `daily`: the segments of the last 24 hours, as the view tells them, and those on their way.

A message goes while there is room for the longest that it may be: how long it is shows only when it is written.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

from notifier.backends.base import Spent, View
from notifier.clock import Clock
from notifier.model import Instant
from notifier.service.runtime import Way
from notifier.sinks.sms.settings import SmsSettings

DAY = 86_400_000
OVERLAP = 300_000  # ms that are read again: what was sent earlier may have been recorded, or seen, later
RECHECK = 10_000  # ms until it is asked again where only what is on its way takes the room


class _Ledger(NamedTuple):
    """What one sink has sent; of an id that is read again the newest counts."""

    known: dict[str, Spent]
    on_way: Counter[str]


class Spending:
    """Of all sinks with a `daily`. What other replicas have on their way is not known, and may exceed it."""

    def __init__(self, view: View, clock: Clock) -> None:
        self._view = view
        self._clock = clock
        self._ledgers: defaultdict[str, _Ledger] = defaultdict(lambda: _Ledger({}, Counter()))
        self._read_to: dict[str, Instant] = {}

    async def take(self, way: Way, to: str) -> Instant | None:
        """None: there is room, and it is taken until `give_back`. Else when there will be. Unavailable as the view."""
        settings = way.settings
        if not isinstance(settings, SmsSettings) or settings.daily is None:
            return None
        await self._read(way.name)
        limits = [(settings.daily.recipient, to), (settings.daily.all, None)]
        full = [self._full_until(way.name, limit, who, settings.segments) for limit, who in limits if limit is not None]
        until = max((each for each in full if each is not None), default=None)
        if until is None:
            self._ledgers[way.name].on_way[to] += settings.segments
        return until

    def give_back(self, way: Way, to: str) -> None:
        """It was sent and that is durable, or it was not."""
        settings = way.settings
        if isinstance(settings, SmsSettings) and settings.daily is not None:
            on_way = self._ledgers[way.name].on_way
            on_way[to] -= settings.segments
            if on_way[to] <= 0:
                del on_way[to]

    # --- inside ------------------------------------------------------------------------------------------------

    async def _read(self, sink: str) -> None:
        now, ledger = self._clock.now(), self._ledgers[sink]
        since = max(now - DAY, self._read_to.get(sink, 0) - OVERLAP)
        for spent in await self._view.spent(sink, since):
            ledger.known[spent.id] = spent
        self._read_to[sink] = max(now, self._read_to.get(sink, 0))
        for id in [id for id, spent in ledger.known.items() if spent.at <= now - DAY]:
            del ledger.known[id]

    def _full_until(self, sink: str, limit: int, to: str | None, longest: int) -> Instant | None:
        ledger, now = self._ledgers[sink], self._clock.now()
        on_way = ledger.on_way.total() if to is None else ledger.on_way[to]
        counted = sorted((each for each in ledger.known.values() if to in (None, each.to)), key=lambda each: each.at)
        used = on_way + sum(each.units for each in counted)
        if used + longest <= limit:
            return None
        for each in counted:
            used -= each.units
            if used + longest <= limit:
                return each.at + DAY
        return now + RECHECK
