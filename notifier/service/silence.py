"""`stalled` also of orders whose looks do not come to an end: held back, in line for the budget, or hanging."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from notifier import codec
from notifier.clock import Clock
from notifier.model import Instant
from notifier.service.orders import Order
from notifier.service.poller import Poller
from notifier.service.runtime import OrderSource, Runtime

if TYPE_CHECKING:
    from notifier.service.shard import Shard

PART = 20  # rounds within the shortest `stalled_after`
MOST, LEAST = 15.0, 0.25  # seconds between rounds
SLICE = 1_000  # orders before the loop gets its turn
LATE = 30_000  # ms: a look so late does not come by its rhythm


async def watch(shard: "Shard", poller: Poller, runtime: Callable[[], Runtime], clock: Clock) -> None:
    """Round after round, for ever. What cannot be committed now is told in a later one."""
    while True:
        sources = runtime().sources
        shortest = min((source.tracking.stalled_after for source in sources.values()), default=0) / 1000
        await asyncio.sleep(max(LEAST, min(MOST, shortest / PART)))
        orders = tuple(shard.orders.values())
        for first in range(0, len(orders), SLICE):
            now, ahead = clock.now(), shard.ahead()
            found = [
                (order, source)
                for order in orders[first : first + SLICE]
                if (source := sources.get(order.source)) is not None and silent(order, source, now, ahead)
            ]
            if found and not shard.committer.blocked:
                await asyncio.gather(*(poller.silent(order, source, now + ahead) for order, source in found))
            await asyncio.sleep(0)


def silent(order: Order, source: OrderSource, now: Instant, ahead: int) -> bool:
    """No good look for too long, not told yet, and that is no matter of a rhythm slower than `stalled_after`.

    What is recorded is `ahead` of the clock by so many ms.
    """
    most = source.tracking.stalled_after
    if now + ahead - max(order.attended, order.last_ok or 0) < most or order.gone or order.committing is not None:
        return False
    late = now - (order.was_due if order.due is None else order.due)
    return (order.failures > 0 or late >= min(most, LATE)) and not codec.unpack_state(order.state).stalled
