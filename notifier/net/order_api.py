"""One request to an order API with all that stands around it: credential, budget, breaker, repeats, bounded reasons."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from notifier.clock import Clock
from notifier.errors import LookFailed, Reason
from notifier.model import Instant
from notifier.net.answers import refused
from notifier.net.breaker import Breaker
from notifier.net.budget import Budget
from notifier.net.credentials import Credential
from notifier.net.fetch import Fetch, Request, Response
from notifier.net.repeats import NoRoom, Repeats, Sleep, worth_repeating

log = structlog.get_logger()

BREAKER_HOLD = 30.0  # seconds (INTERFACE, 'Renewing a token')
TOKEN_ANSWER = 1024 * 1024  # bytes
TELL_HOLD_FROM = 1.0  # seconds that a hold must add to be worth telling


class Refusing(Protocol):
    """The part of a `Source` that is needed here."""

    def refusal(self, response: Response, /) -> str: ...


class Looking(Protocol):
    """Who looks, and wants to know how it goes where it takes long."""

    def struggles(self, since: Instant, failure: LookFailed | None, /) -> None:
        """After each failed attempt of a look, begun at `since`, that may go on; None: one succeeded."""
        ...


class OrderApi:
    """All looks at one source's orders. One credential, one budget, one breaker."""

    def __init__(
        self,
        source: Refusing,
        fetch: Fetch,
        credential: Credential,
        budget: Budget,
        breaker: Breaker,
        *,
        retry_for_ms: int,
        clock: Clock,
        name: str = "",
        spread: Callable[[], float] = random.random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`retry_for_ms`: all attempts of one look, from the first. `name`: of the source, for the log."""
        self.budget = budget
        self._source = source
        self._fetch = fetch
        self._credential = credential
        self._breaker = breaker
        self._retry_for = retry_for_ms / 1000
        self._clock = clock
        self._name = name
        self._spread = spread
        self._sleep = sleep
        self._rejected = ""  # the header that opened the breaker
        self._tell: Callable[[Instant], None] | None = None

    async def get(self, request: Request, looking: Looking | None = None) -> bytes:
        """The body of a 200. LookFailed for everything else; `after` where the API said when to come again."""
        began = self._clock.monotonic()
        if not self._breaker.closed and not self._reopened(began):
            return await self._probe(request, began)
        try:
            header = await self._credential.header(began)
            began = self._clock.monotonic()
            if self.budget.wait(began) > 0.0:
                began = await self._line_up()
            return await self._ask(request, header)
        except LookFailed as failure:
            if not worth_repeating(failure):
                raise
            return await self._repeat(request, failure, began + self._retry_for, looking)

    def on_hold(self, callback: Callable[[Instant], None]) -> None:
        """`callback(until)` when an answer holds the whole credential, for the other replicas to know."""
        self._tell = callback

    def hold_until(self, until: Instant) -> None:
        """The credential is held, as another replica was told."""
        self.budget.hold(self._clock.monotonic() + (until - self._clock.now()) / 1000)

    def breaker_open(self) -> bool:
        """Whether the credential is held back as rejected; a changed token ends that here, too."""
        return not self._breaker.closed and not self._reopened(self._clock.monotonic())

    async def close(self) -> None:
        await self._credential.close()
        await self._fetch.close()

    # --- one attempt -------------------------------------------------------------------------------------------

    async def _ask(self, request: Request, header: str | None, probing: bool = False) -> bytes:
        response = await self._send(request, header)
        if response.status == 200:
            return response.body
        if response.status == 401 and header is not None and await self._credential.renew(header):
            header = await self._credential.header(self._clock.monotonic())
            await self._line_up(probing=probing)
            response = await self._send(request, header)
            if response.status == 200:
                return response.body
        failure = refused(response, self._source.refusal, self._clock.now())
        if failure.reason is Reason.UNAUTHORIZED:
            self._reject(header or "")
        elif failure.reason is Reason.THROTTLED:
            self._throttle(failure.after)
        raise failure

    def _send(self, request: Request, header: str | None) -> Awaitable[Response]:
        if header is None:
            return self._fetch(request)
        url, headers, method, body = request
        return self._fetch(Request(url, (*headers, ("Authorization", header)), method, body))

    async def _line_up(self, deadline: float = float("inf"), probing: bool = False) -> float:
        """Waits for room in the budget; the time when it is our turn."""
        if not await self.budget.take(deadline):
            if deadline < float("inf"):
                raise NoRoom
            held = self.budget.held(self._clock.monotonic())
            raise LookFailed(Reason.THROTTLED, "held back, as the API asked (Retry-After)", after=held)
        now = self._clock.monotonic()
        if not self._breaker.closed and not probing:
            raise self._held_back(now)  # the token was rejected while we stood in line
        return now

    async def _repeat(self, request: Request, first: LookFailed, deadline: float, looking: Looking | None) -> bytes:
        now = self._clock.monotonic()
        since = self._clock.now() - round((now - deadline + self._retry_for) * 1000)

        def tell(failure: LookFailed | None) -> None:
            if looking is not None:
                looking.struggles(since, failure)

        async def attempt() -> bytes:
            try:
                return await once()
            except LookFailed as failure:
                tell(failure)
                raise

        async def once() -> bytes:
            now = self._clock.monotonic()
            if not self._breaker.closed and not self._reopened(now):
                return await self._probe(request, now)
            header = await self._credential.header(now)
            await self._line_up(deadline)
            return await self._ask(request, header)

        tell(first)
        body = await Repeats(
            attempt,
            first,
            deadline,
            held=lambda: self.budget.held(self._clock.monotonic()),
            clock=self._clock,
            spread=self._spread,
            sleep=self._sleep,
        ).run()
        tell(None)
        return body

    # --- a throttled or a rejected credential ------------------------------------------------------------------

    def _throttle(self, after: float | None) -> None:
        """Every request of the credential waits, not only this order's."""
        self.budget.slow()
        if after:
            now = self._clock.monotonic()
            adds = after - self.budget.held(now)
            self.budget.hold(now + after)
            if adds >= TELL_HOLD_FROM:
                log.warning("credential_held", source=self._name, seconds=round(after))
                if self._tell is not None:
                    self._tell(self._clock.now() + round(after * 1000))

    def _reject(self, header: str) -> None:
        if self._breaker.closed:
            log.warning("credential_rejected", source=self._name)
        self._rejected = header
        self._breaker.failure(self._clock.monotonic())

    def _reopened(self, now: float) -> bool:
        """Whether there is another token than the rejected one: then looks go on as before."""
        if not self._credential.changed(self._rejected, now):
            return False
        self._accept(now)
        return True

    async def _probe(self, request: Request, now: float) -> bytes:
        """While the breaker is open: nothing but one probe after its time."""
        if not self._breaker.allow(now):
            raise self._held_back(now)
        try:
            header = await self._credential.header(now)
            await self._line_up(probing=True)
            body = await self._ask(request, header, probing=True)
        except LookFailed as failure:
            if failure.reason in (Reason.FORBIDDEN, Reason.NOT_FOUND, Reason.REJECTED):
                self._accept(now)  # the API knew who asked
            elif failure.reason is not Reason.UNAUTHORIZED:
                self._breaker.abandon()  # says nothing about the token
            raise
        except BaseException:
            self._breaker.abandon()
            raise
        self._accept(now)
        return body

    def _accept(self, now: float) -> None:
        self._breaker.success(now)
        log.info("credential_accepted", source=self._name)

    def _held_back(self, now: float) -> LookFailed:
        wait = self._breaker.held(now)
        return LookFailed(Reason.UNAUTHORIZED, f"the token was rejected; tried again in {wait:.0f} s, or with another")
