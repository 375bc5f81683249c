"""Many rows at once: row by row a thread gives the interpreter away twice for each, and then waits for the event loop
to give it back. That costs more than the writing.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

Row: TypeAlias = tuple[str | int | bytes | None, ...]

_MOST_ROWS = 32  # of a statement: three of each size are within what a connection keeps prepared (128)


class Many:
    """A statement over many rows."""

    def __init__(self, columns: int, statement: str) -> None:
        """`statement` has `{rows}` where the rows belong. One for each number of rows: it stays prepared."""
        row = f"({', '.join('?' * columns)})"
        self._statements = [statement.format(rows=", ".join([row] * size)) for size in range(_MOST_ROWS + 1)]

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """How many rows were written."""
        written = 0
        for first in range(0, len(rows), _MOST_ROWS):
            some = rows[first : first + _MOST_ROWS]
            written += connection.execute(self._statements[len(some)], list(chain.from_iterable(some))).rowcount
        return written


def into(table: str, columns: str, otherwise: str = "") -> Many:
    """An INSERT of these columns, 'a, b'; `otherwise`: 'ON CONFLICT …'."""
    return Many(len(columns.split(",")), f"INSERT INTO {table} ({columns}) VALUES {{rows}} {otherwise}")
