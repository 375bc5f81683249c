"""The seam of the backends: leases of shards, atomic commits, and a read side.

The program knows only: restore, commands, commit, ended. Fencing, waiting and rebuilding stay inside a backend, which
offers a new lease when it may.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from notifier.model import CloudEvent, Command, Delivery, Fact, Instant, State, Watch


class Stored(NamedTuple):
    """An order as the backend keeps it, packed by `codec`. `state` is None until its first commit."""

    key: str
    watch: bytes
    state: bytes | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One order's step, or one delivery's; every field but `key` may be empty.

    `state` is packed. `events` hold their life and `observed_at` in their data (INTERFACE, 'Event'); one that is stored
    already stays as it is. `deliveries` are upserted by id; the facts of delivered and skipped ones are not kept.
    `done` are commands of this order that need not come again.
    """

    key: str
    state: bytes | None = None
    events: tuple[CloudEvent, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    done: tuple[Command, ...] = ()


class Lease(Protocol):
    """Ownership of one shard, its former owner already fenced."""

    shard: int
    ended: asyncio.Event

    def restore(self) -> AsyncIterator[Stored | Delivery]:
        """Orders not retired or removed, then deliveries pending or sending; once, first."""
        ...

    def commands(self) -> AsyncIterator[Command]:
        """As they come; again after a take-over until a commit was `done` with them."""
        ...

    async def load(self, key: str, /) -> Stored | None:
        """An order that memory does not hold: retired, removed, or just submitted."""
        ...

    async def delivery(self, key: str, delivery_id: str, /) -> Delivery | None:
        """A delivery that memory does not hold."""
        ...

    async def commit(self, changes: Sequence[Change], /) -> None:
        """All or nothing, durable on return; Unavailable | LeaseLost. One at a time."""
        ...

    async def forget(self, retired_before: Instant, /) -> int:
        """Deletes orders retired or removed before that time, with all that is theirs; a slice at a time; how many."""
        ...

    def held(self) -> str | None:
        """Why no look and no send may begin just now; None when they may. Asked before each, it never waits.

        What is put off by it is tried again when commits resume, or comes with the next lease.
        """
        ...

    async def release(self) -> None:
        """Bounded; may be skipped."""
        ...


T_co = TypeVar("T_co", covariant=True)


class Query(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True):
    """What to find. `limit` 1 to 1000; `cursor` is a former page's `next`, opaque."""

    limit: int = 100
    cursor: str | None = None


class WatchQuery(Query[Watch], frozen=True, kw_only=True):
    """Live watches (removed ones are not listed), by key."""

    key: str | None = None
    source: str | None = None


class Order(NamedTuple):
    """An order as the view knows it. `watch` is the last one kept; `removed` and retired orders stay readable.

    `state` is None until its first commit.
    """

    watch: Watch
    state: State | None
    removed: bool


class OrderQuery(Query[Order], frozen=True, kw_only=True):
    key: str | None = None
    source: str | None = None
    phase: str | None = None


class EventQuery(Query[CloudEvent], frozen=True, kw_only=True):
    """Events of one order, by life and sequence."""

    key: str


class DeliveryQuery(Query[Delivery], frozen=True, kw_only=True):
    """Newest first. `since`/`until` compare with `created_at`."""

    id: str | None = None
    state: str | None = None
    key: str | None = None
    sink: str | None = None
    to: str | None = None
    since: Instant | None = None
    until: Instant | None = None


class Page(NamedTuple, Generic[T_co]):
    items: tuple[T_co, ...]
    next: str | None


T = TypeVar("T")


class Backlog(NamedTuple):
    """The open deliveries of one sink. `oldest` is the earliest `created_at`."""

    sink: str
    pending: int
    oldest: Instant


class Spent(NamedTuple):
    """One message that was sent, or may have been: `units` are the segments of an SMS."""

    id: str
    to: str
    at: Instant
    units: int


class CursorGone(Exception):
    """A stream's cursor older than what is kept (HTTP 410), or a cursor that is not one of ours."""


class View(Protocol):
    """The read side: any replica, all orders."""

    async def find(self, query: Query[T], /) -> Page[T]:
        """Unavailable when it cannot be read; CursorGone for a foreign cursor."""
        ...

    async def count_sent(self, to: str | None, since: Instant, /, sinks: Collection[str] = ()) -> int:
        """Messages to this address (None: to any address) since then, over these sinks (none: over all), for caps.

        Several deliveries that went as one message count once."""
        ...

    async def spent(self, sink: str, since: Instant, /) -> Sequence[Spent]:
        """Messages of this sink since then, for a budget a day; those with an unknown outcome included."""
        ...

    async def waiting(self, keys: Collection[str], /) -> tuple[Delivery, ...]:
        """Deliveries pending or sending of these orders (at most 1000), the first ones of each lane, in their order:
        who waits for whom."""
        ...

    async def backlog(self) -> tuple[Backlog, ...]:
        """Deliveries pending or sending, by sink; sinks without any are left out."""
        ...

    def follow(self, after: str | None, /, since: Instant | None = None) -> AsyncIterator[tuple[str, CloudEvent]]:
        """(cursor, event): the stored ones after `after` (or observed since `since`) first, then live ones.

        With neither, only live ones. CursorGone when `after` is older than what is kept.
        """
        ...

    def as_of(self) -> Instant: ...


class Backend(Protocol):
    shards: int

    @property
    def view(self) -> View: ...

    async def open(self) -> None:
        """Refused, with what to do."""
        ...

    def leases(self) -> AsyncIterator[Lease]:
        """Each shard gained, again after each loss."""
        ...

    async def submit(self, command: Command, /) -> bool:
        """Durable, and visible in `view`. True: for `put`, the watch is new or was removed; for `remove`, it was there.

        Unavailable: nothing is known to be kept; safe to repeat.
        """
        ...

    async def tell(self, fact: Fact, /) -> None:
        """Durable; every replica has it within 1 s."""
        ...

    def facts(self) -> AsyncIterator[Fact]:
        """Known ones first, then as they come."""
        ...

    async def known_facts(self) -> Sequence[Fact]:
        """Those that are durable now, the newest of each subject."""
        ...

    def trouble(self) -> str | None:
        """Why nothing can be committed just now, for /readyz; None when all is well."""
        ...

    async def close(self, within: float) -> None: ...
