"""Everything a simulator knows, without its HTTP: which orders were born when, their lives, faults, tokens, counts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo

from notifier.simulator.access import Access
from notifier.simulator.faults import Fault, Faults
from notifier.simulator.ledger import Answer, Ledger, OrderRecord
from notifier.simulator.lives import API_NAMES, life
from notifier.simulator.lives.draw import fraction
from notifier.simulator.lives.model import Change, Life
from notifier.simulator.lives.words import spelled

_LIVES_KEPT = 10_000

Sleep = Callable[[float], Awaitable[object]]


def wall_clock() -> int:
    """ms since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class World:
    """The orders of one simulator.

    seed: of every draw. speed: how much faster the orders' own time runs; dwells and due dates shrink by it, all times
    told are real ones. epoch: ms; without it an order is born when it is first asked for, with it at epoch plus an
    offset below `spread` seconds of the order's own time, drawn from its id (0 for ids that spell their life), so that
    everything is a pure function of the time; before its birth it is not found. clock: ms since the epoch; sleep: in
    seconds, what delayed answers wait with.
    tokens: None accepts any, otherwise only these and issued ones. clients: client or company ids that the token may
    see, None for any. oauth_clients: client id to secret at the token endpoint, None for any. token_ttl: seconds of
    real time. timezone: of the times that taxi v1 writes without an offset. keep: answers remembered for each order.
    Raises ValueError for a speed that is not positive, ZoneInfoNotFoundError for an unknown zone.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        epoch: int | None = None,
        spread: float = 60.0,
        speed: float = 1.0,
        clock: Callable[[], int] = wall_clock,
        sleep: Sleep = asyncio.sleep,
        tokens: Collection[str] | None = None,
        clients: Collection[str] | None = None,
        oauth_clients: Mapping[str, str] | None = None,
        token_ttl: float = 3_600.0,
        timezone: str = "UTC",
        faults: Iterable[Fault] = (),
        keep: int = 64,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.seed = seed
        self.epoch = epoch
        self.spread = spread
        self.speed = speed
        self.clock = clock
        self.sleep = sleep
        self.clients = clients
        self.zone: tzinfo = ZoneInfo(timezone)
        self.access = Access(seed, tokens, oauth_clients, token_ttl)
        self.ledger = Ledger(keep)
        self.faults = Faults(seed)
        for fault in faults:
            self.add_fault(fault)
        self._lives: dict[tuple[str, str], Life] = {}

    def add_fault(self, fault: Fault) -> int:
        """Let `fault` stand from now on; its id, for `faults.remove`."""
        return self.faults.add(fault, self.clock())

    def expire_tokens(self) -> None:
        """Every token issued or used so far is refused from now on."""
        self.access.expire()

    def begin(self, api: str, order_id: str, at: int | None = None) -> int:
        """Let an order be born at `at` (ms, now by default), unless it was; its birth. For one not asked for yet."""
        return self.record(api, order_id, self.clock() if at is None else at).born

    def record(self, api: str, order_id: str, now: int) -> OrderRecord:
        """The record of an order, born by this if it was not."""
        born = self._by_epoch(api, order_id)
        return self.ledger.begin(api, order_id, now if born is None else born)

    def life(self, api: str, order_id: str) -> Life:
        """The whole life of an order. Raises LookupError if it is not born, ValueError for an unknown API."""
        if api not in API_NAMES:
            raise ValueError(f"{api!r} is no order API; there are {', '.join(API_NAMES)}")
        known = self._lives.get((api, order_id))
        if known is not None:
            return known
        record = self.ledger.orders.get((api, order_id))
        born = record.born if record else self._by_epoch(api, order_id)
        if born is None:
            raise LookupError(f"nobody has asked {api} for {order_id!r} yet")
        if len(self._lives) >= _LIVES_KEPT:
            del self._lives[next(iter(self._lives))]
        known = self._lives[api, order_id] = life(self.seed, api, order_id, born=born, speed=self.speed)
        return known

    def timeline(self, api: str, order_id: str, whole: bool = False) -> tuple[Change, ...]:
        """The true native timeline of an order, so far or `whole`. Raises as `life` does."""
        return self.life(api, order_id).timeline(None if whole else self.clock())

    def answers(self, api: str, order_id: str) -> tuple[Answer, ...]:
        """The newest answers about an order, oldest first; none if nobody asked."""
        record = self.ledger.orders.get((api, order_id))
        return tuple(record.answers) if record else ()

    def stats(self) -> dict[str, object]:
        """See `Ledger.stats`."""
        return self.ledger.stats(self.clock())

    def _by_epoch(self, api: str, order_id: str) -> int | None:
        if self.epoch is None:
            return None
        late = 0.0 if spelled(order_id) else fraction(self.seed, api, order_id, "birth") * self.spread
        return self.epoch + round(late * 1_000 / self.speed)
