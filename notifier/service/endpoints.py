"""What is known of each endpoint: breaker (this replica's own), Retry-After and 410 (durable, told to all replicas)."""

from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from notifier.clock import Clock
from notifier.errors import Reason
from notifier.model import Fact, Instant
from notifier.net.breaker import Breaker
from notifier.routing.line import Wait
from notifier.service.patience import until_available
from notifier.sinks.base import Outcome

log = structlog.get_logger()

SUBJECT = "endpoint:"
BREAKER_HOLD = 30.0  # seconds
LONGEST_HOLD = 86_400_000  # ms: Retry-After is believed up to a day
HOLD_TOLD_FROM = 1_000  # ms: a shorter one is over before another replica hears of it


class Endpoint:
    """Where a sink sends to. `known_at` is the time of the newest fact about it."""

    __slots__ = ("breaker", "disabled", "held_until", "known_at", "name")

    def __init__(self, name: str, breaker: Breaker) -> None:
        self.name = name
        self.breaker = breaker
        self.held_until: Instant | None = None
        self.disabled = False
        self.known_at: Instant = 0

    @property
    def sink(self) -> str:
        return self.name.partition(":")[0]


class Endpoints:
    """By name, `<sink>:<address>`; made when first needed."""

    def __init__(self, failures: Callable[[str], int], tell: Callable[[Fact], Awaitable[None]], clock: Clock) -> None:
        """`failures`: how many in a row open the breaker of a sink's endpoints; 0: never."""
        self._failures = failures
        self._tell = tell
        self._clock = clock
        self._known: dict[str, Endpoint] = {}

    def get(self, name: str) -> Endpoint:
        endpoint = self._known.get(name)
        if endpoint is None:
            breaker = Breaker(self._failures(name.partition(":")[0]), BREAKER_HOLD)
            endpoint = self._known[name] = Endpoint(name, breaker)
        return endpoint

    def held(self, name: str) -> Wait | None:
        """Until when an endpoint holds back what is due, and why; None: it does not, as far as this replica knows."""
        endpoint = self._known.get(name)
        if endpoint is None:
            return None
        now, breaker = self._clock.now(), endpoint.breaker.held(self._clock.monotonic())
        if endpoint.held_until is not None and endpoint.held_until > now:
            return Wait(endpoint.held_until, Reason.RETRY_AFTER)
        return Wait(now + round(breaker * 1000), Reason.BREAKER_OPEN) if breaker else None

    def learn(self, fact: Fact) -> Endpoint | None:
        """A fact from the backend, also another replica's; the newest counts."""
        if not fact.subject.startswith(SUBJECT):
            return None
        endpoint = self.get(fact.subject.removeprefix(SUBJECT))
        if fact.at < endpoint.known_at:
            return None
        endpoint.known_at = fact.at
        endpoint.disabled = fact.disabled
        endpoint.held_until = fact.held_until
        return endpoint

    async def record(self, endpoint: Endpoint, outcome: Outcome, now: Instant, forced: bool) -> None:
        """One attempt's outcome. `forced`: an operator's retry, whose success enables a disabled endpoint.

        What all must know is durable on return; until the backend takes it, this waits.
        """
        monotonic = self._clock.monotonic()
        if outcome.kind == "again" and not outcome.alone:
            endpoint.breaker.failure(monotonic)
            if outcome.after:
                until = now + min(round(outcome.after * 1000), LONGEST_HOLD)
                endpoint.held_until = max(until, endpoint.held_until or 0)
                if until - now >= HOLD_TOLD_FROM:
                    await self._say(endpoint, now)
            return
        # It answered: a refusal, or what is deferred by itself, is about this delivery; 410 is told otherwise.
        endpoint.breaker.success(monotonic)
        if outcome.kind == "delivered" and endpoint.disabled and forced:
            log.info("endpoint_enabled", sink=endpoint.sink)
            endpoint.disabled, endpoint.held_until = False, None
            await self._say(endpoint, now)
        elif outcome.kind == "gone" and not endpoint.disabled:
            log.warning("endpoint_disabled", sink=endpoint.sink)
            endpoint.disabled, endpoint.held_until = True, None
            await self._say(endpoint, now)

    def disabled_by_sink(self) -> dict[tuple[str, ...], float]:
        counts = Counter((endpoint.sink,) for endpoint in self._known.values() if endpoint.disabled)
        return {labels: float(count) for labels, count in counts.items()}

    def breakers_by_sink(self) -> dict[tuple[str, ...], float]:
        """How many endpoints of a sink are held by their breaker."""
        counts = Counter(("sink", endpoint.sink) for endpoint in self._known.values() if not endpoint.breaker.closed)
        return {labels: float(count) for labels, count in counts.items()}

    async def _say(self, endpoint: Endpoint, now: Instant) -> None:
        """In memory it counts at once; the newest fact counts everywhere, also if a clock was put back."""
        endpoint.known_at = max(now, endpoint.known_at + 1)
        fact = Fact(
            subject=SUBJECT + endpoint.name,
            disabled=endpoint.disabled,
            held_until=endpoint.held_until,
            at=endpoint.known_at,
        )
        await until_available(lambda: self._tell(fact), "fact_put_off", sink=endpoint.sink)
