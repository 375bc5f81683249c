"""Deliveries and events as tables: what there may be millions of. Plain calls on a connection, on one thread.

Of a delivery two topics tell; the header `n` says which is newer. While what there was at the start is put together in
files of their own (`filling`), the tables here hold what is open and what comes meanwhile; then both become one.
"""

import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence

from notifier.backends import commits
from notifier.backends.kafka.finished import about
from notifier.backends.kafka.records import Plain, number_of, pack_as_it_came
from notifier.backends.rows import Row, into
from notifier.model import Instant

FAREWELL = 2.0  # seconds in which a delivery that leaves one topic shows up in the other

TABLES = ("deliveries", "events")

MORE = """
ALTER TABLE deliveries ADD COLUMN n INTEGER NOT NULL DEFAULT 0; -- the commit that wrote it
ALTER TABLE deliveries ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0; -- its event's
ALTER TABLE events ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN offset INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_of_part ON events (part, offset);
CREATE TABLE horizon (part INTEGER PRIMARY KEY, offset INTEGER NOT NULL); -- events before it were here and are gone
"""

DELIVERY = "id, key, state, sink, recipient, created_at, finished_at, record, n, sequence"
EVENT = "number, key, life, sequence, observed_at, record, part, offset"

_NEWER = """
ON CONFLICT (id) DO UPDATE SET state = excluded.state, finished_at = excluded.finished_at, record = excluded.record,
n = excluded.n WHERE excluded.n >= n
"""
_DELIVERIES = into("deliveries", DELIVERY, _NEWER)
_EVENTS = into("events", EVENT, "ON CONFLICT DO NOTHING")


def delivery_row(id: str, record: Plain) -> Row:
    """Of `DELIVERY`. Refused, BackendError."""
    told = about(record)
    return (
        id,
        told.key,
        told.state,
        told.sink,
        told.to,
        told.created_at,
        told.finished_at,
        record.value,
        number_of(record),
        told.sequence,
    )


def event_row(number: int, part: int, record: Plain) -> Row:
    """Of `EVENT`. MsgspecError, LookupError, ValueError: it is none."""
    life, sequence, observed_at = commits.told_by(record.value or b"")
    if not sequence or observed_at is None:
        raise ValueError("an event without its sequence, or without the time when it was observed")
    key = (record.key or b"").decode()
    return number, key, life, sequence, observed_at, pack_as_it_came(record), part, record.offset


class History:
    """`events` is no less than the number of the newest row; it rises for ever, also over a new file."""

    def __init__(self) -> None:
        self.events = 0
        # What came, and is not in the tables yet.
        self._events: list[Row] = []
        self._deliveries: list[Row] = []
        self._leaving: deque[tuple[float, str, int]] = deque()  # deliveries: until when, id, n
        # While the first ones are put together: what is to be deleted of them, too.
        self._filling = False
        self._gone: list[tuple[str, int]] = []  # deliveries: id, n
        self._forgotten: list[tuple[str, int, Instant | None]] = []

    def begin(self, filling: bool = False) -> None:
        """With empty tables; `filling`: `join` will come."""
        self._events, self._deliveries = [], []
        self._leaving.clear()
        self._filling = filling
        self._gone, self._forgotten = [], []

    @property
    def restless(self) -> bool:
        """Something is to be done although nothing new comes."""
        return bool(self._leaving)

    def delivery(self, id: str, record: Plain, now: float) -> None:
        """In the table after `settle`."""
        if record.value is None:
            # It goes over to the other topic, or is forgotten: not away before what is there could be read.
            self._leaving.append((now + FAREWELL, id, number_of(record)))
        else:
            self._deliveries.append(delivery_row(id, record))

    def deliveries(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """New or again."""
        _DELIVERIES.run(connection, rows)

    def event(self, part: int, record: Plain) -> None:
        """In the table after `settle`, if it was not before."""
        self._events.append(event_row(self.events + len(self._events) + 1, part, record))

    def settle(self, connection: sqlite3.Connection) -> None:
        """What came goes in: many at once, before anything else is done there."""
        events, self._events = self._events, []
        _EVENTS.run(connection, events)
        self.events += len(events)
        deliveries, self._deliveries = self._deliveries, []
        self.deliveries(connection, deliveries)

    def tidy(self, connection: sqlite3.Connection, now: float) -> None:
        """Deliveries that left a topic and did not show up in the other go."""
        while self._leaving and self._leaving[0][0] <= now:
            _, id, n = self._leaving.popleft()
            _leave(connection, id, n)
            if self._filling:
                self._gone.append((id, n))

    def forget(self, connection: sqlite3.Connection, key: str, n: int, life: Instant | None) -> None:
        """What is an order's up to this commit, and to this life; None: no event of it is known."""
        self.settle(connection)
        connection.execute("DELETE FROM deliveries WHERE key = ? AND n <= ?", (key, n))
        if life is not None:
            _forget_events(connection, key, life)
        if self._filling:
            self._forgotten.append((key, n, life))

    def prune(self, connection: sqlite3.Connection, begins: Mapping[int, int]) -> None:
        """Events that Kafka no longer keeps: `begins` are the first offsets of the partitions."""
        for part, offset in begins.items():
            (last,) = connection.execute(
                "SELECT max(offset) FROM events WHERE part = ? AND offset < ?", (part, offset)
            ).fetchone()
            if last is not None:
                connection.execute("DELETE FROM events WHERE part = ? AND offset < ?", (part, offset))
                _away(connection, part, last + 1)

    def join(self, connection: sqlite3.Connection, schemas: Mapping[str, str], events: int) -> None:
        """What came meanwhile goes to what there was, which takes its place: `schemas` of the attached files, by table.

        `events` is the greatest number in there. No event has come meanwhile.
        """
        there = schemas["deliveries"]
        connection.execute(
            f"INSERT INTO {there}.deliveries ({DELIVERY}) SELECT {DELIVERY} FROM main.deliveries WHERE true {_NEWER}"
        )
        for table in TABLES:
            connection.execute(f"DROP TABLE main.{table}")  # from here on the name means the attached one
        for id, n in self._gone:
            _leave(connection, id, n)
        for key, n, life in self._forgotten:
            connection.execute("DELETE FROM deliveries WHERE key = ? AND n <= ?", (key, n))
            if life is not None:
                _forget_events(connection, key, life)
        self.events = max(self.events, events)
        self._filling, self._gone, self._forgotten = False, [], []


def _leave(connection: sqlite3.Connection, id: str, n: int) -> None:
    connection.execute("DELETE FROM deliveries WHERE id = ? AND n < ?", (id, n))


def _forget_events(connection: sqlite3.Connection, key: str, life: Instant) -> None:
    row = connection.execute("SELECT part, max(offset) FROM events WHERE key = ? AND life <= ?", (key, life)).fetchone()
    if row[0] is not None:
        connection.execute("DELETE FROM events WHERE key = ? AND life <= ?", (key, life))
        _away(connection, row[0], row[1] + 1)


def _away(connection: sqlite3.Connection, part: int, offset: int) -> None:
    connection.execute(
        "INSERT INTO horizon (part, offset) VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET offset = max(offset, ?)",
        (part, offset, offset),
    )
