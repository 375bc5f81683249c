"""When is an order looked at again? Pure: from what is known of it to the next look, or to none any more.

A policy that learns may stand in `Rhythm`'s place: it needs only what `Known` tells.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from notifier.errors import Reason
from notifier.model import Instant, Phase

MINUTE = 60_000
DAY = 86_400_000
BUILT_IN: Mapping[str, int] = {
    Phase.ASSIGNED: 5_000,
    Phase.ARRIVED: 5_000,
    Phase.IN_PROGRESS: 20_000,
    Phase.SCHEDULED: 120_000,
    "default": 15_000,
}
JITTER = 0.1
WAITING = frozenset({Phase.CREATED, Phase.ACCEPTED, Phase.SCHEDULED, Phase.SEARCHING, Phase.POSTPONED, Phase.UNKNOWN})
NO_BACKOFF = frozenset({Reason.NOT_FOUND, Reason.UNAUTHORIZED, Reason.THROTTLED})
SPARING = frozenset({Reason.FORBIDDEN, Reason.REJECTED})


class Known(NamedTuple):
    """What a policy may go by. Instants in ms; `spread` is a hash of the key in [0, 1)."""

    phase: Phase
    spread: float
    began: Instant | None = None  # of the last look
    starts: Instant | None = None  # of the schedule
    ends: Instant | None = None
    failures: int = 0
    error: str | None = None
    terminal_since: Instant | None = None
    changed_at: Instant = 0
    lost_since: Instant | None = None
    not_before: Instant | None = None


class Cadence(Protocol):
    def first(self, known: Known, now: Instant, restored: bool, /) -> Instant: ...

    def next(self, known: Known, now: Instant, /) -> Instant | None:
        """None: retire."""
        ...


class Rhythm:
    """An interval for each phase, shortened near the due time, lengthened by failures.

    Due times lie on a grid of wall clock, interval and hash, so that a restart is no stampede; a look is moved towards
    its place on the grid by at most a tenth of the interval.
    """

    def __init__(self, poll: Mapping[str, int], retire_after: int, give_up_after: int) -> None:
        """`poll`: ms by phase or `default`; a configured default stands for every phase not named beside it."""
        self._poll = {**({} if "default" in poll else BUILT_IN), **poll}
        self._default = self._poll["default"]
        self._least = min(self._poll.values())
        self._retire_after = retire_after
        self._give_up_after = give_up_after

    def first(self, known: Known, now: Instant, restored: bool, /) -> Instant:
        """A new watch at once; a restored one at its place in the interval."""
        due = _grid_after(now, self.interval(known, now), known.spread) if restored else now
        return max(due, known.not_before or 0)

    def next(self, known: Known, now: Instant, /) -> Instant | None:
        end = self.retires_at(known)
        if end is not None and now >= end:
            return None
        interval = self.interval(known, now)
        ideal = (now if known.began is None else min(known.began, now)) + interval  # a clock may be put back
        due = max(_towards_grid(ideal, interval, known.spread), now)
        if end is not None:
            due = min(due, end)
        return max(due, known.not_before or 0)

    def retires_at(self, known: Known) -> Instant | None:
        """A terminal order's grace is over then, or there is no more hope of news of it."""
        if known.terminal_since is not None:
            return known.terminal_since + self._retire_after
        silent = max(known.changed_at + self._give_up_after, known.ends or known.starts or 0)
        return silent if known.lost_since is None else min(silent, known.lost_since + DAY)

    def interval(self, known: Known, now: Instant) -> int:
        interval: int = self._poll.get(known.phase, self._default)
        if known.starts is not None and known.phase in WAITING and known.starts > now - interval:
            # A fifth of what is left: the nearer the agreed time, the closer the looks.
            interval = min(interval, max(self._least, abs(known.starts - now) // 5))
        if known.failures > 1 and known.error in SPARING:
            return max(interval, MINUTE)
        if known.failures > 3 and known.error not in NO_BACKOFF:
            return max(interval, min(interval << min(known.failures - 3, 2), MINUTE))
        return interval


def _grid_after(now: Instant, interval: int, spread: float) -> Instant:
    offset = int(interval * spread)
    return now + (offset - now) % interval


def _towards_grid(ideal: Instant, interval: int, spread: float) -> Instant:
    ahead = _grid_after(ideal, interval, spread) - ideal
    move = ahead if ahead <= interval // 2 else ahead - interval
    most = int(interval * JITTER)
    return ideal + max(-most, min(most, move))
