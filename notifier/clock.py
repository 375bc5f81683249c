"""The only place that asks for the time."""

import asyncio
import time
from typing import Protocol

from notifier.model import Instant


class Clock(Protocol):
    def now(self) -> Instant:
        """Wall time in ms."""
        ...

    def monotonic(self) -> float:
        """Seconds on the loop's clock; for intervals inside a process."""
        ...


class SystemClock:
    """The machine's wall clock and the running loop's monotonic one."""

    def now(self) -> Instant:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
