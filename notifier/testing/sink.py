"""A sink in memory: it takes what it is sent, and fails as it is told."""

import asyncio
from collections import deque
from typing import NamedTuple

from notifier.errors import Reason
from notifier.model import Instant
from notifier.sinks.base import Address, Message, Outcome
from notifier.sinks.body import payload


class Sent(NamedTuple):
    """One attempt as the other side saw it."""

    message: Message
    at: Instant
    body: bytes
    outcome: Outcome


class FakeSink:
    """Keeps every attempt in `sent`. `outcomes` answer the next ones, one each; then `answer` does, for ever.

    While `hung`, nobody answers until the time-out.
    """

    def __init__(
        self,
        *,
        people: bool = False,
        at_most_once: bool = False,
        address: Address | None = "webhook",
        timeout: float = 15.0,
    ) -> None:
        """`timeout` in seconds."""
        self.people = people
        self.at_most_once = at_most_once
        self.address = address
        self.timeout = timeout
        self.sent: list[Sent] = []
        self.outcomes: deque[Outcome] = deque()
        self.answer = Outcome("delivered", "200")
        self.hung = False
        self.closed = False

    @property
    def delivered(self) -> list[Sent]:
        return [each for each in self.sent if each.outcome.kind == "delivered"]

    def endpoint(self, to: str | None) -> str:
        return to or "own"

    async def send(self, message: Message, now: Instant) -> Outcome:
        await asyncio.sleep(0)  # like any other side, it never answers within the same step of the loop
        if self.hung:
            await asyncio.sleep(self.timeout)
            outcome = Outcome("again", reason=Reason.TIMEOUT, detail="no answer in time")
        else:
            outcome = self.outcomes.popleft() if self.outcomes else self.answer
        self.sent.append(Sent(message, now, payload(message.event), outcome))
        return outcome

    async def close(self) -> None:
        self.closed = True
