"""Credentials that an API holds back (Retry-After of 429 and 420): durable, and told to every replica."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from notifier.clock import Clock
from notifier.errors import Unavailable
from notifier.model import Fact, Instant
from notifier.service.runtime import Runtime

log = structlog.get_logger()

SUBJECT = "credential:"
TELL_AGAIN = 1.0  # seconds between tries while the backend is unavailable


class Holds:
    """Between the budgets of this replica and the facts that all share."""

    def __init__(self, runtime: Callable[[], Runtime], tell: Callable[[Fact], Awaitable[None]], clock: Clock) -> None:
        self._runtime = runtime
        self._tell = tell
        self._clock = clock
        self._told: asyncio.Queue[tuple[str, Instant]] = asyncio.Queue()

    def begin(self) -> None:
        """From now on each hold that a look runs into is heard."""
        for name, source in self._runtime().sources.items():
            source.api.on_hold(lambda until, name=name: self._told.put_nowait((name, until)))  # type: ignore[misc]

    async def run(self) -> None:
        """Tells them. For ever."""
        while True:
            name, until = await self._told.get()
            while (now := self._clock.now()) < until:
                try:
                    await self._tell(Fact(subject=SUBJECT + name, held_until=until, at=now))
                    break
                except Unavailable as error:
                    log.warning("hold_put_off", source=name, reason=str(error))  # this replica keeps it all the same
                    await asyncio.sleep(TELL_AGAIN)

    def learn(self, fact: Fact) -> None:
        """A fact from the backend: also this process's own, from before a restart."""
        source = self._runtime().sources.get(fact.subject.removeprefix(SUBJECT))
        if fact.subject.startswith(SUBJECT) and source is not None and fact.held_until is not None:
            source.api.hold_until(fact.held_until)
