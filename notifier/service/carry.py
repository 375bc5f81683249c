"""What a lost commit carried: answers and outcomes that were seen, kept to be applied to the restored state."""

from notifier.model import Delivery, Instant, Look

KEPT_FOR = 600_000  # ms; older ones belong to a shard that found another owner


class Carry:
    """Of one shard, across its leases. Applying again is a no-op where the state already has it."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}
        self._deliveries: dict[str, Delivery] = {}

    def look(self, key: str, look: Look) -> None:
        """One for each order: of one order, one look is in flight."""
        self._looks[key] = look

    def delivery(self, delivery: Delivery) -> None:
        """A delivery as it is after a send whose outcome may not have been recorded."""
        self._deliveries[delivery.id] = delivery

    def take_looks(self, now: Instant) -> dict[str, Look]:
        looks, self._looks = self._looks, {}
        return {key: look for key, look in looks.items() if look.ended > now - KEPT_FOR}

    def newer(self, restored: Delivery) -> Delivery:
        """The restored delivery, or what is known of it beyond."""
        kept = self._deliveries.pop(restored.id, None)
        return kept if kept is not None and len(kept.attempts) > len(restored.attempts) else restored

    def clear_deliveries(self) -> None:
        self._deliveries.clear()
