"""The stream of events over all partitions. A cursor says for each partition which offset comes next: valid anywhere.

Events of one order keep their order; those of different partitions come as this replica happened to read them.
"""

import base64
import binascii
import sqlite3
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from notifier.backends.base import CursorGone
from notifier.backends.bell import Bell
from notifier.backends.follow import SLICE, Read
from notifier.backends.kafka.records import event_as_it_came
from notifier.model import CloudEvent, Instant

Vector = Sequence[int]
"""For each partition of events the offset that comes next."""


class Heads(Protocol):
    """How far the events go."""

    def now(self) -> Vector | None:
        """In the view; None while it reads what there was at its start."""
        ...

    def begun(self) -> Vector:
        """The offsets that the view began to read at: what was before it has never seen. Unavailable."""
        ...

    def kept(self) -> Vector:
        """The first offsets that Kafka keeps, as was found lately."""
        ...

    async def whole(self) -> None:
        """Until the view has all that was there at its start."""
        ...

    async def ends(self) -> Vector:
        """The offsets after the last events. Unavailable."""
        ...


class _Found(NamedTuple):
    """`scanned`: the row's number up to which every event was shown or is behind the cursor; None: not known yet.

    `more`: there may be others at once.
    """

    events: list[tuple[int, int, CloudEvent]]  # partition, offset
    scanned: int | None
    more: bool


async def follow(
    read: Read, bell: Bell, heads: Heads, now: Vector | None, after: str | None, since: Instant | None
) -> AsyncIterator[tuple[str, CloudEvent]]:
    """`now` is what the heads' was when the follower came."""
    seen = bell.newest
    place = list(await _begin(read, heads, now, after, since))
    horizon = await read(_horizon)
    if after is not None:
        _check_kept(place, horizon)
        horizon = {}
    await heads.whole()  # what follows a cursor is not to be had before
    if bell.closed:
        return
    scanned: int | None = None
    while True:
        found = await read(partial(_next, place=tuple(place), scanned=scanned, horizon=horizon, since=since or 0))
        if not found.events and not found.more:
            # All is shown: marks of transactions at most lie between the cursor and what is kept.
            place = list(map(max, place, heads.kept()))
        for part, offset, event in found.events:
            place[part] = offset + 1
            yield write_cursor(place), event
        scanned = found.scanned
        if not found.more:
            if not await bell.wait(seen):
                return
            seen = bell.newest


async def _begin(read: Read, heads: Heads, now: Vector | None, after: str | None, since: Instant | None) -> Vector:
    if after is not None:
        # The view may be behind the one that gave the cursor: what counts is where Kafka's topics end.
        ends = await heads.ends()
        place = read_cursor(after, len(ends))
        if any(wanted > end for wanted, end in zip(place, ends, strict=True)):
            raise CursorGone("a cursor of another service, or of topics that were made anew: begin without one")
        _check_kept(place, dict(enumerate(heads.begun())))
        return place
    if since is None:
        return await heads.ends() if now is None else now
    await heads.whole()
    first = await read(partial(_since, since=since))
    ends = await heads.ends() if now is None else now
    return [first.get(part, 0 if now is None else end) for part, end in enumerate(ends)]


def _check_kept(place: Vector, horizon: "dict[int, int]") -> None:
    if any(place[part] < offset for part, offset in horizon.items()):
        raise CursorGone("events after this cursor are past their retention and gone: begin without one")


def _horizon(connection: sqlite3.Connection) -> dict[int, int]:
    return dict(connection.execute("SELECT part, offset FROM horizon").fetchall())


def _since(connection: sqlite3.Connection, since: Instant) -> dict[int, int]:
    rows = connection.execute(
        "SELECT part, min(offset) FROM events INDEXED BY events_by_time WHERE observed_at >= ? GROUP BY part", (since,)
    )
    return dict(rows.fetchall())


def _next(
    connection: sqlite3.Connection, place: Vector, scanned: int | None, horizon: "dict[int, int]", since: Instant
) -> _Found:
    """Until the follower has caught up, partition by partition from its place; then by number as they come."""
    connection.execute("BEGIN")  # what is found by its number must still be there when it is read
    try:
        return _next_in(connection, place, scanned, horizon, since)
    finally:
        connection.execute("ROLLBACK")


def _next_in(
    connection: sqlite3.Connection, place: Vector, scanned: int | None, horizon: "dict[int, int]", since: Instant
) -> _Found:
    for part, offset in _horizon(connection).items():
        if offset > max(horizon.get(part, 0), place[part]):
            raise CursorGone("the follower was so slow that events before it are past their retention and gone")
    (newest,) = connection.execute("SELECT ifnull(max(number), 0) FROM events").fetchone()
    if scanned is None:
        return _caught_up(connection, place, newest, since)
    rows = connection.execute(
        "SELECT number, part, offset, record FROM events WHERE number > ? AND number <= ? AND +observed_at >= ?"
        " ORDER BY number LIMIT ?",
        (scanned, newest, since, SLICE),
    ).fetchall()
    full = len(rows) == SLICE
    new = [(part, offset, event_as_it_came(record)) for _, part, offset, record in rows if offset >= place[part]]
    return _Found(new, rows[-1][0] if full else max(newest, scanned), full)


def _caught_up(connection: sqlite3.Connection, place: Vector, newest: int, since: Instant) -> _Found:
    numbers: list[tuple[int, int, int]] = []
    for part, offset in enumerate(place):
        numbers += connection.execute(
            "SELECT number, part, offset FROM events INDEXED BY events_of_part"
            " WHERE part = ? AND offset >= ? AND number <= ? AND observed_at >= ? ORDER BY offset LIMIT ?",
            (part, offset, newest, since, SLICE),
        ).fetchall()
    numbers.sort()
    events = [(part, offset, event_as_it_came(_record(connection, number))) for number, part, offset in numbers[:SLICE]]
    done = len(numbers) < SLICE
    return _Found(events, newest if done else None, not done)


def _record(connection: sqlite3.Connection, number: int) -> bytes:
    (record,) = connection.execute("SELECT record FROM events WHERE number = ?", (number,)).fetchone()
    assert isinstance(record, bytes)
    return record


# --- cursors ---------------------------------------------------------------------------------------------------------

_encode = msgspec.msgpack.Encoder().encode
_VECTOR = msgspec.msgpack.Decoder(list[int], strict=True)


def write_cursor(place: Vector) -> str:
    return base64.urlsafe_b64encode(_encode(tuple(place))).decode().rstrip("=")


def read_cursor(cursor: str, shards: int) -> Vector:
    """CursorGone unless it is one of so many partitions."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = _VECTOR.decode(packed)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise CursorGone("not a cursor of this stream: begin without one") from None
    if len(place) != shards or min(place) < 0:
        raise CursorGone("a cursor of another stream: begin without one")
    return place
