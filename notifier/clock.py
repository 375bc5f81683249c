"""The only place that asks for the time."""

import time
from typing import Protocol

from notifier.model import Instant


class Clock(Protocol):
    def now(self) -> Instant:
        """Wall time in ms."""
        ...

    def monotonic(self) -> float:
        """Seconds; for intervals inside a process."""
        ...


class SystemClock:
    """The machine's clocks. Not the loop's: uvloop's stands still between two turns of the loop."""

    def now(self) -> Instant:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


PACE = 0.9  # of a clock that waits for another one to catch up: spans are then a tenth too short at most


class Ahead:
    """Never behind `newest`, where the clock that it goes by is: it runs a tenth slower until that has caught up.

    So what is recorded after a time that another machine's clock has told is recorded as after it.
    """

    def __init__(self, clock: Clock, newest: Instant) -> None:
        self._clock = clock
        self._newest = newest
        self._since = clock.monotonic()

    def now(self) -> Instant:
        passed = (self._clock.monotonic() - self._since) * 1000 * PACE
        return max(self._clock.now(), self._newest + round(passed))

    def monotonic(self) -> float:
        return self._clock.monotonic()
