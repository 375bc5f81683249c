"""Following the stream of events: read on from a place in the table, and wait when there is nothing more.

Nothing is queued for a follower: a slow one costs one slice of memory, and holds up nobody.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from notifier import codec
from notifier.backends import tables
from notifier.backends.base import CursorGone
from notifier.backends.bell import Bell
from notifier.model import CloudEvent, Instant

T = TypeVar("T")

SLICE = 100


class Read(Protocol):
    """Runs a function on a connection that sees everything committed; Unavailable."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]: ...


class _Start(NamedTuple):
    """Where to begin: the number before the first event wanted. `horizon`: what was deleted by then is no gap."""

    number: int
    epoch: int
    horizon: int


async def follow(
    read: Read, bell: Bell, newest: int, after: str | None, since: Instant | None
) -> AsyncIterator[tuple[str, CloudEvent]]:
    """`newest` is the event's number when the follower came: with neither `after` nor `since` it begins there."""
    start = await read(lambda connection: _start(connection, newest, after, since))
    place = start.number
    while True:
        seen = bell.newest
        events = await read(partial(_next, start=start, place=place, since=since))
        for number, event in events:
            yield f"{start.epoch:x}-{number:x}", event
            place = number
        if not events and not await bell.wait(seen):
            return


def _start(connection: sqlite3.Connection, newest: int, after: str | None, since: Instant | None) -> _Start:
    epoch, horizon = _meta(connection, "epoch"), _meta(connection, "horizon")
    if after is not None:
        return _Start(_place(after, epoch, horizon, tables.newest(connection).get("events", 0)), epoch, horizon)
    if since is not None:
        (first,) = connection.execute(
            "SELECT min(number) FROM events INDEXED BY events_by_time WHERE observed_at >= ?", (since,)
        ).fetchone()
        return _Start(newest if first is None else first - 1, epoch, horizon)
    return _Start(newest, epoch, horizon)


def _place(cursor: str, epoch: int, horizon: int, last: int) -> int:
    try:
        told_epoch, number = (int(part, 16) for part in cursor.split("-"))
    except ValueError:
        raise CursorGone("not a cursor of this stream: begin without one") from None
    if told_epoch != epoch or number > last:
        raise CursorGone("a cursor from before a restored backup, or of another service: begin without one")
    if number < horizon:
        raise CursorGone("events after this cursor are past their retention and gone: begin without one")
    return number


def _next(
    connection: sqlite3.Connection, start: _Start, place: int, since: Instant | None
) -> list[tuple[int, CloudEvent]]:
    horizon = _meta(connection, "horizon")
    if horizon > max(start.horizon, place):
        raise CursorGone("the follower was so slow that events before it are past their retention and gone")
    rows = connection.execute(
        "SELECT number, record FROM events WHERE number > ? AND +observed_at >= ? ORDER BY number LIMIT ?",
        (place, since or 0, SLICE),
    )
    return [(number, codec.unpack_event(record)) for number, record in rows]


def _meta(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return int(value)
