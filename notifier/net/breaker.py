"""A circuit breaker as arithmetic: closed, open for a while, then one probe. Pure; times are monotonic seconds.

After `failures` in a row it opens for `hold_s`. Then one attempt may probe: its success closes the breaker, its failure
opens it again for as long. Used for a source's credential and for each endpoint of a sink.
"""


class Breaker:
    __slots__ = ("_failures", "_hold", "_in_row", "_probe_until", "_until")

    def __init__(self, failures: int, hold_s: float) -> None:
        """`failures`: how many in a row open it; 0: it never opens."""
        self._failures = failures
        self._hold = hold_s
        self._in_row = 0
        self._until: float | None = None  # None: closed
        self._probe_until = 0.0  # a probe that never reports counts as given up then

    @property
    def closed(self) -> bool:
        return self._until is None

    def held(self, now: float) -> float:
        """Seconds until an attempt may begin; 0.0: now. Takes nothing."""
        if self._until is None:
            return 0.0
        return max(0.0, self._until - now, self._probe_until - now)

    def allow(self, now: float) -> bool:
        """Whether an attempt may begin now. While half-open the first to ask gets the probe, nobody else."""
        if self._until is None:
            return True
        if self.held(now) > 0.0:
            return False
        self._probe_until = now + self._hold
        return True

    def success(self, _now: float, /) -> None:
        """The other side works: closed, whatever was before."""
        self._in_row = 0
        self._until = None
        self._probe_until = 0.0

    def failure(self, now: float, /) -> None:
        self._in_row += 1
        if self._until is not None:
            # Of attempts that began before it opened, only the probe's outcome says something new.
            if self._probe_until > 0.0:
                self._open(now)
        elif 0 < self._failures <= self._in_row:
            self._open(now)

    def abandon(self) -> None:
        """The probe ended without an answer that says anything (cancelled, say): the next one may probe."""
        self._probe_until = 0.0

    def _open(self, now: float) -> None:
        self._until = now + self._hold
        self._probe_until = 0.0
