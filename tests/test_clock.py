"""The machine's clocks."""

import time

import uvloop

from notifier.clock import SystemClock


def test_a_process_that_was_stopped_sees_at_once_how_long() -> None:
    """uvloop asks for the time once in a turn of the loop: who is stopped in the midst of one would believe it."""

    async def stopped() -> float:
        clock = SystemClock()
        began = clock.monotonic()
        time.sleep(0.05)  # noqa: ASYNC251 (the loop stands still: that is what it is about)
        return clock.monotonic() - began

    assert uvloop.run(stopped()) >= 0.05
