"""A desk in memory with the whole surface that the API knows, and orders to look at."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import msgspec

from notifier.backends.base import (
    Backlog,
    CursorGone,
    DeliveryQuery,
    EventQuery,
    Order,
    OrderQuery,
    Page,
    Query,
    Spent,
    T,
    WatchQuery,
)
from notifier.envelope import seal
from notifier.errors import InputError, Problem, Unavailable
from notifier.metrics import Metrics
from notifier.model import (
    Attempt,
    CancelRules,
    CloudEvent,
    Comment,
    Cost,
    CostCenter,
    Delivery,
    Entry,
    Event,
    EventType,
    Instant,
    Performer,
    Person,
    Phase,
    Place,
    Recipient,
    Schedule,
    Snapshot,
    State,
    Vehicle,
    Watch,
)
from notifier.routing.line import Wait

NOW = 1795258800000  # 2026-11-21T11:00:00Z


class Look(NamedTuple):
    began: Instant
    ended: Instant
    outcome: str
    detail: str


class Live(NamedTuple):
    next_poll_at: Instant | None
    last_ok_at: Instant | None
    last_error: str | None
    failures: int
    looks: tuple[Look, ...]


class FixedClock:
    def now(self) -> Instant:
        return NOW

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class MemoryView:
    """Lists by offset; the stream's cursors are the events' places in the list, below `horizon` no longer kept."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.events: list[CloudEvent] = []
        self.deliveries: list[Delivery] = []
        self.horizon = 0
        self.broken = False
        self.followers = 0
        self.left = asyncio.Event()
        self.given = 0
        self._news = asyncio.Condition()

    async def find(self, query: Query[T], /) -> Page[T]:
        if self.broken:
            raise Unavailable("disk full at /var/notifier.db")
        start = 0
        if query.cursor is not None:
            if not query.cursor.isdecimal():
                raise CursorGone
            start = int(query.cursor)
        found = self._matching(query)
        following = str(start + query.limit) if len(found) > start + query.limit else None
        return Page(cast("tuple[T, ...]", tuple(found[start : start + query.limit])), following)

    def _matching(self, query: Any) -> list[Any]:
        orders = [self.orders[key] for key in sorted(self.orders)]
        match query:
            case WatchQuery():
                watches = (order.watch for order in orders if not order.removed)
                return [it for it in watches if query.key in (None, it.key) and query.source in (None, it.source)]
            case OrderQuery():
                return [
                    it
                    for it in orders
                    if query.key in (None, it.watch.key)
                    and query.source in (None, it.watch.source)
                    and query.phase in (None, it.state.phase if it.state else None)
                ]
            case EventQuery():
                return [it for it in self.events if it.key == query.key]
            case DeliveryQuery():
                names = ("id", "state", "key", "sink", "to")
                return [
                    it
                    for it in sorted(self.deliveries, key=lambda it: (it.created_at, it.id), reverse=True)
                    if all(getattr(query, name) in (None, getattr(it, name)) for name in names)
                    and (query.since is None or it.created_at >= query.since)
                    and (query.until is None or it.created_at < query.until)
                ]
        raise AssertionError(query)

    async def count_sent(self, to: str | None, since: Instant, /, sinks: Collection[str] = ()) -> int:
        raise NotImplementedError

    async def spent(self, sink: str, since: Instant, /) -> Sequence[Spent]:
        raise NotImplementedError

    async def waiting(self, keys: Collection[str], /) -> tuple[Delivery, ...]:
        found = [each for each in self.deliveries if each.key in keys and each.open]
        return tuple(sorted(found, key=lambda each: (each.created_at, each.event.sequence)))

    async def backlog(self) -> tuple[Backlog, ...]:
        raise NotImplementedError

    async def publish(self, *events: CloudEvent) -> None:
        async with self._news:
            self.events += events
            self._news.notify_all()

    async def follow(self, after: str | None, /, since: Instant | None = None) -> AsyncIterator[tuple[str, CloudEvent]]:
        if after is not None and (not after.isdecimal() or int(after) < self.horizon):
            raise CursorGone
        place = int(after) if after is not None else 0 if since is not None else len(self.events)
        self.followers += 1
        try:
            while True:
                async with self._news:
                    while len(self.events) <= place:
                        await self._news.wait()
                event = self.events[place]
                place += 1
                self.given += 1
                yield str(place), event
        finally:
            self.followers -= 1
            self.left.set()

    def as_of(self) -> Instant:
        return NOW


@dataclass
class ApiSettings:
    token_file: str | None = None


@dataclass
class Settings:
    api: ApiSettings = field(default_factory=ApiSettings)
    sources: Mapping[str, object] = field(default_factory=lambda: {"trips": object(), "food": object()})


class MemoryDesk:
    """Bodies need a source and an order id; what else may be in them is the configuration's to judge."""

    def __init__(self) -> None:
        self.config = Settings()
        self.clock = FixedClock()
        self.metrics = Metrics()
        self.view = MemoryView()
        self.bodies: list[object] = []
        self.retried: list[str] = []
        self.lives: dict[str, Live] = {}
        self.holds: dict[str, Wait] = {}
        self.troubles: tuple[str, ...] = ()
        self.stuck: tuple[str, ...] = ()
        self.failure: Exception | None = None

    async def put(self, body: object, /) -> tuple[Watch, bool]:
        self._fail()
        self.bodies.append(body)
        match body:
            case {"source": str() as source, "ids": {"order_id": str() | int() as id}}:
                key = f"{source}/{id}"
            case _:
                raise InputError([Problem("source", "is missing: name a source"), Problem("ids", "is missing")])
        known = self.view.orders.get(key)
        watch = Watch(key=key, source=source, ids={"order_id": str(id)}, created_at=NOW, updated_at=NOW)
        kept = watch if known is None else msgspec.structs.replace(watch, created_at=known.watch.created_at)
        self.view.orders[key] = Order(kept, known.state if known else None, False)
        return watch, known is None or known.removed

    async def remove(self, key: str, /) -> bool:
        self._fail()
        known = self.view.orders.get(key)
        if known is None or known.removed:
            return False
        self.view.orders[key] = known._replace(removed=True)
        return True

    async def retry(self, key: str, delivery_id: str, /) -> None:
        self._fail()
        self.retried.append(delivery_id)

    def live(self, key: str, /) -> Live | None:
        return self.lives.get(key)

    def held(self, delivery: Delivery, /) -> Wait | None:
        return self.holds.get(delivery.endpoint)

    def stalled(self) -> tuple[str, ...]:
        return self.stuck

    def trouble(self) -> tuple[str, ...]:
        return self.troubles

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def a_watch(key: str = "trips/885e", **fields: Any) -> Watch:
    given: dict[str, Any] = {
        "key": key,
        "source": key.partition("/")[0],
        "ids": {"order_id": key.rpartition("/")[2]},
        "recipients": (Recipient(email="anna@example.org", phone="+79120995513", locale="ru"),),
        "labels": {"team": "sales"},
        "created_at": NOW - 60_000,
        "updated_at": NOW - 30_000,
    }
    return Watch(**(given | fields))


SNAPSHOT = Snapshot(
    status="waiting",
    updated_at=NOW - 5_000,
    performer=Performer(name="Ivan", phone="+79120000000", vehicle=Vehicle(model="Solaris", plate="A1", color="white")),
    location=Place(lat=55.75, lon=37.61),
    route=(Place(lat=55.75, lon=37.61, address="Lenina 1"), Place(address="Mira 2")),
    schedule=Schedule(start=NOW),
    finished_at=None,
    cost=Cost(amount=100.5, with_vat=120.6),
    cancel_rules=CancelRules(can_cancel=True, state="free", title="Free", message="For now"),
    entries=(
        Entry(kind="status", value="new", at=NOW - 9_000),
        Entry(kind="history", value="ARRIVAL", at=NOW - 8_000, initiator="app", place=Place(lat=1.5, lon=2.5)),
    ),
    person=Person(id="5769", name="Olga", phone="+79120000001"),
    number="42",
    tariff="econom",
    cost_centers=(CostCenter(id="cc", title="Purpose", value="meeting"),),
    created_by="boss",
    comments=(Comment(status="NEW", text="no onions"),),
    comment="no onions",
)


def a_state(key: str = "trips/885e", **fields: Any) -> State:
    given: dict[str, Any] = {
        "key": key,
        "life": NOW - 60_000,
        "sequence": 2,
        "snapshot": SNAPSHOT,
        "phase": Phase.ARRIVED,
        "certain": True,
        "since": NOW - 5_000,
        "tracked": True,
        "last_ok": NOW - 4_000,
        "changed_at": NOW - 5_000,
    }
    return State(**(given | fields))


def a_cloud_event(sequence: int = 1, key: str = "trips/885e", type: EventType = EventType.STATUS_CHANGED) -> CloudEvent:
    event = Event(
        key=key,
        life=NOW - 60_000,
        sequence=sequence,
        type=type,
        before=None if type is EventType.LOST else {"status": "driving"},
        after=None if type is EventType.LOST else {"status": "waiting"},
        status="waiting",
        phase=Phase.ARRIVED,
        certain=True,
        at=None,
        not_before=NOW - 9_000,
        not_after=NOW - 5_000,
        observed_at=NOW - 5_000,
        snapshot=SNAPSHOT,
    )
    return seal(event, a_watch(key), personal_data=False)


def a_delivery(id: str = "d1", sequence: int = 1, **fields: Any) -> Delivery:
    given: dict[str, Any] = {
        "id": id,
        "key": "trips/885e",
        "event": a_cloud_event(sequence),
        "rule": "everything",
        "sink": "mail",
        "to": "anna@example.org",
        "endpoint": "smtp.example.org:587",
        "state": "dead",
        "reason": "retries_exhausted",
        "attempts": (Attempt(at=NOW - 3_000, outcome="again", status="503", reason="server_error", ms=12),),
        "created_at": NOW - 5_000,
    }
    return Delivery(**(given | fields))


LIVE = Live(
    next_poll_at=NOW + 5_000,
    last_ok_at=NOW - 1_000,
    last_error="timeout",
    failures=1,
    looks=(Look(NOW - 2_000, NOW - 1_900, "timeout", "no answer in 10 s"),),
)


def furnish(desk: MemoryDesk) -> None:
    """Two orders, three events and the deliveries of the first one."""
    view = desk.view
    view.orders["trips/885e"] = Order(a_watch(), a_state(), False)
    view.orders["food/1"] = Order(a_watch("food/1", recipients=(), labels={}), None, False)
    view.events = [a_cloud_event(1), a_cloud_event(2), a_cloud_event(1, "food/1")]
    view.deliveries = [
        a_delivery("dead1"),
        a_delivery("held1", 2, state="pending", due=NOW + 7_000, held="quiet_hours", reason=None, attempts=()),
        a_delivery("skip1", 2, state="skipped", to=None, reason="no_address", attempts=()),
        a_delivery("done1", sink="hook", to="https://h.example.org/s3cret?t=1", state="delivered", reason=None),
    ]
    desk.lives["trips/885e"] = LIVE
