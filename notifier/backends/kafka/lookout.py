"""Looks now and then at where the topics end and begin, while they are read, and at whether the reading gets on."""

import asyncio
from collections.abc import Awaitable, Callable

from notifier.backends.kafka.ends import Ends, Offsets
from notifier.backends.kafka.reach import STANDSTILL, Reach
from notifier.backends.kafka.topics import Places
from notifier.clock import Clock
from notifier.errors import BackendError

LOOK = 1.0  # seconds between two looks at where the topics end
PRUNE = 60.0  # seconds between two looks at where they begin
AWAY = 5.0  # seconds without an answer after which the brokers are away


class Lookout:
    """`as_of` goes on while nothing comes, and what Kafka deletes is deleted here, too: `begin` is told where events
    begin. `stuck` says why the consumer is to be made anew: it keeps to itself that the brokers are away, or that it
    stands still.
    """

    def __init__(
        self, places: Places, reach: Reach, ends: Ends, begin: Callable[[Offsets], Awaitable[None]], clock: Clock
    ) -> None:
        self.stuck: str | None = None
        self._places = places
        self._reach = reach
        self._ends = ends
        self._begin = begin
        self._clock = clock

    async def run(self) -> None:
        known = pruned = self._clock.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            try:
                now = self._clock.now()
                self._reach.look(now, await self._ends.ends.of(self._places.every))
                known = self._clock.monotonic()
                if self._reach.stands_still():
                    self.stuck = f"a partition stood still for {STANDSTILL:g} s, though there is more"
                if self._clock.monotonic() - pruned > PRUNE:
                    pruned = self._clock.monotonic()
                    await self.prune()
            except BackendError as error:
                if self._clock.monotonic() - known > AWAY:
                    self.stuck = str(error)

    async def prune(self) -> None:
        """Unavailable."""
        await self._begin(await self._ends.begins.of(self._places.of(self._places.topics.events)))
