"""How fast requests may begin with one credential: paced, first come first served, and in no second too many.

Three bounds, all arithmetic on the monotonic clock:

- pace: one request each `1 / rate` seconds, to the `GRAIN` of clocks. There is no burst from rest: a peer that counts
  sees an even stream. While some wait in line, a timer that fired late is made good up to `CATCH_UP`, so that
  lateness costs no throughput.
- window: in any second at most rate + 10 % (INTERFACE, 'Source keys'), counted in whole requests: 1.5 a second comes
  down to 1, 3.3 to 3, at least one passes.
- hold: none before a given time (Retry-After of 429 and 420).

A throttled peer halves the rate; it grows back evenly over `RECOVERY` (additive increase, multiplicative decrease).
"""

import asyncio
from collections import deque
from math import exp, floor
from typing import NamedTuple

from notifier.clock import Clock

CATCH_UP = 0.05  # seconds
GRAIN = 0.002  # seconds: what a loop's clock and timers can tell apart; to stand in line for less would cost more
WINDOW = 1.02  # seconds: a little more than the promised one, for what the way to the peer bunches up
MORE, MORE_SHARED = 1.1, 1.05  # of the rate, in a window; several replicas' requests bunch up on their ways besides
RECOVERY = 60.0  # seconds from nothing to the whole rate
SLOW_AT_MOST_EACH = 1.0  # seconds: answers to requests that were under way together slow it once
COUNTED_BELOW = 50.0  # requests a second: from here on the pace alone keeps within the window's bound
LEAST = 0.01  # of the configured rate
USED_OVER = 10.0  # seconds that `used_ratio` looks back on


class _Waiter(NamedTuple):
    granted: asyncio.Future[bool]
    deadline: float


class Budget:
    """One for each credential. `share` leaves a replica its part of it."""

    def __init__(self, requests_per_second: float, concurrency: int, clock: Clock, patience: float = 30.0) -> None:
        """`patience`: a hold longer than so many seconds is not waited for."""
        self._configured = float(requests_per_second)
        self._concurrency = concurrency
        self._clock = clock
        self._patience = patience
        self._slowness = 0.0  # what is missing of the whole rate at `_slow_at`, 0 to 1
        self._slow_at = float("-inf")
        self._next = float("-inf")  # when the pace allows the next one
        self._held_until = float("-inf")
        self._waiters: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._used = 0.0
        self._used_at = 0.0
        self._whole = self._configured
        self.slots = concurrency
        self._recent: deque[float] = deque()
        self._most = 1
        self._set_share(1.0)

    # --- taking ------------------------------------------------------------------------------------------------

    def wait(self, now: float) -> float:
        """Takes one request if there is room (0.0), else the seconds until there may be; whoever waits goes first."""
        if self._waiters:
            return max(self._ready_at() - now, 0.0) + len(self._waiters) / self._rate(now)
        ready = self._ready_at()
        if ready > now:
            return ready - now
        self._grant(now, max(now, self._next))
        return 0.0

    async def take(self, deadline: float = float("inf")) -> bool:
        """Takes one request, waiting in line. False, as soon as it is known: not before `deadline` (monotonic
        seconds), or a hold longer than `patience`."""
        now = self._clock.monotonic()
        if self._too_long(now):
            return False
        wait = self.wait(now)
        if wait <= 0.0:
            return True
        if now + wait > deadline:
            return False
        waiter = _Waiter(asyncio.get_running_loop().create_future(), deadline)
        self._waiters.append(waiter)
        if self._timer is None:
            self._serve()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    def held(self, now: float) -> float:
        """Seconds for which the whole credential is held; 0.0: it is not."""
        return max(0.0, self._held_until - now)

    # --- what changes it ---------------------------------------------------------------------------------------

    def hold(self, until: float) -> None:
        """Nothing begins before `until` (monotonic seconds). A shorter hold does not end a longer one."""
        self._held_until = max(self._held_until, until)
        self._changed()

    def slow(self) -> None:
        """The peer asked for fewer: half the rate now, growing back evenly."""
        now = self._clock.monotonic()
        if now - self._slow_at < SLOW_AT_MOST_EACH:
            return
        self._slowness = 1.0 - max(LEAST, self._fraction(now) / 2)
        self._slow_at = now
        self._changed()

    def share(self, held: float, total: float = 1.0) -> None:
        """This replica's part: held ÷ all shards; of the concurrency at least one slot."""
        now = self._clock.monotonic()
        before = self._whole
        self._set_share(held / total)
        if self._next > now:
            self._next = now + (self._next - now) * before / self._whole
        self._changed()

    def used_ratio(self) -> float:
        """Requests of the last seconds ÷ what was allowed, 0 to 1."""
        now = self._clock.monotonic()
        used = self._used * exp((self._used_at - now) / USED_OVER)
        return min(1.0, used / (self._whole * USED_OVER))

    # --- inside ------------------------------------------------------------------------------------------------

    def _set_share(self, part: float) -> None:
        self.slots = max(1, floor(self._concurrency * part + 1e-9))
        self._whole = self._configured * max(part, 1e-3)  # who holds nothing asks for nothing
        self._most = max(1, floor(self._whole * (MORE if part >= 1.0 else MORE_SHARED) + 1e-9))
        self._counted = self._whole < COUNTED_BELOW
        self._recent = deque(self._recent if self._counted else (), maxlen=self._most if self._counted else 0)

    def _fraction(self, now: float) -> float:
        """Of the whole rate, after what has grown back."""
        return 1.0 - max(0.0, self._slowness - (now - self._slow_at) / RECOVERY) if self._slowness else 1.0

    def _rate(self, now: float) -> float:
        return self._whole * self._fraction(now)

    def _ready_at(self) -> float:
        ready = max(self._next - GRAIN, self._held_until)
        if self._counted and len(self._recent) == self._most:
            return max(ready, self._recent[0] + WINDOW)
        return ready

    def _grant(self, now: float, planned: float) -> None:
        self._next = planned + 1.0 / self._rate(now)
        if self._counted:
            self._recent.append(now)
        self._used = self._used * exp((self._used_at - now) / USED_OVER) + 1.0
        self._used_at = now

    def _too_long(self, now: float) -> bool:
        return self._held_until - now > self._patience

    def _serve(self) -> None:
        """Grants those in line what there is room for, and sets the timer for the rest."""
        self._timer = None
        now = self._clock.monotonic()
        while self._waiters:
            wait = self._ready_at() - now
            if wait > 0.0:
                self._timer = asyncio.get_running_loop().call_later(wait, self._serve)
                return
            waiter = self._waiters.popleft()
            if waiter.granted.done():
                continue  # cancelled, and not yet out of the line
            if now > waiter.deadline:
                waiter.granted.set_result(False)
                continue
            self._grant(now, max(now - CATCH_UP, self._next))
            waiter.granted.set_result(True)

    def _changed(self) -> None:
        """Sends away those in line for whom it would now be too late, and serves the rest anew."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock.monotonic()
        begins, each, too_long = max(now, self._ready_at()), 1.0 / self._rate(now), self._too_long(now)
        staying: deque[_Waiter] = deque()
        for waiter in self._waiters:
            if waiter.granted.done():
                continue
            if too_long or begins > waiter.deadline:
                waiter.granted.set_result(False)
            else:
                staying.append(waiter)
                begins += each
        self._waiters = staying
        self._serve()
