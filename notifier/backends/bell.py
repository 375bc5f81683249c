"""Tells everybody who waits that there is something new to read. Nothing is queued: each reads on from where it was."""

import asyncio


class Bell:
    """`newest` is the number of the newest row; who remembers it before he reads cannot miss one before he waits."""

    def __init__(self) -> None:
        self.newest = 0
        self.closed = False
        self.waiting = 0  # how many wait just now
        self._event = asyncio.Event()

    def reach(self, newest: int) -> None:
        """Rings if `newest` is another one than before."""
        if newest != self.newest:
            self.newest = newest
            self._ring()

    def close(self) -> None:
        """Nothing new will come: who waits goes on at once."""
        self.closed = True
        self._ring()

    async def wait(self, seen: int) -> bool:
        """Until `newest` is no longer `seen`; False when it is closed."""
        self.waiting += 1
        try:
            while self.newest == seen and not self.closed:
                await self._event.wait()
        finally:
            self.waiting -= 1
        return not self.closed

    def _ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


class Bells:
    """One for each table that is followed."""

    def __init__(self) -> None:
        self.events = Bell()
        self.commands = Bell()
        self.facts = Bell()

    def reach(self, newest: "dict[str, int]") -> None:
        """The newest number of each table, by its name."""
        self.events.reach(newest.get("events", 0))
        self.commands.reach(newest.get("commands", 0))
        self.facts.reach(newest.get("facts", 0))

    def close(self) -> None:
        self.events.close()
        self.commands.close()
        self.facts.close()
