"""What a lease writes to the tables and reads from them. Plain calls on a connection, inside its transaction."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec
import structlog

from notifier import codec
from notifier.backends.base import Change, Stored
from notifier.backends.rows import Many, Row
from notifier.instants import from_text
from notifier.model import CloudEvent, Delivery, Instant

log = structlog.get_logger()


def commit(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    # Of one key the last counts.
    states = {change.key: _state_row(change.key, change.state) for change in changes if change.state is not None}
    done = [(command.number,) for change in changes for command in change.done]
    packed: dict[str, bytes] = {}
    if states:
        missing = keep_states(connection, list(states.values()))
        if missing:
            log.warning("states_without_order", count=missing)  # forgotten meanwhile: nobody asks for them
    events = [_event_row(event, packed) for change in changes for event in change.events]
    if events:
        inserted = _EVENTS.run(connection, events)
        if inserted < len(events):
            log.error("events_stored_before", count=len(events) - inserted)  # the stored ones stand
    keep_deliveries(connection, [delivery for change in changes for delivery in change.deliveries], packed)
    if done:
        connection.executemany("DELETE FROM commands WHERE number = ?", done)


# The state alone where that is all: a column that is named writes its indexes anew, which costs as much again.
_STATES = Many(
    4,
    "UPDATE orders SET state = new.column1 FROM (VALUES {rows}) AS new"
    " WHERE key = new.column4 AND phase = new.column2 AND retired_at IS new.column3",
)
_UPDATE_ORDER = """
UPDATE orders SET state = ?1, phase = ?2, retired_at = ?3 WHERE key = ?4 AND (phase <> ?2 OR retired_at IS NOT ?3)
"""


def keep_states(connection: sqlite3.Connection, states: Sequence[Row]) -> int:
    """Each with its phase, the time of its retirement and its key. How many of them have no order."""
    missing = len(states) - _STATES.run(connection, states)
    if missing:
        missing -= connection.executemany(_UPDATE_ORDER, states).rowcount
    return missing


_EVENTS = Many(
    5,
    "INSERT INTO events (key, life, sequence, observed_at, record) VALUES {rows}"
    " ON CONFLICT (key, life, sequence) DO NOTHING",
)

# The event's bytes are not stored twice: its row is referred to, if it has just these bytes.
_INSERT_DELIVERY = """
INSERT INTO deliveries (state, finished_at, record, id, key, sink, recipient, created_at, event, sealed)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, number, iif(number IS NULL, ?9, NULL)
FROM (SELECT (SELECT number FROM events WHERE key = ?10 AND life = ?11 AND sequence = ?12 AND record = ?9) AS number)
"""


def _state_row(key: str, state: bytes) -> tuple[bytes, str, Instant | None, str]:
    peek = codec.unpack_state(state)
    return state, peek.phase.value, peek.retired_at, key


def _event_row(event: CloudEvent, packed: dict[str, bytes]) -> tuple[str, int, int, Instant, bytes]:
    life, observed_at = told(event)
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
    about = (record, event.key, told(event)[0], event.sequence)
    connection.execute(_INSERT_DELIVERY, (*new, delivery.key, delivery.sink, delivery.to, delivery.created_at, *about))


class _Order(msgspec.Struct, frozen=True):
    life: int = 0


class _Data(msgspec.Struct, frozen=True):
    """The part of a published event's data that has columns (INTERFACE, 'Event')."""

    observed_at: str | None = None
    sequence: int = 0
    order: _Order = _Order()


_DATA = msgspec.json.Decoder(_Data)


def told(event: CloudEvent) -> tuple[int, Instant]:
    """Its life, and when it was observed."""
    life, _, observed_at = told_by(event.data)
    return life, from_text(event.attributes["time"]) if observed_at is None else observed_at


def told_by(data: bytes) -> tuple[int, int, Instant | None]:
    """Of a published event's data: its life and sequence, and when it was observed."""
    found = _DATA.decode(data)
    return found.order.life, found.sequence, None if found.observed_at is None else from_text(found.observed_at)


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
    """Its event is the `sealed` one, else the row's that it refers to, else in the record itself."""
    whole = event if sealed is None else sealed
    return codec.unpack_delivery(record, None if whole is None else codec.unpack_event(whole))


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

    One of which something is still asked stays: it may have been added again a moment ago. So does one of which
    something is still to be sent.
    """
    rows = connection.execute(
        "SELECT key FROM orders o WHERE ended_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM commands c WHERE c.key = o.key)"
        " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.key = o.key AND d.state IN ('pending', 'sending'))"
        " ORDER BY ended_at",
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
