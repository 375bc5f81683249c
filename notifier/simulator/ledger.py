"""What was asked and what was told: births of orders, counts, the newest answers, requests a second."""

from collections import Counter, deque
from typing import NamedTuple

_SECOND = 1_000


class Answer(NamedTuple):
    """One answer about an order. `told` is the native status in its body, None where there was none."""

    time_ms: int
    http_status: int | None  # None: the connection was dropped
    told: str | None
    faults: tuple[str, ...]


class OrderRecord:
    """One order as the server has seen it."""

    __slots__ = ("answers", "born", "requests")

    def __init__(self, born: int, keep: int) -> None:
        self.born = born
        self.requests = 0
        self.answers: deque[Answer] = deque(maxlen=keep)


class _Pace:
    """Requests of one API within any second that ends with a request."""

    def __init__(self) -> None:
        self.recent: deque[int] = deque()
        self.peak = 0
        self.in_flight = 0
        self.peak_in_flight = 0

    def hit(self, now: int) -> None:
        self.recent.append(now)
        self.last_second(now)
        self.peak = max(self.peak, len(self.recent))
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def last_second(self, now: int) -> int:
        while self.recent and self.recent[0] <= now - _SECOND:
            self.recent.popleft()
        return len(self.recent)


class Ledger:
    """All counts of one server; `keep` answers are remembered for each order."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.orders: dict[tuple[str, str], OrderRecord] = {}
        self._answers: dict[str, Counter[str]] = {}
        self._paces: dict[str, _Pace] = {}

    def begin(self, api: str, order_id: str, born: int) -> OrderRecord:
        """The record of an order; `born` counts only if there is none yet."""
        record = self.orders.get((api, order_id))
        if record is None:
            record = self.orders[api, order_id] = OrderRecord(born, self._keep)
        return record

    def asked(self, api: str, now: int) -> None:
        """A request came in."""
        self._paces.setdefault(api, _Pace()).hit(now)

    def answered(self, api: str, http_status: int | None) -> None:
        """Its answer went out; None: the connection was dropped."""
        self._paces[api].in_flight -= 1
        self._answers.setdefault(api, Counter())[str(http_status or "dropped")] += 1

    def stats(self, now: int) -> dict[str, object]:
        """By API: requests, answers by HTTP status, the last second, the busiest second, requests in flight."""
        apis = {
            api: {
                "requests": sum(self._answers.get(api, Counter()).values()) + pace.in_flight,
                "answers": dict(self._answers.get(api, Counter())),
                "last_second": pace.last_second(now),
                "peak_second": pace.peak,
                "in_flight": pace.in_flight,
                "peak_in_flight": pace.peak_in_flight,
            }
            for api, pace in self._paces.items()
        }
        return {"apis": apis, "orders": len(self.orders)}
