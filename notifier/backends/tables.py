"""What is stored, as tables: every write, and what a lease reads. Plain calls on a connection, inside its transaction.

The read side over the same tables is `view`. A backend decides where the connection lives and on which thread.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType

import msgspec
import structlog

from notifier import codec
from notifier.backends.base import Change, Stored
from notifier.instants import from_text
from notifier.model import CloudEvent, Command, Delivery, Fact, Instant

log = structlog.get_logger()

SQL = files(__package__).joinpath("tables.sql").read_text(encoding="utf-8")


def create(connection: sqlite3.Connection, epoch: Instant) -> None:
    """The tables, in one transaction with `COMMIT` left to the caller. `epoch`: when this file began."""
    for statement in _statements(SQL):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))


def _statements(sql: str) -> Iterable[str]:
    """One by one: `executescript` would commit before."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def newest(connection: sqlite3.Connection) -> dict[str, int]:
    """The greatest number that `events`, `commands` and `facts` ever had, by table; none before a table's first."""
    return dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))


def probe(connection: sqlite3.Connection) -> None:
    """Writes something that changes nothing."""
    connection.execute("UPDATE probe SET record = zeroblob(65536)")


# --- what is asked of orders -----------------------------------------------------------------------------------------


def submit(connection: sqlite3.Connection, command: Command) -> bool:
    """Keeps the watch and the command. True: for `put` new or was removed; for `remove` and `retry` it was there."""
    match command.kind:
        case "put":
            return _put(connection, command)
        case "remove":
            changed = connection.execute(
                "UPDATE orders SET removed_at = ? WHERE key = ? AND removed_at IS NULL", (command.at, command.key)
            ).rowcount
        case "retry":
            row = connection.execute(
                "SELECT 1 FROM deliveries WHERE id = ? AND key = ?", (command.delivery, command.key)
            ).fetchone()
            changed = row is not None
    if changed:
        _command(connection, command, None)
    return bool(changed)


def _put(connection: sqlite3.Connection, command: Command) -> bool:
    if command.watch is None:
        raise ValueError("a put needs its watch")
    row = connection.execute("SELECT watch, removed_at FROM orders WHERE key = ?", (command.key,)).fetchone()
    if row is None:
        packed = codec.pack_watch(command.watch)
        connection.execute("INSERT INTO orders (key, watch) VALUES (?, ?)", (command.key, packed))
    else:
        # The order goes on with its life and its account; recipients and labels are replaced whole.
        old = codec.unpack_watch(row[0])
        packed = codec.pack_watch(
            msgspec.structs.replace(command.watch, ids=old.ids, created_at=old.created_at, extra=old.extra)
        )
        connection.execute("UPDATE orders SET watch = ?, removed_at = NULL WHERE key = ?", (packed, command.key))
    _command(connection, command, packed)
    return row is None or row[1] is not None


def _command(connection: sqlite3.Connection, command: Command, watch: bytes | None) -> None:
    connection.execute(
        "INSERT INTO commands (key, kind, at, watch, delivery) VALUES (?, ?, ?, ?, ?)",
        (command.key, command.kind, command.at, watch, command.delivery),
    )


def commands(connection: sqlite3.Connection, after: int, limit: int) -> list[Command]:
    """Not yet done, numbered above `after`, in their order."""
    rows = connection.execute(
        "SELECT number, key, kind, at, watch, delivery FROM commands WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [
        Command(
            number=number,
            key=key,
            kind=kind,
            at=at,
            watch=None if watch is None else codec.unpack_watch(watch),
            delivery=delivery,
        )
        for number, key, kind, at, watch, delivery in rows
    ]


# --- a lease ---------------------------------------------------------------------------------------------------------


def commit(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    states = [_state_row(change.key, change.state) for change in changes if change.state is not None]
    done = [(command.number,) for change in changes for command in change.done]
    packed: dict[str, bytes] = {}
    if states:
        updated = connection.executemany(
            "UPDATE orders SET state = ?, phase = ?, retired_at = ? WHERE key = ?", states
        ).rowcount
        if updated < len(states):
            log.warning(
                "states_without_order", count=len(states) - updated
            )  # forgotten meanwhile: nobody asks for them
    events = [_event_row(event, packed) for change in changes for event in change.events]
    if events:
        inserted = connection.executemany(_INSERT_EVENT, events).rowcount
        if inserted < len(events):
            log.error("events_stored_before", count=len(events) - inserted)  # the stored ones stand
    keep_deliveries(connection, [delivery for change in changes for delivery in change.deliveries], packed)
    if done:
        connection.executemany("DELETE FROM commands WHERE number = ?", done)


_INSERT_EVENT = """
INSERT INTO events (key, life, sequence, observed_at, record) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key, life, sequence) DO NOTHING
"""

# The event's bytes are not stored twice: its row is referred to, if it has just these bytes.
_INSERT_DELIVERY = """
INSERT INTO deliveries (state, finished_at, record, id, key, sink, recipient, created_at, event, sealed)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, number, iif(number IS NULL, ?9, NULL)
FROM (SELECT (SELECT number FROM events WHERE key = ?10 AND life = ?11 AND sequence = ?12 AND record = ?9) AS number)
"""


def _state_row(key: str, state: bytes) -> tuple[bytes, str, Instant | None, str]:
    peek = codec.peek_state(state)
    return state, peek.phase.value, peek.retired_at, key


def _event_row(event: CloudEvent, packed: dict[str, bytes]) -> tuple[str, int, int, Instant, bytes]:
    life, observed_at = _told(event)
    record = packed[event.id] = codec.pack_event(event)
    return event.key, life, event.sequence, observed_at, record


def keep_deliveries(
    connection: sqlite3.Connection, deliveries: Sequence[Delivery], packed: Mapping[str, bytes] = MappingProxyType({})
) -> None:
    """New or again, by id. `packed`: events that the caller has packed already, by their id."""
    for delivery in deliveries:
        _keep_delivery(connection, delivery, packed)


def _keep_delivery(connection: sqlite3.Connection, delivery: Delivery, packed: Mapping[str, bytes]) -> None:
    event = delivery.event
    if delivery.facts is not None and delivery.state in ("delivered", "skipped"):
        delivery = msgspec.structs.replace(delivery, facts=None)  # personal, and nobody will need them again
    new = (delivery.state, delivery.finished_at, codec.pack_delivery(delivery, event=False), delivery.id)
    if connection.execute("UPDATE deliveries SET state = ?, finished_at = ?, record = ? WHERE id = ?", new).rowcount:
        return
    record = packed.get(event.id) or codec.pack_event(event)
    told = (record, event.key, _told(event)[0], event.sequence)
    connection.execute(_INSERT_DELIVERY, (*new, delivery.key, delivery.sink, delivery.to, delivery.created_at, *told))


class _Order(msgspec.Struct, frozen=True):
    life: int = 0


class _Data(msgspec.Struct, frozen=True):
    """The part of a published event's data that has columns (INTERFACE, 'Event')."""

    observed_at: str | None = None
    order: _Order = _Order()


_DATA = msgspec.json.Decoder(_Data)


def _told(event: CloudEvent) -> tuple[int, Instant]:
    """Its life, and when it was observed."""
    data = _DATA.decode(event.data)
    return data.order.life, from_text(data.observed_at or event.attributes["time"])


def live_orders(connection: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, Stored]]:
    """Neither retired nor removed, numbered above `after`."""
    rows = connection.execute(
        "SELECT number, key, watch, state FROM orders WHERE ended_at IS NULL AND number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [(number, Stored(key, watch, state)) for number, key, watch, state in rows]


DELIVERY = "d.record, d.sealed, e.record FROM deliveries d LEFT JOIN events e ON e.number = d.event"
"""Columns and tables that `unpack_delivery` wants, for a SELECT."""


def unpack_delivery(record: bytes, sealed: bytes | None, event: bytes | None) -> Delivery:
    whole = event if sealed is None else sealed
    assert whole is not None  # an event and the deliveries that refer to it go together
    return codec.unpack_delivery(record, codec.unpack_event(whole))


def open_deliveries(connection: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, Delivery]]:
    """Pending or sending, numbered above `after`: in the order of their lanes."""
    rows = connection.execute(
        "SELECT d.number, d.record, d.sealed, e.record FROM deliveries d INDEXED BY deliveries_open"
        " LEFT JOIN events e ON e.number = d.event"
        " WHERE d.state IN ('pending', 'sending') AND d.number > ? ORDER BY d.number LIMIT ?",
        (after, limit),
    )
    return [(number, unpack_delivery(*columns)) for number, *columns in rows]


def load(connection: sqlite3.Connection, key: str) -> Stored | None:
    row = connection.execute("SELECT key, watch, state FROM orders WHERE key = ?", (key,)).fetchone()
    return None if row is None else Stored(*row)


def delivery(connection: sqlite3.Connection, key: str, delivery_id: str) -> Delivery | None:
    row = connection.execute(f"SELECT {DELIVERY} WHERE d.id = ? AND d.key = ?", (delivery_id, key)).fetchone()
    return None if row is None else unpack_delivery(*row)


def forget(
    connection: sqlite3.Connection, ended_before: Instant, limit: int, mine: Callable[[str], bool] | None = None
) -> int:
    """Deletes at most `limit` orders that ended before, with all that is theirs; how many.

    One of which something is still asked stays: it may have been added again a moment ago.
    """
    rows = connection.execute(
        "SELECT key FROM orders o WHERE ended_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM commands c WHERE c.key = o.key) ORDER BY ended_at",
        (ended_before,),
    )
    keys = []
    for row in rows:
        if mine is None or mine(row[0]):
            keys.append(row)
            if len(keys) == limit:
                break
    for key in keys:
        (newest,) = connection.execute("SELECT max(number) FROM events WHERE key = ?", key).fetchone()
        if newest is not None:
            connection.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'horizon'", (newest,))
    for table in ("deliveries", "events", "orders"):
        connection.executemany(f"DELETE FROM {table} WHERE key = ?", keys)
    return len(keys)


# --- facts -----------------------------------------------------------------------------------------------------------


def tell(connection: sqlite3.Connection, fact: Fact) -> None:
    """The newest of a subject counts."""
    connection.execute("DELETE FROM facts WHERE subject = ? AND at <= ?", (fact.subject, fact.at))
    connection.execute(
        "INSERT INTO facts (subject, held_until, disabled, at) VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO NOTHING",
        (fact.subject, fact.held_until, fact.disabled, fact.at),
    )


def facts(connection: sqlite3.Connection, after: int) -> list[tuple[int, Fact]]:
    """Told since `after`, the last number that was read."""
    rows = connection.execute(
        "SELECT number, subject, held_until, disabled, at FROM facts WHERE number > ? ORDER BY number", (after,)
    )
    return [
        (number, Fact(subject=subject, held_until=held_until, disabled=bool(disabled), at=at))
        for number, subject, held_until, disabled, at in rows
    ]
