"""The one codec of stored records, and their one format number.

A record is `format, form, payload`: one byte each, then msgpack. A state has its peek in between: the few values that a
restore and the view need of every order, read without touching the rest. Payloads above a few hundred bytes are
deflated with a dictionary of our own words, which makes a typical order about half as long.

A new format is read by one release and written by the next, so that a roll-back by one always works. Within a format
fields may be added: what this release does not know is kept in `extra` and written back.
"""

import zlib
from typing import Generic, Literal, NoReturn, TypeVar

import msgspec

from notifier.codec_words import WORDS
from notifier.errors import BackendError, LookFailed, Reason, Refused
from notifier.model import CloudEvent, Delivery, DeliveryState, Instant, Phase, Schedule, State, Watch

FORMAT = 1
MOST_BYTES = 900_000
"""A stored record's greatest length, compressed: Kafka's brokers refuse a message above 1 MB."""

_DEFLATE_ABOVE = 320
_LEVEL = 1  # a higher one saves under 1 % on records of this size
_PLAIN, _DEFLATED = 0, 1


class TooLarge(LookFailed):
    """A record that cannot be stored: the look that led to it counts as failed."""

    def __init__(self, what: str, size: int) -> None:
        super().__init__(
            Reason.TOO_LARGE,
            f"the {what} would take {size} bytes compressed, more than the {MOST_BYTES} that are stored",
        )


class Peek(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a restore and the view need of a state, by the state's names; `status` and `schedule` are the snapshot's.

    Fields are known by their place: new ones go to the end, with a default that means 'look into the whole state'.
    """

    life: Instant
    sequence: int
    phase: Phase
    certain: bool
    status: str | None
    since: Instant
    tracked: bool
    last_ok: Instant | None
    digest: bytes
    changed_at: Instant
    schedule: Schedule | None
    doubt: str | None
    misses: int
    lost: bool
    lost_since: Instant | None
    stalled: bool
    terminal_since: Instant | None
    failures: int
    last_error: str | None
    not_before: Instant | None
    retired_at: Instant | None
    retirement: Literal["terminal", "given_up", "removed"] | None
    watch_number: int


class _SequencePeek(msgspec.Struct, frozen=True, gc=False):
    sequence: str = "0"


class _EventPeek(msgspec.Struct, frozen=True, gc=False):
    attributes: _SequencePeek = _SequencePeek()


class DeliveryPeek(msgspec.Struct, frozen=True, gc=False):
    """What lists of deliveries are asked by, by the delivery's names."""

    id: str
    key: str
    sink: str
    created_at: Instant
    event: _EventPeek = _EventPeek()
    state: DeliveryState = "pending"
    to: str | None = None
    finished_at: Instant | None = None

    @property
    def sequence(self) -> int:
        return int(self.event.attributes.sequence)


def pack_watch(watch: Watch) -> bytes:
    """TooLarge above `MOST_BYTES`, as every `pack_…`."""
    return _whole("watch", _WATCH.encode(watch))


def unpack_watch(data: bytes) -> Watch:
    """Refused for a newer format, BackendError for damaged bytes, as every `unpack_…`."""
    return _WATCH.decode(_payload("watch", data))


def pack_delivery(delivery: Delivery, event: bool = True) -> bytes:
    """Without `event` where it is stored beside: `unpack_delivery` is then given it."""
    return _whole(
        "delivery", _DELIVERY.encode(delivery if event else msgspec.structs.replace(delivery, event=_ELSEWHERE))
    )


def unpack_delivery(data: bytes, event: CloudEvent | None = None) -> Delivery:
    delivery = _DELIVERY.decode(_payload("delivery", data))
    return delivery if event is None else msgspec.structs.replace(delivery, event=event)


def peek_delivery(data: bytes) -> DeliveryPeek:
    """About 4 us: of one that was packed with its event, what a list asks by."""
    try:
        return _DELIVERY_PEEK.decode(_payload("delivery", data))
    except _UNREADABLE as error:
        _damaged("delivery", error)


def pack_event(event: CloudEvent) -> bytes:
    return _whole("event", _EVENT.encode(event))


def unpack_event(data: bytes) -> CloudEvent:
    return _EVENT.decode(_payload("event", data))


def pack_state(state: State) -> bytes:
    snapshot = state.snapshot
    peek = _encode(
        Peek(
            state.life,
            state.sequence,
            state.phase,
            state.certain,
            None if snapshot is None else snapshot.status,
            state.since,
            state.tracked,
            state.last_ok,
            state.digest,
            state.changed_at,
            None if snapshot is None else snapshot.schedule,
            state.doubt,
            state.misses,
            state.lost,
            state.lost_since,
            state.stalled,
            state.terminal_since,
            state.failures,
            state.last_error,
            state.not_before,
            state.retired_at,
            state.retirement,
            state.watch_number,
        )
    )
    form, payload = _deflate(_STATE.encode(state))
    return _fitting("state", b"".join((bytes((FORMAT, form)), len(peek).to_bytes(2, "little"), peek, payload)))


def unpack_state(data: bytes) -> State:
    _check("state", data)
    return _STATE.decode(_inflate("state", data, 4 + int.from_bytes(data[2:4], "little")))


def peek_state(data: bytes) -> Peek:
    """About 1 us: no inflating, no snapshot."""
    _check("state", data)
    try:
        return _PEEK.decode(memoryview(data)[4 : 4 + int.from_bytes(data[2:4], "little")])
    except _UNREADABLE as error:
        _damaged("state", error)


# --- inside ----------------------------------------------------------------------------------------------------------

T = TypeVar("T", bound=msgspec.Struct)

_encode = msgspec.msgpack.Encoder().encode
_PEEK = msgspec.msgpack.Decoder(Peek)
_DELIVERY_PEEK = msgspec.msgpack.Decoder(DeliveryPeek)
_MAP = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
_ELSEWHERE = CloudEvent(attributes={}, data=b"")


class _Kind(Generic[T]):
    """One type as a msgpack map, the fields that it does not know included."""

    def __init__(self, type: type[T]) -> None:
        self._name = type.__name__.lower()
        self._decoder = msgspec.msgpack.Decoder(type)
        self._known = frozenset(field.encode_name for field in msgspec.structs.fields(type))

    def encode(self, value: T) -> bytes:
        extra = getattr(value, "extra", None)
        if not extra:
            return _encode(value)
        known = _MAP.decode(_encode(value))
        del known["extra"]
        return _encode({**extra, **known})

    def decode(self, payload: bytes) -> T:
        try:
            value = self._decoder.decode(payload)
            fields = _MAP.decode(payload)
            if fields.keys() <= self._known:
                return value
            extra = {name: msgspec.msgpack.decode(raw) for name, raw in fields.items() if name not in self._known}
        except _UNREADABLE as error:
            _damaged(self._name, error)
        return msgspec.structs.replace(value, extra=extra) if "extra" in self._known else value


_WATCH, _STATE, _DELIVERY, _EVENT = _Kind(Watch), _Kind(State), _Kind(Delivery), _Kind(CloudEvent)


def _whole(what: str, payload: bytes) -> bytes:
    form, payload = _deflate(payload)
    return _fitting(what, b"".join((bytes((FORMAT, form)), payload)))


def _payload(what: str, data: bytes) -> bytes:
    _check(what, data)
    return _inflate(what, data, 2)


def _deflate(payload: bytes) -> tuple[int, bytes]:
    if len(payload) <= _DEFLATE_ABOVE:
        return _PLAIN, payload
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15, 5, zlib.Z_DEFAULT_STRATEGY, WORDS)
    return _DEFLATED, deflater.compress(payload) + deflater.flush()


def _inflate(what: str, data: bytes, start: int) -> bytes:
    if data[1] == _PLAIN:
        return data[start:]
    inflater = zlib.decompressobj(-15, WORDS)
    try:
        payload = inflater.decompress(memoryview(data)[start:])
    except zlib.error as error:
        _damaged(what, error)
    if not inflater.eof:
        _damaged(what, EOFError("it ends too early"))
    return payload


def _fitting(what: str, record: bytes) -> bytes:
    if len(record) > MOST_BYTES:
        raise TooLarge(what, len(record))
    return record


def _check(what: str, data: bytes) -> None:
    if len(data) > 2 and data[0] == FORMAT and data[1] <= _DEFLATED:
        return
    if len(data) > 2 and data[0] > FORMAT:
        raise Refused(
            f"a stored {what} has format {data[0]}, written by a newer release; this one reads up to {FORMAT}: "
            "start that release again, or restore a backup that was made before it"
        )
    _damaged(what, ValueError("no known format"))


def _damaged(what: str, error: Exception) -> NoReturn:
    # Neither the bytes nor the decoder's words: both may hold personal data.
    raise BackendError(f"a stored {what} cannot be read ({type(error).__name__}): restore a backup") from None
