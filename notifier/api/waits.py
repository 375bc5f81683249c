"""What deliveries wait for: others before them in their lane, the rules, or the other side."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from notifier.api.desk import Desk
from notifier.errors import Reason
from notifier.model import Delivery, Instant
from notifier.routing.line import Wait, aside, concern, wait


async def waits(desk: Desk, deliveries: Iterable[Delivery]) -> Mapping[str, Wait]:
    """Of those that are pending, by their ids. Unavailable."""
    pending = [each for each in deliveries if each.state == "pending"]
    if not pending:
        return {}
    known: defaultdict[tuple[str, str | None, str], list[Delivery]] = defaultdict(list)
    for each in await desk.view.waiting({each.key for each in pending}):
        known[each.sink, each.to, each.key].append(each)
    now = desk.clock.now()
    queues = {each.id: [it for it in known[each.sink, each.to, each.key] if concern(it, each)] for each in pending}
    return {each.id: _wait(desk, each, queues[each.id], now) for each in pending}


def _wait(desk: Desk, delivery: Delivery, queue: Sequence[Delivery], now: Instant) -> Wait:
    found = wait(delivery, queue, now)
    held = None if aside(delivery, now) else desk.held(delivery)
    if held is None:
        return found
    until = held.until if found.until is None or held.until is None else max(found.until, held.until)
    if found.reason == Reason.IN_LINE:
        return Wait(until, found.reason)
    return held if until == held.until else found
