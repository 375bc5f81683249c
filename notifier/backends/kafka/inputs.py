"""What stands in the input topics, `watches` and `commands`, and how whoever reads them understands it.

Any service may write a watch: the key is the order's, the value the body of POST /v1/watches, null removes it. Those
that this program writes have, beside, headers: `watch` is the watch as it was resolved when it was acknowledged, so
that no later configuration understands it otherwise, and `at` when that was. Reading is a pure function of a record and
of what is known of its order: the owner and every view come to the same.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec
import orjson

from notifier import codec
from notifier.backends.kafka.formats import FORMAT, check_format
from notifier.backends.kafka.records import Headers, Outgoing, Record, header
from notifier.backends.partition import shard_of
from notifier.errors import ConfigError
from notifier.model import Command, Instant, Recipient, Watch

MOST_BYTES = 256 * 1024
"""Of a watch's body: INTERFACE, 'Kafka'."""

Parse = Callable[[Mapping[str, Any], Instant], Watch]
"""The body of a watch and when it was kept, as a watch with its key; ConfigError."""

Fault = Literal["wrong_partition", "bad_key", "bad_json", "too_large", "invalid", "key_mismatch", "bad_command"]


class BadRecord(Exception):
    """A record that cannot be used. `detail` says what to do, and holds nothing of its content."""

    def __init__(self, reason: Fault, detail: str, key: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Fault = reason
        self.detail = detail
        self.key = key


# --- watches ---------------------------------------------------------------------------------------------------------

_WATCH, _AT, _RETIRES = "watch", "at", "retires"
_NUMBER_BYTES = 8
_AHEAD_AT_MOST = 86_400_000  # ms of what a replica's clock said before the time of the append


class Input(NamedTuple):
    """What a record of `watches` says. `watch` None: the order is no longer to be followed.

    `retires` is set on a tombstone that the owner wrote at the end of an order's retention: it knew all that was asked
    of the order up to that offset. If another record of the key lies between, the tombstone counts for nothing, and the
    owner writes that record again.
    """

    key: str
    watch: Watch | None
    at: Instant
    retires: int | None = None


def key_of(record: Record, shards: int) -> str:
    """BadRecord: not a key, or not of this partition."""
    try:
        key = (record.key or b"").decode()
    except UnicodeDecodeError:
        raise BadRecord("bad_key", "the key is not UTF-8: write the order key, as in trips/885e") from None
    if not key:
        raise BadRecord("bad_key", "the key is missing: write the order key, as in trips/885e")
    expected = shard_of(key, shards)
    if record.partition != expected:
        raise BadRecord(
            "wrong_partition",
            f"the key belongs into partition {expected}, not {record.partition}: partition as Kafka's Java client "
            "does (librdkafka: partitioner=murmur2_random)",
            key,
        )
    return key


def read_input(record: Record, shards: int, known: Watch | None, parse: Parse) -> Input:
    """`known` is the order's watch as of the record before, also of a removed or retired order. BadRecord."""
    key = key_of(record, shards)
    at = _at(record)
    if record.value is None:
        return Input(key, None, at, _number(record, _RETIRES))
    if len(record.value) > MOST_BYTES:
        raise BadRecord("too_large", f"the body has {len(record.value)} bytes, at most {MOST_BYTES} are read", key)
    watch = _resolved(record, key) or _parsed(record.value, key, at, known, parse)
    return Input(key, merged(watch, key, known), at)


def merged(watch: Watch, key: str, known: Watch | None) -> Watch:
    """The order goes on with its life and its account; recipients and labels are replaced whole."""
    if known is None:
        return watch
    return msgspec.structs.replace(
        watch, key=key, source=known.source, ids=known.ids, created_at=known.created_at, extra=known.extra
    )


def _resolved(record: Record, key: str) -> Watch | None:
    packed = header(record, _WATCH)
    if packed is None or packed[:8] != _digest(record.value or b""):
        return None  # written by another program, or its body was changed since
    watch = codec.unpack_watch(packed[8:])
    return watch if watch.key == key else None


def _parsed(value: bytes, key: str, at: Instant, known: Watch | None, parse: Parse) -> Watch:
    try:
        body = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise BadRecord("bad_json", "the value is not JSON: write the body of POST /v1/watches", key) from None
    if not isinstance(body, dict):
        raise BadRecord("bad_json", "the value is not a JSON object: write the body of POST /v1/watches", key)
    try:
        watch = parse(body, at)
    except ConfigError as error:
        # Paths alone: what was wrong with a value may show it.
        wrong = ", ".join(sorted({problem.path for problem in error.problems})) or "the body"
        raise BadRecord("invalid", f"POST /v1/watches would refuse it with 422 because of: {wrong}", key) from None
    if watch.key != key and known is None:
        raise BadRecord("key_mismatch", "key and body name different orders: the body's ids make the key", key)
    return watch


def _at(record: Record) -> Instant:
    """When it was asked, as this program told it; another one may have a header of that name for what it likes."""
    at = _number(record, _AT)
    return at if at is not None and 0 <= at <= record.timestamp + _AHEAD_AT_MOST else record.timestamp


def _number(record: Record, name: str) -> int | None:
    """As this program writes them."""
    told = header(record, name)
    return int.from_bytes(told, "big", signed=True) if told is not None and len(told) == _NUMBER_BYTES else None


def _digest(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=8).digest()


def watch_record(watch: Watch, at: Instant) -> Outgoing:
    """A watch as any service would write it, and as it was resolved."""
    value = orjson.dumps(
        {
            "source": watch.source,
            "ids": dict(watch.ids),
            "recipients": [_recipient(each) for each in watch.recipients],
            "labels": dict(watch.labels),
        }
    )
    return Outgoing(watch.key.encode(), value, (*_told_at(at), (_WATCH, _digest(value) + codec.pack_watch(watch))))


def removal_record(key: str, at: Instant) -> Outgoing:
    return Outgoing(key.encode(), None, _told_at(at))


def retirement_record(key: str, retires: int) -> Outgoing:
    """The tombstone at the end of retention."""
    return Outgoing(key.encode(), None, ((_RETIRES, retires.to_bytes(_NUMBER_BYTES, "big", signed=True)),))


def _recipient(recipient: Recipient) -> dict[str, str]:
    told = {name: getattr(recipient, name) for name in ("email", "phone", "webhook", "locale", "timezone")}
    return {name: value for name, value in told.items() if value is not None}


def _told_at(at: Instant) -> Headers:
    return ((_AT, at.to_bytes(_NUMBER_BYTES, "big", signed=True)),)


# --- commands --------------------------------------------------------------------------------------------------------


class _Retry(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    kind: str
    delivery: str
    at: Instant


_RETRY = msgspec.json.Decoder(_Retry)


def command_record(command: Command) -> Outgoing:
    """A retry: the other commands are records of `watches`."""
    if command.kind != "retry" or command.delivery is None:
        raise ValueError(f"{command.kind} is no record of commands")
    asked = _Retry(kind=command.kind, delivery=command.delivery, at=command.at)
    return Outgoing(command.key.encode(), msgspec.json.encode(asked))


def read_command(record: Record, shards: int) -> Command:
    """`number` is the offset. BadRecord."""
    key = key_of(record, shards)
    try:
        asked = _RETRY.decode(record.value or b"")
    except msgspec.MsgspecError:
        raise BadRecord("bad_command", "not a command: ask by POST /v1/deliveries/{id}/retry", key) from None
    check_format("command", asked.format)
    if asked.kind != "retry":
        raise BadRecord("bad_command", "a command of another kind than retry", key)
    return Command(kind="retry", key=key, delivery=asked.delivery, at=asked.at, number=record.offset)
