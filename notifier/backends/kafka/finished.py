"""Finished deliveries: each stands in the topic `deliveries`, by its id."""

import msgspec

from notifier import codec
from notifier.backends.kafka.formats import damaged
from notifier.backends.kafka.records import Headers, Outgoing, Plain, header
from notifier.model import Delivery, DeliveryState, Instant

ABOUT = "about"


class About(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What lists of deliveries are asked by, beside the id: in a header, since to look into a million of them takes
    a view half a minute. Only ever longer: more fields may follow."""

    key: str
    sink: str
    to: str | None
    state: DeliveryState
    created_at: Instant
    finished_at: Instant | None
    sequence: int


_encode = msgspec.msgpack.Encoder().encode
_ABOUT = msgspec.msgpack.Decoder(About)


def finished_record(delivery: Delivery, packed: bytes, n: Headers) -> Outgoing:
    """`packed` by `pack_delivery`; `n` by `number_header`."""
    about = About(
        delivery.key,
        delivery.sink,
        delivery.to,
        delivery.state,
        delivery.created_at,
        delivery.finished_at,
        delivery.event.sequence,
    )
    return Outgoing(delivery.id.encode(), packed, ((ABOUT, _encode(about)), *n))


def about(record: Plain) -> About:
    """Of a delivery, open or finished. Refused, BackendError, as `unpack_…`."""
    value = record.value or b""
    told = header(record, ABOUT)
    if told is not None and codec.is_known(value):
        try:
            return _ABOUT.decode(told)
        except msgspec.MsgspecError as error:
            damaged("delivery", error)
    peek = codec.peek_delivery(value)  # of an open one, or written before there was that header
    return About(peek.key, peek.sink, peek.to, peek.state, peek.created_at, peek.finished_at, peek.sequence)
