"""Orders as a table: watches as anybody may write them, and what the owners of the shards make of them.

Plain calls on a connection, on one thread. Of a watch two topics tell; its offset in `watches` says which is newer.
"""

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from notifier import codec
from notifier.backends.commits import keep_states
from notifier.backends.kafka.history import History
from notifier.backends.kafka.inputs import BadRecord, Parse, merged, read_input
from notifier.backends.kafka.records import Kept, Record, number_of
from notifier.backends.rows import Many, Row
from notifier.model import Instant

MOST_OUTCOMES = 10_000

MORE = """
ALTER TABLE orders ADD COLUMN shown INTEGER NOT NULL DEFAULT -1; -- the offset in `watches` that the watch is as of
ALTER TABLE orders ADD COLUMN owned INTEGER NOT NULL DEFAULT -1; -- the one that the order's owner knew of
CREATE TABLE early (key TEXT PRIMARY KEY, state BLOB, phase TEXT, retired_at INTEGER) WITHOUT ROWID; -- no watch yet
DROP INDEX orders_live;
"""

_FILL = Many(
    8,
    "INSERT OR REPLACE INTO orders (watch, removed_at, shown, owned, state, phase, retired_at, key) VALUES {rows}",
)

Stated: TypeAlias = tuple[bytes | None, str, Instant | None]
"""A state, its phase, and when its order was retired."""

_NOTHING: Stated = (None, "unknown", None)


class Outcome(NamedTuple):
    """What a record of `watches` met. `there`: the order was followed before it."""

    there: bool


def stated(state: bytes) -> Stated:
    """Refused, BackendError."""
    known = codec.peek_state(state)
    return state, known.phase.value, known.retired_at


class Orders:
    def __init__(self, shards: int, parse: Parse, history: History) -> None:
        self._shards_count = shards
        self._parse = parse
        self._history = history
        self._outcomes: dict[tuple[int, int], Outcome] = {}
        self._early = False
        self._states: dict[str, Stated] = {}  # that came, and are not in the table yet

    def begin(self) -> None:
        """With empty tables."""
        self._early = False
        self._states = {}

    def outcome(self, partition: int, offset: int) -> Outcome | None:
        """Of a record of `watches` that was applied lately."""
        return self._outcomes.get((partition, offset))

    # --- a whole shard at once -----------------------------------------------------------------------------------

    def fill(
        self, connection: sqlite3.Connection, partition: int, kept: Mapping[str, Kept], states: dict[str, Stated]
    ) -> None:
        """As its owner has it; nothing of it was shown before."""
        rows: list[Row] = []
        for key, each in kept.items():
            rows.append((each.watch, each.removed_at, each.offset, each.offset, *states.pop(key, _NOTHING), key))
            self._met(partition, each.offset, there=False)
        _FILL.run(connection, rows)
        for key, (state, phase, retired_at) in states.items():
            self._come_early(connection, (state, phase, retired_at, key))

    # --- one record ----------------------------------------------------------------------------------------------

    def state(self, connection: sqlite3.Connection, key: str, state: bytes | None) -> None:
        """In the table after `settle`."""
        if state is not None:
            self._states[key] = stated(state)
            return
        self.settle(connection)
        connection.execute("UPDATE orders SET state = NULL, phase = 'unknown', retired_at = NULL WHERE key = ?", (key,))
        connection.execute("DELETE FROM early WHERE key = ?", (key,))

    def settle(self, connection: sqlite3.Connection) -> None:
        """The states that came: many at once, before anything else is done with their orders."""
        rows: list[Row] = [(*each, key) for key, each in self._states.items()]
        self._states = {}
        if not keep_states(connection, rows):
            return
        for *columns, key in rows:
            if connection.execute("SELECT 1 FROM orders WHERE key = ?", (key,)).fetchone() is None:
                self._come_early(connection, (*columns, key))

    def _come_early(self, connection: sqlite3.Connection, columns: Row) -> None:
        """After a compaction a state may stand before its order's watch."""
        connection.execute("INSERT OR REPLACE INTO early (state, phase, retired_at, key) VALUES (?, ?, ?, ?)", columns)
        self._early = True

    def kept(self, connection: sqlite3.Connection, key: str, partition: int, kept: Kept) -> None:
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

    def forgotten(self, connection: sqlite3.Connection, key: str, n: int) -> None:
        """The end of retention: the order goes with all that is its, a life that it began since left out."""
        self.settle(connection)
        connection.execute("DELETE FROM early WHERE key = ?", (key,))
        row = connection.execute("SELECT watch, removed_at, shown, owned FROM orders WHERE key = ?", (key,)).fetchone()
        self._history.forget(connection, key, n, None if row is None else codec.unpack_watch(row[0]).created_at)
        if row is None:
            return
        watch, removed_at, shown, owned = row
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

    # --- watches -----------------------------------------------------------------------------------------------------

    def input(self, connection: sqlite3.Connection, record: Record) -> None:
        """What its owner will do with it, shown a moment before him. Bad ones are for him to report."""
        self.settle(connection)
        key = (record.key or b"").decode(errors="replace")  # what is no text is not the key of any order
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
                self.forgotten(connection, key, number_of(record))
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
