"""What stands in the topics that we alone write: shards, deliveries, events, facts. The inputs are `inputs`.

Every record of a transaction has the header `n`, the shard's commit number: of two records about the same thing in
different topics the one with the greater `n` is the newer one.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from notifier import codec
from notifier.backends.kafka.formats import FORMAT, check_format, damaged
from notifier.envelope import binary_headers, from_binary
from notifier.model import CloudEvent, Delivery, Fact, Instant

Headers: TypeAlias = Sequence[tuple[str, bytes]]


class Plain(Protocol):
    """A record of a known partition, as it was read."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> Instant: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Record(Plain, Protocol):
    """One that says where it stood: what aiokafka's ConsumerRecord has."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...


class Read(NamedTuple):
    """A record with its place."""

    topic: str
    partition: int
    offset: int
    timestamp: Instant
    key: bytes | None
    value: bytes | None
    headers: Headers

    @classmethod
    def at(cls, topic: str, partition: int, record: Plain) -> "Read":
        return cls(topic, partition, record.offset, record.timestamp, record.key, record.value, record.headers)


class Outgoing(NamedTuple):
    """A record to be written to the partition of its shard; without a value it is a tombstone."""

    key: bytes
    value: bytes | None
    headers: Headers = ()


def header(record: Plain, name: str) -> bytes | None:
    """The last of that name, as Kafka's own clients take it."""
    found = None
    for key, value in record.headers:
        if key == name:
            found = value
    return found


# --- the number of a commit ------------------------------------------------------------------------------------------

NUMBER = "n"


def number_header(n: int) -> Headers:
    return ((NUMBER, n.to_bytes(8, "big")),)


def number_of(record: Plain) -> int:
    """0 where there is none: of a record that no commit of ours wrote."""
    return int.from_bytes(header(record, NUMBER) or b"", "big")


# --- shards: keys ----------------------------------------------------------------------------------------------------

Kind: TypeAlias = Literal["w", "o", "d", "c"]
"""watch · order's state · open delivery · cursors."""

CURSORS_KEY = b"c:"


def watch_key(key: str) -> bytes:
    return b"w:" + key.encode()


def state_key(key: str) -> bytes:
    return b"o:" + key.encode()


def delivery_key(id: str) -> bytes:
    return b"d:" + id.encode()


def split_key(key: bytes) -> tuple[str, str]:
    """Its kind (`w`, `o`, `d` or `c`; others are a newer release's) and what it is about."""
    kind, _, rest = key.partition(b":")
    return kind.decode(), rest.decode()


# --- shards: values (a state's is `codec.pack_state`) ----------------------------------------------------------------


class Kept(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The watch that an order follows: packed by codec, as of `offset` in the topic `watches`.

    Kept after its removal, until the end of retention. `offset` -1: of none that is known.
    """

    format: int = FORMAT
    offset: int
    removed_at: Instant | None = None
    watch: bytes


class Cursors(msgspec.Struct, frozen=True, kw_only=True):
    """How far a shard has come: in its record `c:`, written by every transaction.

    `n` is that transaction's number. Of the topic `watches` everything below the offset `watches` is done with, and
    beyond it those in `told` have been reported; a watch's own record says more. Of `commands` likewise, and those in
    `done`. `gone` orders were found without a record in `watches`, and their removal is not yet done.
    """

    format: int = FORMAT
    n: int = 0
    watches: int = 0
    told: tuple[int, ...] = ()
    commands: int = 0
    done: tuple[int, ...] = ()
    gone: int = 0


_encode = msgspec.msgpack.Encoder().encode
_KEPT = msgspec.msgpack.Decoder(Kept)
_CURSORS = msgspec.msgpack.Decoder(Cursors)
_FACT = msgspec.json.Decoder(Fact)


def pack_kept(kept: Kept) -> bytes:
    return _encode(kept)


def unpack_kept(data: bytes) -> Kept:
    """Refused for a newer format, BackendError for damaged bytes, as every `unpack_…` and `read_…` here."""
    try:
        kept = _KEPT.decode(data)
    except msgspec.MsgspecError as error:
        damaged("kept watch", error)
    check_format("kept watch", kept.format)
    return kept


def pack_cursors(cursors: Cursors) -> bytes:
    return _encode(cursors)


def unpack_cursors(data: bytes) -> Cursors:
    try:
        cursors = _CURSORS.decode(data)
    except msgspec.MsgspecError as error:
        damaged("cursor", error)
    check_format("cursor", cursors.format)
    return cursors


def pack_delivery(delivery: Delivery) -> bytes:
    """Whole, its event included. What is personal goes when nobody will need it again."""
    if delivery.facts is not None and delivery.state in ("delivered", "skipped"):
        delivery = msgspec.structs.replace(delivery, facts=None)
    return codec.pack_delivery(delivery)


# --- events: CloudEvents 1.0, Kafka protocol binding, binary mode (3.2) ----------------------------------------------


def event_record(event: CloudEvent, more: Headers = ()) -> Outgoing:
    return Outgoing(event.key.encode(), event.data, (*binary_headers(event), *more))


def read_event(record: Plain) -> CloudEvent:
    return from_binary(record.headers, record.value or b"")


_HEADERS_AND_VALUE = msgspec.msgpack.Decoder(tuple[list[tuple[str, bytes]], bytes])


def pack_as_it_came(record: Plain) -> bytes:
    """An event's record for a view's file: few of a million events are ever asked for, and made one again."""
    return _encode((record.headers, record.value))


def event_as_it_came(packed: bytes) -> CloudEvent:
    """BackendError for what `pack_as_it_came` did not pack."""
    try:
        headers, value = _HEADERS_AND_VALUE.decode(packed)
    except msgspec.MsgspecError as error:
        damaged("event", error)
    return from_binary(headers, value)


# --- facts -----------------------------------------------------------------------------------------------------------


def fact_record(fact: Fact) -> Outgoing:
    return Outgoing(fact.subject.encode(), msgspec.json.encode(fact))


def read_fact(record: Plain) -> Fact | None:
    """None: nothing that can be used; facts are JSON for people to see, and no part of a shard."""
    try:
        return _FACT.decode(record.value or b"")
    except msgspec.MsgspecError:
        return None
