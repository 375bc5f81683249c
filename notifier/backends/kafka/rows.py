"""Many rows at once, with the interpreter free for the loop while they are written."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

Row: TypeAlias = tuple[str | int | bytes | None, ...]

AT_ONCE = 50  # rows of one statement: `executemany` would ask for the interpreter after each, and wait for its turn


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Row], otherwise: str = "") -> None:
    """`into`: 'INSERT INTO t (a, b)'; `otherwise`: 'ON CONFLICT …'."""
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        mark = f"({', '.join('?' * len(some[0]))})"
        marks = ", ".join([mark] * len(some))
        connection.execute(f"{into} VALUES {marks} {otherwise}", tuple(chain.from_iterable(some)))
