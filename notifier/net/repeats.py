"""A look after its first failure: repeated with growing waits, all within one span of time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential

from notifier.clock import Clock
from notifier.errors import LookFailed, Reason

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

REASONS = frozenset({Reason.TIMEOUT, Reason.CONNECTION, Reason.THROTTLED, Reason.SERVER_ERROR})
FOR_GOOD = frozenset({501, 505, 511})  # server errors that the same request meets again
BACKOFF = wait_exponential(multiplier=0.5, max=8)  # seconds: 0.5, 1, 2, 4, 8, 8, …


class NoRoom(Exception):
    """The budget has no room before the look must end."""


def worth_repeating(error: BaseException) -> bool:
    return isinstance(error, LookFailed) and error.reason in REASONS and error.status not in FOR_GOOD


class Repeats:
    """The repeats of one look. `run` gives the body, or the last failure."""

    def __init__(
        self,
        attempt: Callable[[], Awaitable[bytes]],
        first: LookFailed,
        deadline: float,
        *,
        held: Callable[[], float],
        clock: Clock,
        spread: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        """`deadline`: monotonic seconds; an attempt that lasts until then is ended. `held`: for how many seconds the
        credential is held. `spread`: 0 to 1, for the jitter."""
        self._attempt = attempt
        self._last = first
        self._begun = False
        self._deadline = deadline
        self._held = held
        self._clock = clock
        self._spread = spread
        self._sleep = sleep

    async def run(self) -> bytes:
        retrying = AsyncRetrying(
            retry=retry_if_exception(worth_repeating), wait=self._wait, stop=self._stop, sleep=self._sleep, reraise=True
        )
        try:
            body: bytes = await retrying(self._once)
        except NoRoom:
            last = self._last
            after = self._held() or last.after
            raise LookFailed(last.reason, last.detail, after=after, status=last.status, logged=last.logged) from None
        return body

    async def _once(self) -> bytes:
        if not self._begun:
            self._begun = True
            raise self._last  # the first attempt has already been made
        left = self._deadline - self._clock.monotonic()
        if left <= 0.0:
            raise NoRoom
        try:
            async with asyncio.timeout(left):
                return await self._attempt()
        except TimeoutError:
            self._last = LookFailed(Reason.TIMEOUT, "no answer in time")
            raise self._last from None
        except LookFailed as failure:
            self._last = failure
            raise

    def _wait(self, state: RetryCallState) -> float:
        """What the peer asked for, but not less than ours."""
        ours = BACKOFF(state) * (1 + self._spread()) / 2
        return max(ours, self._last.after or 0.0, self._held())

    def _stop(self, state: RetryCallState) -> bool:
        """A repeat that could not begin in time is not waited for."""
        return self._clock.monotonic() + state.upcoming_sleep >= self._deadline
