"""What there may be millions of when a view begins: each table in a file of its own, filled in one go, then attached.

Nobody looks into it before it is whole. So it is one transaction, and gets its indexes at the end, from sorted keys: to
keep them up while rows come in any order costs several times as much, since each row touches a page in each of them.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from notifier.backends.kafka.fetching import Answer, decode
from notifier.backends.kafka.history import DELIVERY, EVENT, delivery_row, event_row
from notifier.backends.kafka.records import Plain, Read, Record, number_of
from notifier.backends.rows import Row, into
from notifier.backends.worker import Worker
from notifier.errors import BackendError, Refused

_SETTINGS = (
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = MEMORY",  # all new pages: next to nothing is kept in it
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -32000",
)

Unreadable = Callable[[Record, Exception], None]


class Content(Protocol):
    """What becomes of records in one table."""

    table: str
    columns: str

    def rows(self, part: int, records: Sequence[Plain]) -> Iterator[Row]:
        """Refused; those that cannot be read are left out."""
        ...

    def once(self, connection: sqlite3.Connection) -> None:
        """What was read twice is there once: only asked for where there is such."""
        ...

    def end(self, connection: sqlite3.Connection) -> None:
        """With all indexes."""
        ...


class Events:
    """`number`: the greatest so far."""

    table, columns = "events", EVENT

    def __init__(self, topic: str, number: int, unreadable: Unreadable) -> None:
        self.number = number
        self._topic = topic
        self._unreadable = unreadable

    def rows(self, part: int, records: Sequence[Plain]) -> Iterator[Row]:
        for record in records:
            try:
                row = event_row(self.number + 1, part, record)
            except (BackendError, msgspec.MsgspecError, LookupError, ValueError) as error:
                self._unreadable(Read.at(self._topic, part, record), error)
                continue
            self.number += 1
            yield row

    def once(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "DELETE FROM events WHERE number NOT IN (SELECT min(number) FROM events GROUP BY key, life, sequence)"
        )

    def end(self, connection: sqlite3.Connection) -> None:
        pass


class Deliveries:
    table, columns = "deliveries", DELIVERY

    def __init__(self, topic: str, unreadable: Unreadable) -> None:
        self._topic = topic
        self._unreadable = unreadable
        self._gone: list[tuple[str, int]] = []  # id, n

    def rows(self, part: int, records: Sequence[Plain]) -> Iterator[Row]:
        for record in records:
            try:
                id = (record.key or b"").decode()
                if record.value is None:
                    self._gone.append((id, number_of(record)))
                    continue
                row = delivery_row(id, record)
            except Refused:
                raise
            except (BackendError, msgspec.MsgspecError, LookupError, ValueError) as error:
                self._unreadable(Read.at(self._topic, part, record), error)
                continue
            yield row

    def once(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "DELETE FROM deliveries WHERE number NOT IN (SELECT number FROM (SELECT number, row_number() OVER"
            " (PARTITION BY id ORDER BY n DESC, number DESC) AS place FROM deliveries) WHERE place = 1)"
        )

    def end(self, connection: sqlite3.Connection) -> None:
        connection.executemany("DELETE FROM deliveries WHERE id = ? AND n < ?", self._gone)
        self._gone = []


class Filling:
    """One file, and a thread that writes it. `schema` makes the tables of a view, of which it takes one."""

    def __init__(self, path: Path, content: Content, schema: Callable[[sqlite3.Connection], None]) -> None:
        self.path = path
        self.content = content
        self._schema = schema
        self._insert = into(content.table, content.columns)
        self._worker = Worker(f"view-{content.table}")
        self._connection: sqlite3.Connection | None = None
        self._indexes: list[str] = []

    async def open(self) -> None:
        await self._worker.run(self._open)

    async def add(self, answer: Answer) -> None:
        """Its records come after those before. sqlite3.Error; Refused: a newer format. Unavailable: it is damaged."""
        await self._worker.run(partial(self._add, answer))

    async def finish(self) -> None:
        """The file is whole. sqlite3.Error."""
        for index in self._indexes:
            await self._worker.run(partial(self._index, index))
        await self._worker.run(self._finish)

    async def close(self) -> None:
        await self._worker.run(self._close)
        self._worker.stop()

    # --- on the thread -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        table, self._indexes = _made_of(self._schema, self.content.table)
        self.path.unlink(missing_ok=True)  # of a reading that was broken off
        self._connection = connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        for setting in _SETTINGS:
            connection.execute(setting)
        connection.execute("BEGIN")
        connection.execute(table)

    def _add(self, answer: Answer) -> None:
        connection = self._opened()
        for records in decode(answer):
            self._insert.run(connection, list(self.content.rows(answer.partition.partition, records)))

    def _index(self, index: str) -> None:
        connection = self._opened()
        try:
            connection.execute(index)
        except sqlite3.IntegrityError:
            self.content.once(connection)
            connection.execute(index)

    def _finish(self) -> None:
        connection = self._opened()
        self.content.end(connection)
        connection.execute("COMMIT")
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the file is closed")
        return self._connection


def _made_of(schema: Callable[[sqlite3.Connection], None], table: str) -> tuple[str, list[str]]:
    """How a table and its indexes are made, those that must be unique first."""
    connection = sqlite3.connect(":memory:")
    try:
        schema(connection)
        rows = connection.execute(
            "SELECT type, sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL", (table,)
        ).fetchall()
    finally:
        connection.close()
    [made] = [sql for type, sql in rows if type == "table"]
    indexes = [sql for type, sql in rows if type == "index"]
    return made, sorted(indexes, key=lambda sql: not sql.startswith("CREATE UNIQUE"))
