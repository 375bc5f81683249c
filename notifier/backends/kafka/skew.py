"""How far this replica's clock is off the brokers', by the append times of what it writes."""

from collections.abc import Callable

import structlog

from notifier.backends.kafka.records import Outgoing
from notifier.clock import Clock
from notifier.log import Repeats
from notifier.model import Instant

log = structlog.get_logger()

MOST = 5_000  # ms that a clock may be off before it is told of

PROBE = Outgoing(b"_clock", b"")
"""A record in `facts` that is no fact: written to hear when it was appended."""


class Skew:
    """`tell` hears by how many seconds the clock is ahead; negative: behind; 0: neither, as far as can be told."""

    def __init__(self, clock: Clock, tell: Callable[[float], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._off = False
        self._repeats = Repeats()

    def heard(self, sent: Instant, appended: Instant, answered: Instant) -> None:
        """A record was appended at that time by the broker's clock, `sent` before and `answered` after it by ours."""
        ahead = max(0, sent - appended) or min(0, answered - appended)
        self._tell(ahead / 1000)
        off = abs(ahead) > MOST
        if off and (left_out := self._repeats.ok("clock", self._clock.monotonic())) is not None:
            log.error("clock_off", ahead_ms=ahead, repeated=left_out)
        elif self._off and not off:
            log.info("clock_right_again", ahead_ms=ahead)
        self._off = off
