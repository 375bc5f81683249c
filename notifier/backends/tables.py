"""What is stored, as tables: commands and facts. Plain calls on a connection, inside its transaction.

What a lease does to the same tables is `commits`, the read side over them `view`. A backend decides where the
connection lives and on which thread.
"""

import sqlite3
from collections.abc import Iterable
from importlib.resources import files

import msgspec

from notifier import codec
from notifier.model import Command, Fact, Instant

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
    numbers = connection.execute(_NEWEST).fetchone()  # one row: each one more is a wait for the interpreter
    return {table: number for table, number in zip(_NUMBERED, numbers, strict=True) if number is not None}


_NUMBERED = ("events", "commands", "facts")
_NEWEST = "SELECT {} FROM sqlite_sequence".format(
    ", ".join(f"max(seq) FILTER (WHERE name = '{table}')" for table in _NUMBERED)
)


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
