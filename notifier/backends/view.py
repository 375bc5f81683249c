"""The read side, as SQL over the tables: any order, any replica. What it reads is decoded on the reading thread.

Pages go by keyset: a cursor names the last row of a page, so that rows added or deleted meanwhile shift nothing.
"""

import base64
import binascii
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from notifier import codec
from notifier.backends import commits
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
    WatchQuery,
)
from notifier.backends.bell import Bell
from notifier.backends.follow import Read, follow
from notifier.clock import Clock
from notifier.model import CloudEvent, Delivery, Instant

T = TypeVar("T")

MOST_ITEMS = 1_000
MOST_OF_LANE = 20


class SqlView:
    """`events` rings for each new event; its `newest` is where a follower of live events begins."""

    deliveries_by: tuple[str, ...] = ("d.created_at", "d.number")
    """What pages of deliveries are sorted by, and their cursors name."""
    unpack_event: Callable[[bytes], CloudEvent] = staticmethod(codec.unpack_event)
    """Of the column `record` of events."""

    def __init__(self, read: Read, events: Bell, clock: Clock) -> None:
        self._read = read
        self._bell = events
        self._clock = clock

    async def find(self, query: Query[T], /) -> Page[T]:
        plan = _PLANS[type(query)](query)
        if isinstance(query, DeliveryQuery):
            plan = plan._replace(by=self.deliveries_by)
        elif isinstance(query, EventQuery):
            plan = plan._replace(item=lambda row: self.unpack_event(row[0]))
        limit = min(max(query.limit, 1), MOST_ITEMS)
        rows = await self._read(lambda connection: plan.run(connection, query.cursor, limit))
        return cast(Page[T], rows)

    async def count_sent(self, to: str | None, since: Instant, /, sinks: Collection[str] = ()) -> int:
        return await self._read(lambda connection: _count_sent(connection, to, since, sinks))

    async def spent(self, sink: str, since: Instant, /) -> Sequence[Spent]:
        return await self._read(lambda connection: _spent(connection, sink, since))

    async def waiting(self, keys: Collection[str], /) -> tuple[Delivery, ...]:
        return await self._read(lambda connection: _waiting(connection, keys))

    async def backlog(self) -> tuple[Backlog, ...]:
        return await self._read(_backlog)

    def follow(self, after: str | None, /, since: Instant | None = None) -> AsyncIterator[tuple[str, CloudEvent]]:
        return follow(self._read, self._bell, self._bell.newest, after, since)

    def as_of(self) -> Instant:
        return self._clock.now()


# --- lists -----------------------------------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """One list: `select` with its conditions, in the order of `by`, which the cursor names too."""

    select: str
    by: tuple[str, ...]
    item: Callable[[Sequence[Any]], Any]
    where: tuple[tuple[str, Any], ...]
    newest_first: bool = False

    def run(self, connection: sqlite3.Connection, cursor: str | None, limit: int) -> Page[Any]:
        where = list(self.where)
        if cursor is not None:
            row = ", ".join(self.by)
            marks = ", ".join("?" * len(self.by))
            where.append((f"({row}) {'<' if self.newest_first else '>'} ({marks})", _read_cursor(cursor, len(self.by))))
        conditions = " AND ".join(condition for condition, _ in where) or "true"
        arguments = [value for _, values in where for value in (values if isinstance(values, list) else [values])]
        order = ", ".join(f"{column} DESC" if self.newest_first else column for column in self.by)
        keys = ", ".join(self.by)
        rows = connection.execute(
            f"SELECT {keys}, {self.select} WHERE {conditions} ORDER BY {order} LIMIT ?", (*arguments, limit + 1)
        ).fetchall()
        width = len(self.by)
        following = _write_cursor(rows[limit - 1][:width]) if len(rows) > limit else None
        return Page(tuple(self.item(row[width:]) for row in rows[:limit]), following)


def _watches(query: WatchQuery) -> _Plan:
    return _Plan(
        "watch FROM orders",
        ("key",),
        lambda row: codec.unpack_watch(row[0]),
        (("removed_at IS NULL", []), *_of_source(query.source), *_given("key = ?", query.key)),
    )


def _orders(query: OrderQuery) -> _Plan:
    def item(row: Sequence[Any]) -> Order:
        watch, state, removed_at = row
        return Order(
            codec.unpack_watch(watch), None if state is None else codec.unpack_state(state), removed_at is not None
        )

    return _Plan(
        "watch, state, removed_at FROM orders",
        ("key",),
        item,
        (*_of_source(query.source), *_given("phase = ?", query.phase), *_given("key = ?", query.key)),
    )


def _events(query: EventQuery) -> _Plan:
    return _Plan("record FROM events", ("life", "sequence"), lambda row: row[0], (("key = ?", query.key),))


def _deliveries(query: DeliveryQuery) -> _Plan:
    # A `+` keeps an index out of it: an order's or an address's deliveries are few, those of a state may be millions.
    few = "+" if query.id or query.key or query.to else ""
    return _Plan(
        commits.DELIVERY,
        ("d.created_at", "d.number"),
        lambda row: commits.unpack_delivery(*row),
        (
            *_given("d.id = ?", query.id),
            *_given("d.key = ?", query.key),
            *_given("d.recipient = ?", query.to),
            *_given(f"{few}d.state = ?", query.state),
            *_given("d.sink = ?", query.sink),
            *_given(f"{few}d.created_at >= ?", query.since),
            *_given(f"{few}d.created_at < ?", query.until),
        ),
        newest_first=True,
    )


_PLANS: dict[type, Callable[[Any], _Plan]] = {
    WatchQuery: _watches,
    OrderQuery: _orders,
    EventQuery: _events,
    DeliveryQuery: _deliveries,
}


def _given(condition: str, value: Any) -> tuple[tuple[str, Any], ...]:
    return () if value is None else ((condition, value),)


def _of_source(source: str | None) -> tuple[tuple[str, Any], ...]:
    """A key begins with its source and a slash; `0` is the character after the slash."""
    return () if source is None else (("key >= ? AND key < ?", [f"{source}/", f"{source}0"]),)


def _write_cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(tuple(values))).decode().rstrip("=")


def _read_cursor(cursor: str, width: int) -> list[str | int]:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        values = msgspec.msgpack.decode(packed, type=list[str | int])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise CursorGone("not a cursor of this list: begin without one") from None
    if len(values) != width:
        raise CursorGone("a cursor of another list: begin without one")
    return values


# --- counts ----------------------------------------------------------------------------------------------------------


def _count_sent(connection: sqlite3.Connection, to: str | None, since: Instant, sinks: Collection[str]) -> int:
    """Those that went as one message were sent in the same moment; whether they did their records tell."""
    address, index = ("recipient IS NOT NULL", "deliveries_sent") if to is None else ("recipient = ?", "deliveries_to")
    over = f"AND sink IN ({', '.join('?' * len(sinks))})" if sinks else ""
    moments = connection.execute(
        f"SELECT recipient, sink, finished_at, count(*) FROM deliveries INDEXED BY {index}"
        f" WHERE {address} AND finished_at >= ? AND state = 'delivered' {over} GROUP BY recipient, sink, finished_at",
        (*(() if to is None else (to,)), since, *sinks),
    ).fetchall()
    return sum(count if count == 1 else _messages(connection, *moment) for *moment, count in moments)


def _messages(connection: sqlite3.Connection, to: str, sink: str, at: Instant) -> int:
    rows = connection.execute(
        "SELECT record FROM deliveries INDEXED BY deliveries_to"
        " WHERE recipient = ? AND finished_at = ? AND sink = ? AND state = 'delivered'",
        (to, at, sink),
    )
    deliveries = [codec.unpack_delivery(record) for (record,) in rows]
    return len({delivery.message or delivery.id for delivery in deliveries})


def _spent(connection: sqlite3.Connection, sink: str, since: Instant) -> list[Spent]:
    """Deliveries that went as one message are one; what died without an answer may have been sent."""
    rows = connection.execute(
        "SELECT record, finished_at FROM deliveries INDEXED BY deliveries_sent"
        " WHERE recipient IS NOT NULL AND state = 'delivered' AND finished_at >= ?1 AND sink = ?2"
        " UNION ALL SELECT record, finished_at FROM deliveries INDEXED BY deliveries_by_state"
        " WHERE recipient IS NOT NULL AND state = 'dead' AND created_at >= ?1 AND finished_at >= ?1 AND sink = ?2",
        (since, sink),
    )
    found: dict[str, Spent] = {}
    for record, at in rows:
        delivery = codec.unpack_delivery(record)
        units = sum(attempt.units for attempt in delivery.attempts)
        id = delivery.message or delivery.id
        found[id] = Spent(id, delivery.to or "", at, units)
    return list(found.values())


def _waiting(connection: sqlite3.Connection, keys: Collection[str]) -> tuple[Delivery, ...]:
    marks = ", ".join("?" * len(keys))
    rows = connection.execute(
        f"SELECT {commits.DELIVERY} WHERE d.number IN (SELECT number FROM (SELECT number, row_number() OVER"
        " (PARTITION BY key, sink, recipient ORDER BY created_at, number) AS place FROM deliveries"
        f" WHERE key IN ({marks}) AND +state IN ('pending', 'sending')) WHERE place <= ?)",
        (*keys, MOST_OF_LANE),
    )
    found = (commits.unpack_delivery(*row) for row in rows)
    return tuple(sorted(found, key=lambda each: (each.created_at, each.event.sequence)))


def _backlog(connection: sqlite3.Connection) -> tuple[Backlog, ...]:
    rows = connection.execute(
        "SELECT sink, count(*), min(created_at) FROM deliveries INDEXED BY deliveries_open"
        " WHERE state IN ('pending', 'sending') GROUP BY sink"
    )
    return tuple(Backlog(*row) for row in rows)
