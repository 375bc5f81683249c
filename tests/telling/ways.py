"""Receivers that fail in every way they can. `accepted` is what reached somebody, whatever the sender was told."""

import asyncio
import random
from typing import NamedTuple

from notifier.errors import Reason
from notifier.model import Instant
from notifier.sinks.base import Address, Message, Outcome
from notifier.testing.sink import FakeSink


class Accepted(NamedTuple):
    """`told` is false where the sender never learned that it was accepted."""

    message: Message
    at: Instant
    told: bool


OUTCOMES = {
    "fine": Outcome("delivered", "200"),
    "lost": Outcome("again", None, Reason.TIMEOUT, "no answer in time"),
    "hangs": Outcome("again", None, Reason.TIMEOUT, "no answer in time"),
    "busy": Outcome("again", "503", Reason.SERVER_ERROR, after=7.0),
    "throttled": Outcome("again", "429", Reason.THROTTLED, after=3.0),
    "fails": Outcome("again", "500", Reason.SERVER_ERROR),
    "refuses": Outcome("dead", "550", Reason.REFUSED, "no such user"),
    "gone": Outcome("gone", "410", Reason.ENDPOINT_DISABLED),
}


class Failing(FakeSink):
    """Each attempt ends as `chance` draws it: accepted, accepted with the answer lost, or refused in some way."""

    def __init__(
        self, chance: random.Random, address: Address | None, people: bool, at_most_once: bool = False
    ) -> None:
        super().__init__(people=people, at_most_once=at_most_once, address=address)
        self._chance = chance
        self.accepted: list[Accepted] = []
        self.refused: dict[str, Outcome] = {}  # by message id, for ever
        self.kinds: set[str] = set()

    async def send(self, message: Message, now: Instant) -> Outcome:
        await asyncio.sleep(self._chance.uniform(0.01, 0.3))
        kind = self._chance.choices(*zip(*self.fates(message).items(), strict=True))[0]
        self.kinds.add(kind)
        if kind in ("fine", "lost"):
            self.accepted.append(Accepted(message, now, kind == "fine"))
        if kind == "hangs":
            await asyncio.sleep(15)
        if kind == "breaks":
            raise RuntimeError("a fault of the sink's own")
        outcome = self.outcome(kind)
        if outcome.kind in ("dead", "gone"):
            self.refused[message.id] = outcome
        return outcome

    def fates(self, message: Message) -> dict[str, float]:
        raise NotImplementedError

    def outcome(self, kind: str) -> Outcome:
        return OUTCOMES[kind]


class Hook(Failing):
    """Webhooks. The endpoint whose URL ends in /gone says 410 to whatever comes."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance, "webhook", people=False)

    def fates(self, message: Message) -> dict[str, float]:
        if message.to is not None and message.to.endswith("/gone"):
            return {"gone": 1}
        return {"fine": 88, "lost": 3, "hangs": 1, "busy": 0.2, "throttled": 0.2, "fails": 4, "breaks": 1}


class Mail(Failing):
    """Mail. Addresses at nobody.example are refused for good."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance, "email", people=True)

    def endpoint(self, to: str | None) -> str:
        return "smtp.example.org:25"

    def fates(self, message: Message) -> dict[str, float]:
        if message.to is not None and message.to.endswith("@nobody.example"):
            return {"refuses": 9, "fails": 1}
        return {"fine": 90, "lost": 3, "hangs": 1, "fails": 5, "breaks": 1}


class Text(Failing):
    """SMS: what is not known to have failed is never sent again."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance, "phone", people=True, at_most_once=True)

    def endpoint(self, to: str | None) -> str:
        return "gateway.example.org"

    def fates(self, message: Message) -> dict[str, float]:
        return {"fine": 85, "lost": 4, "refuses": 3, "fails": 5, "throttled": 0.5, "breaks": 1}

    def outcome(self, kind: str) -> Outcome:
        if kind == "lost":
            return Outcome("dead", None, Reason.OUTCOME_UNKNOWN, "no answer in time")
        return super().outcome(kind)
