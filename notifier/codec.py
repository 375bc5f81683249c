"""The one codec of stored records, and their one format number.

A record is `format, form, payload`: one byte each, then msgpack. Watches and states, of which there are many, are
arrays: about as short as a deflated map, and ten times as quick. Longer payloads are deflated with a dictionary of our
own words.

A new format is read by one release and written by the next, so that a roll-back by one always works. Within a format
fields may be added: what this release does not know is kept in `extra` and written back.
"""

import zlib
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from notifier.codec_words import WORDS
from notifier.errors import BackendError, LookFailed, Reason, Refused
from notifier.model import CloudEvent, Delivery, DeliveryState, Instant, State, Watch

FORMAT = 1
MOST_BYTES = 900_000
"""A stored record's greatest length, compressed: Kafka's brokers refuse a message above 1 MB."""

_DEFLATE_ABOVE = 1_000  # a typical order and a typical event are shorter: deflating costs more than all the rest
_LEVEL = 1  # a higher one saves under 1 % on records of this size
_PLAIN, _DEFLATED = 0, 1


class TooLarge(LookFailed):
    """A record that cannot be stored: the look that led to it counts as failed."""

    def __init__(self, what: str, size: int) -> None:
        super().__init__(
            Reason.TOO_LARGE,
            f"the {what} would take {size} bytes compressed, more than the {MOST_BYTES} that are stored",
        )


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
    return _record("watch", _WATCH.encode(watch))


def unpack_watch(data: bytes) -> Watch:
    """Refused for a newer format, BackendError for damaged bytes, as every `unpack_…`."""
    return _WATCH.decode(_payload("watch", data))


def pack_state(state: State) -> bytes:
    return _record("state", _STATE.encode(state))


def unpack_state(data: bytes) -> State:
    return _STATE.decode(_payload("state", data))


peek_state = unpack_state  # the whole costs no more than a part of it


def pack_delivery(delivery: Delivery, event: bool = True) -> bytes:
    """Without `event` where it is stored beside: `unpack_delivery` is then given it."""
    return _record(
        "delivery", _DELIVERY.encode(delivery if event else msgspec.structs.replace(delivery, event=_ELSEWHERE))
    )


def unpack_delivery(data: bytes, event: CloudEvent | None = None) -> Delivery:
    delivery = _DELIVERY.decode(_payload("delivery", data))
    return delivery if event is None else msgspec.structs.replace(delivery, event=event)


def is_known(data: bytes) -> bool:
    """Whether it is a record of a format that this release reads, by its first bytes alone."""
    return data.startswith(_HEADS)


def peek_delivery(data: bytes) -> DeliveryPeek:
    """About 4 us: of one that was packed with its event, what a list asks by."""
    try:
        return _DELIVERY_PEEK.decode(_payload("delivery", data))
    except _UNREADABLE as error:
        _damaged("delivery", error)


def pack_event(event: CloudEvent) -> bytes:
    return _record("event", _encode(event))


def unpack_event(data: bytes) -> CloudEvent:
    try:
        return _EVENT.decode(_payload("event", data))
    except _UNREADABLE as error:
        _damaged("event", error)


# --- inside ----------------------------------------------------------------------------------------------------------

T = TypeVar("T", bound=msgspec.Struct)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.decode
_EVENT = msgspec.msgpack.Decoder(CloudEvent)
_DELIVERY_PEEK = msgspec.msgpack.Decoder(DeliveryPeek)
_MAP = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.msgpack.Decoder(list[msgspec.Raw])
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
_ELSEWHERE = CloudEvent(attributes={}, data=b"")


class _ByName(Generic[T]):
    """One type as a msgpack map; `extra` are the fields that it does not know."""

    def __init__(self, type: type[T]) -> None:
        self._name = type.__name__.lower()
        self._decoder = msgspec.msgpack.Decoder(type)
        self._known = frozenset(type.__struct_encode_fields__)

    def encode(self, value: T) -> bytes:
        extra: dict[str, Any] = getattr(value, "extra")  # noqa: B009 (every type that is packed has it)
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
            extra = {name: _decode(raw) for name, raw in fields.items() if name not in self._known}
        except _UNREADABLE as error:
            _damaged(self._name, error)
        return msgspec.structs.replace(value, extra=extra)


class _ByPlace(Generic[T]):
    """One type as a msgpack array; `extra` are the fields behind those that it knows, by their places."""

    def __init__(self, type: type[T]) -> None:
        self._name = type.__name__.lower()
        self._decoder = msgspec.msgpack.Decoder(type)
        self._extra = type.__struct_encode_fields__.index("extra")
        self._width = len(type.__struct_encode_fields__)
        self._head = _encode([None] * self._width)[: -self._width]  # an array of just so many

    def encode(self, value: T) -> bytes:
        extra: dict[str, Any] = getattr(value, "extra")  # noqa: B009 (every type that is packed has it)
        if not extra:
            return _encode(value)
        fields: list[Any] = list(_ARRAY.decode(_encode(value)))
        fields[self._extra] = {}
        fields += [None] * (max(map(int, extra)) + 1 - self._width)
        for place, known in extra.items():
            fields[int(place)] = known
        return _encode(fields)

    def decode(self, payload: bytes) -> T:
        try:
            value = self._decoder.decode(payload)
            if payload.startswith(self._head):
                return value
            # Of another release: an older one knew fewer.
            extra = {str(place): _decode(raw) for place, raw in enumerate(_ARRAY.decode(payload))}
        except _UNREADABLE as error:
            _damaged(self._name, error)
        return msgspec.structs.replace(
            value, extra={place: known for place, known in extra.items() if int(place) >= self._width}
        )


_WATCH, _STATE, _DELIVERY = _ByPlace(Watch), _ByPlace(State), _ByName(Delivery)


def _record(what: str, payload: bytes) -> bytes:
    if len(payload) <= _DEFLATE_ABOVE:
        return _PLAIN_HEAD + payload
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15, 5, zlib.Z_DEFAULT_STRATEGY, WORDS)
    record = b"".join((_DEFLATED_HEAD, deflater.compress(payload), deflater.flush()))
    if len(record) > MOST_BYTES:
        raise TooLarge(what, len(record))
    return record


_HEADS = _PLAIN_HEAD, _DEFLATED_HEAD = bytes((FORMAT, _PLAIN)), bytes((FORMAT, _DEFLATED))


def _payload(what: str, data: bytes) -> bytes:
    if data.startswith(_PLAIN_HEAD):
        return data[2:]
    if data.startswith(_DEFLATED_HEAD):
        return _inflate(what, data)
    if len(data) > 2 and data[0] > FORMAT:
        raise Refused(
            f"a stored {what} has format {data[0]}, written by a newer release; this one reads up to {FORMAT}: "
            "start that release again, or restore a backup that was made before it"
        )
    _damaged(what, ValueError("no known format"))


def _inflate(what: str, data: bytes) -> bytes:
    inflater = zlib.decompressobj(-15, WORDS)
    try:
        payload = inflater.decompress(memoryview(data)[2:])
    except zlib.error as error:
        _damaged(what, error)
    if not inflater.eof:
        _damaged(what, EOFError("it ends too early"))
    return payload


def _damaged(what: str, error: Exception) -> NoReturn:
    # Neither the bytes nor the decoder's words: both may hold personal data.
    raise BackendError(f"a stored {what} cannot be read ({type(error).__name__}): restore a backup") from None
