"""Room under the caps: what was delivered, as the view counts it, and what this replica has on its way."""

from collections import Counter
from collections.abc import Callable, Sequence

from notifier.backends.base import View
from notifier.clock import Clock
from notifier.model import Instant
from notifier.routing.limits import Caps, Rate

RECHECK = 10_000  # ms until it is asked again where only what is on its way takes the room: it may fail
CLOSE_ENOUGH = 256  # parts of a rate's time to which the moment is found when there is room again
SHORTEST = 60  # parts of that time for which one of many waits, when all together have no room
TRIES = 5  # readings of the view, while sends end meanwhile


class Allowance:
    """Messages to people, by address. What other replicas have on their way is not known, and may exceed a cap."""

    def __init__(self, caps: Callable[[], Caps | None], view: View, clock: Clock) -> None:
        self._caps = caps
        self._view = view
        self._clock = clock
        self._on_way: Counter[str] = Counter()
        self._ended = 0
        self._full: Instant = 0

    async def take(self, to: str, sinks: Sequence[str]) -> Instant | None:
        """None: there is room for one more message, and it is taken until `give_back`. Else when there will be.

        `sinks` are those whose messages count. Unavailable when the view cannot be read.
        """
        caps, now = self._caps(), self._clock.now()
        if caps is not None and caps.all is not None and now < self._full <= now + caps.all.per:
            # Many may be waiting for the same room: none of them counts again before there is any.
            return max(self._full, now + caps.all.per // SHORTEST)
        limits = [] if caps is None else [(caps.recipient, to), (caps.all, None)]
        rates = [(rate, address) for rate, address in limits if rate is not None]
        for _ in range(TRIES):
            ended = self._ended
            counts = [await self._view.count_sent(address, now - rate.per, sinks) for rate, address in rates]
            if self._ended == ended:
                break  # else a send may have ended that this reading has not seen
        # From here to the taking nothing is awaited: two that ask at once do not get the same room.
        full = [
            (rate, address)
            for (rate, address), count in zip(rates, counts, strict=True)
            if count + self._on_its_way(address) >= rate.count
        ]
        if not full:
            self._on_way[to] += 1
            return None
        until = {address: await self._room_at(rate, address, sinks) for rate, address in full}
        self._full = until.get(None, self._full)
        return max(until.values())

    def give_back(self, to: str) -> None:
        """It was sent and that is durable, or it was not."""
        self._on_way[to] -= 1
        self._ended += 1
        if not self._on_way[to]:
            del self._on_way[to]

    def _on_its_way(self, to: str | None) -> int:
        return self._on_way.total() if to is None else self._on_way[to]

    async def _room_at(self, rate: Rate, to: str | None, sinks: Sequence[str]) -> Instant:
        now = self._clock.now()
        room = rate.count - self._on_its_way(to)
        if room <= 0:
            return now + min(rate.per, RECHECK)
        # Since `late` fewer were sent, since `early` not: when `late` is one period ago, there is room.
        early, late = now - rate.per, now + 1
        while late - early > max(1, rate.per // CLOSE_ENOUGH):
            middle = (early + late) // 2
            if await self._view.count_sent(to, middle, sinks) < room:
                late = middle
            else:
                early = middle
        return late + rate.per
