"""The topics as tables: each record changes what the read side shows. Plain calls on a connection, on one thread.

Records of one partition come in their order; those of different topics in any order, since each topic is read as fast
as it goes. So whatever two topics tell about the same thing has a number that says which is newer. Here: which record
goes where; what it does there is `orders` and `history`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import msgspec
import structlog

from notifier.backends import tables
from notifier.backends.kafka import history, orders
from notifier.backends.kafka.history import History, delivery_row
from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.orders import Orders, Outcome, Stated, stated
from notifier.backends.kafka.records import Kept, Plain, Read, Record, number_of, read_fact, split_key, unpack_kept
from notifier.backends.kafka.topics import Topics
from notifier.backends.rows import Row
from notifier.errors import BackendError, Refused
from notifier.log import Repeats

log = structlog.get_logger()

_MORE = f"""
{orders.MORE}
{history.MORE}
DROP TABLE commands;
DROP TABLE probe;
"""


class Tables:
    """`events` and `facts` are the numbers of the newest rows; they rise for ever, also over a new file."""

    def __init__(self, topics: Topics, shards: int, parse: Parse) -> None:
        self.facts = 0
        self.history = History()
        self._orders = Orders(shards, parse, self.history)
        self._topics = topics
        self._now = 0.0
        self._repeats = Repeats()
        self._handlers: dict[str, Callable[[sqlite3.Connection, Record], None]] = {
            topics.shards: self._of_shard,
            topics.watches: self._orders.input,
            topics.deliveries: self._finished,
            topics.events: lambda _, record: self.history.event(record.partition, record),
            topics.facts: self._fact,
        }

    @property
    def events(self) -> int:
        return self.history.events

    def create(self, connection: sqlite3.Connection) -> None:
        """Empty tables, in the caller's transaction."""
        schema(connection)
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('facts', ?)", (self.facts,))
        self._orders.begin()
        self.history.begin()

    def outcome(self, partition: int, offset: int) -> Outcome | None:
        """Of a record of `watches` that was applied lately."""
        return self._orders.outcome(partition, offset)

    @property
    def restless(self) -> bool:
        """Something is to be done although nothing new comes."""
        return self.history.restless

    # --- as records come -----------------------------------------------------------------------------------------

    def apply(self, connection: sqlite3.Connection, batches: Iterable[Sequence[Record]], now: float) -> None:
        """Each batch is of one partition of one topic. `now`: seconds on any clock that runs on.

        Refused: a record of a newer format. Others that cannot be read are told of and left out.
        """
        self._now = now
        for record in chain.from_iterable(batches):
            self._each(record, lambda record: self._handlers[record.topic](connection, record))
        self._orders.settle(connection)
        self.history.settle(connection)
        self.history.tidy(connection, now)

    def _each(self, record: Record, apply: Callable[[Record], None]) -> None:
        try:
            apply(record)
        except Refused:
            raise
        except (BackendError, msgspec.MsgspecError, LookupError, ValueError) as error:
            self.unreadable(record, error)

    def unreadable(self, record: Record, error: Exception) -> None:
        left_out = self._repeats.ok((record.topic, type(error).__name__), self._now)
        if left_out is not None:
            log.error(
                "record_unreadable",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                error=type(error).__name__,
                repeated=left_out,
            )

    def prune(self, connection: sqlite3.Connection, begins: Mapping[int, int]) -> None:
        """Events that Kafka no longer keeps: `begins` are the first offsets of the partitions."""
        self.history.prune(connection, begins)

    # --- shards --------------------------------------------------------------------------------------------------

    def _of_shard(self, connection: sqlite3.Connection, record: Record) -> None:
        kind, name = split_key(record.key or b"")
        match kind:
            case "o":
                self._orders.state(connection, name, record.value)
            case "d":
                self.history.delivery(name, record, self._now)
            case "w" if record.value is None:
                self._orders.forgotten(connection, name, number_of(record))
            case "w":
                self._orders.kept(connection, name, record.partition, unpack_kept(record.value or b""))

    def fill(self, connection: sqlite3.Connection, partition: int, newest: Mapping[bytes, Plain]) -> None:
        """A shard of which nothing was shown before: the newest record of each key. Refused, as `apply`."""
        kept: dict[str, Kept] = {}
        states: dict[str, Stated] = {}
        deliveries: list[Row] = []

        def sort(record: Record) -> None:
            kind, name = split_key(record.key or b"")
            match kind:
                case "o":
                    states[name] = stated(record.value or b"")
                case "w":
                    kept[name] = unpack_kept(record.value or b"")
                case "d":
                    deliveries.append(delivery_row(name, record))

        for record in newest.values():
            if record.value is not None:
                self._each(Read.at(self._topics.shards, partition, record), sort)
        self._orders.fill(connection, partition, kept, states)
        self.history.deliveries(connection, deliveries)

    # --- deliveries, facts ---------------------------------------------------------------------------------------

    def _finished(self, _: sqlite3.Connection, record: Record) -> None:
        self.history.delivery((record.key or b"").decode(), record, self._now)

    def _fact(self, connection: sqlite3.Connection, record: Record) -> None:
        fact = read_fact(record)
        if fact is not None:
            tables.tell(connection, fact)
            self.facts = tables.newest(connection).get("facts", self.facts)


def schema(connection: sqlite3.Connection) -> None:
    """A view's tables."""
    tables.create(connection, epoch=0)
    for statement in _MORE.split("\n"):
        if statement.strip():
            connection.execute(statement)
