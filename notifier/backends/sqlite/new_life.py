"""A restored backup: every order in it begins a new life, and nothing that may have been sent is sent again."""

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from notifier import codec
from notifier.backends import commits
from notifier.errors import Reason
from notifier.model import Delivery, Instant, State
from notifier.tracking.orders import begin

SLICE = 1_000


class NewLives(NamedTuple):
    """How many orders began anew, and how many deliveries were given up."""

    orders: int
    dead: int


def begin_new_lives(connection: sqlite3.Connection, now: Instant, progress: Callable[[int, int], None]) -> NewLives:
    """In one transaction. The life is `now`, or later where the backup knows a later one."""
    connection.execute("BEGIN IMMEDIATE")
    life = max(now, _latest_life(connection) + 1)
    # Cursors of streams were given out for events that this file has not seen: they are void from here on.
    connection.execute("UPDATE meta SET value = max(value + 1, ?) WHERE name = 'epoch'", (life,))
    dead = _give_up_deliveries(connection, now)
    orders = _renew_orders(connection, life, progress)
    _renew_commands(connection, life)
    connection.execute("COMMIT")
    return NewLives(orders, dead)


def renewed(state: State, life: Instant) -> State:
    """An ended order stays readable as it was; a live one is seen for the first time again.

    What its people were told stays known, so that a rule's `once` holds over a restore.
    """
    if state.retired_at is not None:
        return msgspec.structs.replace(state, life=life, sequence=0, tracked=False)
    return msgspec.structs.replace(begin(state.key, life), told=state.told, watch_number=state.watch_number)


def _latest_life(connection: sqlite3.Connection) -> Instant:
    (latest,) = connection.execute("SELECT ifnull(max(life), 0) FROM events").fetchone()
    for (state,) in connection.execute("SELECT state FROM orders WHERE state IS NOT NULL"):
        latest = max(latest, codec.unpack_state(state).life)
    return int(latest)


def _renew_orders(connection: sqlite3.Connection, life: Instant, progress: Callable[[int, int], None]) -> int:
    (total,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    done = number = 0
    while rows := connection.execute(
        "SELECT number, watch, state FROM orders WHERE number > ? ORDER BY number LIMIT ?", (number, SLICE)
    ).fetchall():
        connection.executemany(
            "UPDATE orders SET watch = ?, state = ?, phase = ? WHERE number = ?",
            [_renewed_row(row, watch, state, life) for row, watch, state in rows],
        )
        number, done = rows[-1][0], done + len(rows)
        progress(done, total)
    return done


def _renewed_row(row: int, watch: bytes, state: bytes | None, life: Instant) -> tuple[bytes, bytes | None, str, int]:
    new = None if state is None else renewed(codec.unpack_state(state), life)
    return (
        _renewed_watch(watch, life),
        None if new is None else codec.pack_state(new),
        "unknown" if new is None else new.phase.value,
        row,
    )


def _renewed_watch(watch: bytes, life: Instant) -> bytes:
    return codec.pack_watch(msgspec.structs.replace(codec.unpack_watch(watch), created_at=life))


def _renew_commands(connection: sqlite3.Connection, life: Instant) -> None:
    """Puts and removals still hold; a retry may have been done since."""
    connection.execute("DELETE FROM commands WHERE kind = 'retry'")
    rows = connection.execute("SELECT number, watch FROM commands WHERE watch IS NOT NULL").fetchall()
    connection.executemany(
        "UPDATE commands SET watch = ? WHERE number = ?",
        [(_renewed_watch(watch, life), number) for number, watch in rows],
    )


def _give_up_deliveries(connection: sqlite3.Connection, now: Instant) -> int:
    total = 0
    while found := commits.open_deliveries(connection, 0, SLICE):
        commits.keep_deliveries(connection, [_given_up(delivery, now) for _, delivery in found])
        total += len(found)
    return total


def _given_up(delivery: Delivery, now: Instant) -> Delivery:
    """With its facts: a person may still ask for it to be sent."""
    return msgspec.structs.replace(
        delivery, state="dead", reason=Reason.RESTORED.value, held=None, due=None, finished_at=now
    )
