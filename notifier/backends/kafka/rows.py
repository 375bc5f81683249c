"""Many rows at once, with the interpreter free for the loop while they are written."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

Row: TypeAlias = tuple[str | int | bytes | None, ...]

AT_ONCE = 50  # rows of one statement: `executemany` would ask for the interpreter after each, and wait for its turn


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Row], otherwise: str = "") -> None:
    """`into`: 'INSERT INTO t (a, b)'; `otherwise`: 'ON CONFLICT …'."""
    written(connection, f"{into} VALUES {{marks}} {otherwise}", rows)


def written(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> int:
    """How many rows it changed; `{marks}` in it stand for the rows."""
    changed = 0
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        changed += connection.execute(statement.format(marks=marks), tuple(chain.from_iterable(some))).rowcount
    return changed
