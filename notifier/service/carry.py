"""What a shard's lost lease leaves to the next one: answers and outcomes that were seen, sends still under way."""

from collections.abc import Callable, Iterable

from notifier.model import Delivery, Instant, Look

KEPT_FOR = 600_000  # ms; older ones belong to a shard that found another owner


class Carry:
    """Of one shard, across its leases. Applying again is a no-op where the state already has it."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._under_way: dict[str, Callable[[], None] | None] = {}

    # --- answers -----------------------------------------------------------------------------------------------

    def look(self, key: str, look: Look) -> None:
        """The newest of each order."""
        kept = self._looks.get(key)
        if kept is None or kept.began < look.began:
            self._looks[key] = look

    def looks(self, now: Instant) -> list[tuple[str, Look]]:
        """Kept until `applied`: the lease that they are applied under may be lost, too."""
        self._looks = {key: look for key, look in self._looks.items() if look.ended > now - KEPT_FOR}
        return list(self._looks.items())

    def applied(self, key: str, look: Look) -> None:
        if self._looks.get(key) is look:
            del self._looks[key]

    # --- outcomes ----------------------------------------------------------------------------------------------

    def delivery(self, delivery: Delivery) -> None:
        """A delivery as it is after a send whose outcome may not have been recorded."""
        self._deliveries[delivery.id] = delivery

    def newer_of(self, restored: Iterable[Delivery]) -> list[Delivery]:
        """Those of which more is known than was restored, as they are."""
        return [kept for each in restored if (kept := self.newer(each)) is not each] if self._deliveries else []

    def newer(self, restored: Delivery) -> Delivery:
        """The restored delivery, or what is known of it beyond; that is then the caller's to record."""
        kept = self._deliveries.pop(restored.id, None)
        if kept is None or not (restored.state == "sending" or _last(kept) > _last(restored)):
            return restored
        return kept

    def concerns(self, ids: Iterable[str]) -> bool:
        """Whether there is more to know of any of these deliveries than was restored, now or soon."""
        return any(id in self._under_way or id in self._deliveries for id in ids)

    def restored(self, open_ids: Iterable[str]) -> None:
        """Of others than these deliveries the outcomes are durable."""
        self._deliveries = {id: self._deliveries[id] for id in open_ids if id in self._deliveries}

    # --- sends -------------------------------------------------------------------------------------------------

    def begin(self, id: str, otherwise: Callable[[], None]) -> bool:
        """Whether this delivery may be worked at. If a former lease's send of it is still under way, `otherwise` is
        called when that has ended: sent once more meanwhile, it would be repeated without need."""
        if id in self._under_way:
            self._under_way[id] = otherwise
            return False
        self._under_way[id] = None
        return True

    def end(self, id: str) -> None:
        if waiting := self._under_way.pop(id):
            waiting()


def _last(delivery: Delivery) -> Instant:
    return delivery.attempts[-1].at if delivery.attempts else 0
