"""The topics as tables: each record changes what the read side shows. Plain calls on a connection, on one thread.

Records of one partition come in their order; those of different topics in any order, since each topic is read as fast
as it goes. So whatever two topics tell about the same thing has a number that says which is newer: the offset in
`watches` for a watch, the header `n` for a delivery.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from notifier import codec
from notifier.backends import commits, tables
from notifier.backends.kafka.inputs import BadRecord, Parse, merged, read_input
from notifier.backends.kafka.records import (
    Kept,
    Record,
    number_of,
    read_event,
    read_fact,
    split_key,
    unpack_kept,
)
from notifier.backends.kafka.topics import Topics
from notifier.errors import BackendError, Refused
from notifier.log import Repeats
from notifier.model import Instant

log = structlog.get_logger()

FAREWELL = 2.0  # seconds in which a delivery that leaves one topic shows up in the other
MOST_OUTCOMES = 10_000

_MORE = """
ALTER TABLE orders ADD COLUMN shown INTEGER NOT NULL DEFAULT -1; -- the offset in `watches` that the watch is as of
ALTER TABLE orders ADD COLUMN owned INTEGER NOT NULL DEFAULT -1; -- the one that the order's owner knew of
ALTER TABLE deliveries ADD COLUMN n INTEGER NOT NULL DEFAULT 0; -- the commit that wrote it
ALTER TABLE deliveries ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0; -- its event's
ALTER TABLE events ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN offset INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_of_part ON events (part, offset);
CREATE TABLE horizon (part INTEGER PRIMARY KEY, offset INTEGER NOT NULL); -- events before it were here and are gone
CREATE TABLE early (key TEXT PRIMARY KEY, state BLOB, phase TEXT, retired_at INTEGER) WITHOUT ROWID; -- no watch yet
DROP INDEX orders_live;
DROP TABLE commands;
DROP TABLE probe;
"""

_KEEP_EVENT = """
INSERT INTO events (number, key, life, sequence, observed_at, record, part, offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""

_KEEP_DELIVERY = """
INSERT INTO deliveries (id, key, state, sink, recipient, created_at, finished_at, record, n, sequence)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, finished_at = excluded.finished_at, record = excluded.record,
n = excluded.n WHERE excluded.n >= n
"""


class Outcome(NamedTuple):
    """What a record of `watches` met. `there`: the order was followed before it."""

    there: bool


class Tables:
    """`events` and `facts` are the numbers of the newest rows; they rise for ever, also over a new file."""

    def __init__(self, topics: Topics, shards: int, parse: Parse) -> None:
        self.events = 0
        self.facts = 0
        self._shards_count = shards
        self._parse = parse
        self._outcomes: dict[tuple[int, int], Outcome] = {}
        self._leaving: deque[tuple[float, str, int]] = deque()  # deliveries: until when, id, n
        self._early = False
        self._now = 0.0
        self._repeats = Repeats()
        self._handlers: dict[str, Callable[[sqlite3.Connection, Record], None]] = {
            topics.shards: self._of_shard,
            topics.watches: self._input,
            topics.deliveries: self._finished,
            topics.events: self._event,
            topics.facts: self._fact,
        }

    def create(self, connection: sqlite3.Connection) -> None:
        """Empty tables, in the caller's transaction."""
        tables.create(connection, epoch=0)
        for statement in _MORE.split("\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('facts', ?)", (self.facts,))
        self._leaving.clear()
        self._early = False

    def outcome(self, partition: int, offset: int) -> Outcome | None:
        """Of a record of `watches` that was applied lately."""
        return self._outcomes.get((partition, offset))

    @property
    def restless(self) -> bool:
        """Something is to be done although nothing new comes."""
        return bool(self._leaving)

    def apply(self, connection: sqlite3.Connection, batches: Iterable[Sequence[Record]], now: float) -> None:
        """Each batch is of one partition of one topic. `now`: seconds on any clock that runs on.

        Refused: a record of a newer format. Others that cannot be read are told of and left out.
        """
        self._now = now
        for batch in batches:
            handle = self._handlers[batch[0].topic]
            for record in batch:
                try:
                    handle(connection, record)
                except Refused:
                    raise
                except (BackendError, msgspec.MsgspecError, LookupError, ValueError) as error:
                    self._unreadable(record, error)
        while self._leaving and self._leaving[0][0] <= now:
            _, id, n = self._leaving.popleft()
            connection.execute("DELETE FROM deliveries WHERE id = ? AND n < ?", (id, n))

    def _unreadable(self, record: Record, error: Exception) -> None:
        left_out = self._repeats.ok((record.topic, type(error).__name__), self._now)
        if left_out is not None:
            log.error(
                "record_unreadable",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                error=type(error).__name__,
                repeated=left_out,
            )

    def prune(self, connection: sqlite3.Connection, begins: Mapping[int, int]) -> None:
        """Events that Kafka no longer keeps: `begins` are the first offsets of the partitions."""
        for part, offset in begins.items():
            (last,) = connection.execute(
                "SELECT max(offset) FROM events WHERE part = ? AND offset < ?", (part, offset)
            ).fetchone()
            if last is not None:
                connection.execute("DELETE FROM events WHERE part = ? AND offset < ?", (part, offset))
                _gone(connection, part, last + 1)

    # --- shards ------------------------------------------------------------------------------------------------------

    def _of_shard(self, connection: sqlite3.Connection, record: Record) -> None:
        kind, name = split_key(record.key or b"")
        match kind:
            case "o":
                self._state(connection, name, record.value)
            case "d":
                self._delivery(connection, name, record)
            case "w" if record.value is None:
                self._forgotten(connection, name, number_of(record))
            case "w":
                self._kept(connection, name, record.partition, unpack_kept(record.value or b""))

    def _state(self, connection: sqlite3.Connection, key: str, state: bytes | None) -> None:
        if state is None:
            connection.execute(
                "UPDATE orders SET state = NULL, phase = 'unknown', retired_at = NULL WHERE key = ?", (key,)
            )
            connection.execute("DELETE FROM early WHERE key = ?", (key,))
            return
        known = codec.peek_state(state)
        columns = (state, known.phase.value, known.retired_at, key)
        if not connection.execute(
            "UPDATE orders SET state = ?, phase = ?, retired_at = ? WHERE key = ?", columns
        ).rowcount:
            # After a compaction a state may stand before its order's watch.
            connection.execute(
                "INSERT OR REPLACE INTO early (state, phase, retired_at, key) VALUES (?, ?, ?, ?)", columns
            )
            self._early = True

    def _kept(self, connection: sqlite3.Connection, key: str, partition: int, kept: Kept) -> None:
        """As the owner resolved it. The view may be ahead of him, and have shown a newer one from `watches`."""
        row = connection.execute("SELECT watch, removed_at, shown FROM orders WHERE key = ?", (key,)).fetchone()
        if row is None:
            self._begin(connection, key, kept.watch, kept.removed_at, kept.offset)
            connection.execute("UPDATE orders SET owned = ? WHERE key = ?", (kept.offset, key))
            self._met(partition, kept.offset, there=False)
            return
        watch, removed_at, shown = row
        if shown <= kept.offset:
            connection.execute(
                "UPDATE orders SET watch = ?, removed_at = ?, shown = ?, owned = ? WHERE key = ?",
                (kept.watch, kept.removed_at, kept.offset, kept.offset, key),
            )
            self._met(partition, kept.offset, there=removed_at is None)
        else:
            newer = merged(codec.unpack_watch(watch), key, codec.unpack_watch(kept.watch))
            connection.execute(
                "UPDATE orders SET watch = ?, owned = ? WHERE key = ?", (codec.pack_watch(newer), kept.offset, key)
            )

    def _begin(
        self, connection: sqlite3.Connection, key: str, watch: bytes, removed_at: Instant | None, shown: int
    ) -> None:
        connection.execute(
            "INSERT INTO orders (key, watch, removed_at, shown) VALUES (?, ?, ?, ?)", (key, watch, removed_at, shown)
        )
        if self._early:
            row = connection.execute("SELECT state, phase, retired_at FROM early WHERE key = ?", (key,)).fetchone()
            if row is not None:
                connection.execute("UPDATE orders SET state = ?, phase = ?, retired_at = ? WHERE key = ?", (*row, key))
                connection.execute("DELETE FROM early WHERE key = ?", (key,))

    def _forgotten(self, connection: sqlite3.Connection, key: str, n: int) -> None:
        """The end of retention: the order goes with all that is its, a life that it began since left out."""
        connection.execute("DELETE FROM early WHERE key = ?", (key,))
        connection.execute("DELETE FROM deliveries WHERE key = ? AND n <= ?", (key, n))
        row = connection.execute("SELECT watch, removed_at, shown, owned FROM orders WHERE key = ?", (key,)).fetchone()
        if row is None:
            return
        watch, removed_at, shown, owned = row
        self._forget_events(connection, key, codec.unpack_watch(watch).created_at)
        if removed_at is None and shown > owned >= 0:
            # Added again a moment before: the owner begins a new life of it.
            again = codec.unpack_watch(watch)
            again = msgspec.structs.replace(again, created_at=again.updated_at)
            connection.execute(
                "UPDATE orders SET watch = ?, state = NULL, phase = 'unknown', retired_at = NULL, owned = -1"
                " WHERE key = ?",
                (codec.pack_watch(again), key),
            )
        else:
            connection.execute("DELETE FROM orders WHERE key = ?", (key,))

    def _forget_events(self, connection: sqlite3.Connection, key: str, life: Instant) -> None:
        row = connection.execute(
            "SELECT part, max(offset) FROM events WHERE key = ? AND life <= ?", (key, life)
        ).fetchone()
        if row[0] is not None:
            connection.execute("DELETE FROM events WHERE key = ? AND life <= ?", (key, life))
            _gone(connection, row[0], row[1] + 1)

    # --- watches -----------------------------------------------------------------------------------------------------

    def _input(self, connection: sqlite3.Connection, record: Record) -> None:
        """What its owner will do with it, shown a moment before him. Bad ones are for him to report."""
        key = (record.key or b"").decode()
        row = connection.execute("SELECT watch, removed_at, shown, owned FROM orders WHERE key = ?", (key,)).fetchone()
        if row is not None and row[2] >= record.offset:
            return
        known = None if row is None else codec.unpack_watch(row[0])
        try:
            said = read_input(record, self._shards_count, known, self._parse)
        except BadRecord:
            return
        there = row is not None and row[1] is None
        if said.retires is not None:
            if row is not None and row[2] <= said.retires:
                self._forgotten(connection, key, number_of(record))
            elif row is not None and row[3] < 0:
                # Added again a moment before: what was asked earlier, and is read again, belongs to a former life.
                again = codec.unpack_watch(row[0])
                again = msgspec.structs.replace(again, created_at=again.updated_at)
                connection.execute("UPDATE orders SET watch = ? WHERE key = ?", (codec.pack_watch(again), key))
            return
        self._met(record.partition, record.offset, there)
        if said.watch is not None and row is None:
            self._begin(connection, key, codec.pack_watch(said.watch), None, record.offset)
        elif said.watch is not None:
            connection.execute(
                "UPDATE orders SET watch = ?, removed_at = NULL, shown = ? WHERE key = ?",
                (codec.pack_watch(said.watch), record.offset, key),
            )
        elif there:
            connection.execute(
                "UPDATE orders SET removed_at = ?, shown = ? WHERE key = ?", (said.at, record.offset, key)
            )

    def _met(self, partition: int, offset: int, there: bool) -> None:
        self._outcomes.setdefault((partition, offset), Outcome(there))
        if len(self._outcomes) > MOST_OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]

    # --- deliveries, events, facts -----------------------------------------------------------------------------------

    def _finished(self, connection: sqlite3.Connection, record: Record) -> None:
        self._delivery(connection, (record.key or b"").decode(), record)

    def _delivery(self, connection: sqlite3.Connection, id: str, record: Record) -> None:
        n, value = number_of(record), record.value
        if value is None:
            # It goes over to the other topic, or is forgotten: not away before what is there could be read.
            self._leaving.append((self._now + FAREWELL, id, n))
            return
        peek = codec.peek_delivery(value)
        connection.execute(
            _KEEP_DELIVERY,
            (id, peek.key, peek.state, peek.sink, peek.to, peek.created_at, peek.finished_at, value, n, peek.sequence),
        )

    def _event(self, connection: sqlite3.Connection, record: Record) -> None:
        event = read_event(record)
        life, observed_at = commits.told(event)
        packed = codec.pack_event(event)
        self.events += connection.execute(
            _KEEP_EVENT,
            (
                self.events + 1,
                event.key,
                life,
                event.sequence,
                observed_at,
                packed,
                record.partition,
                record.offset,
            ),
        ).rowcount

    def _fact(self, connection: sqlite3.Connection, record: Record) -> None:
        fact = read_fact(record)
        if fact is not None:
            tables.tell(connection, fact)
            self.facts = tables.newest(connection).get("facts", self.facts)


def _gone(connection: sqlite3.Connection, part: int, offset: int) -> None:
    connection.execute(
        "INSERT INTO horizon (part, offset) VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET offset = max(offset, ?)",
        (part, offset, offset),
    )
