"""From one look of an order to what must become durable: track, seal, route, and whether it is worth a commit. Pure."""

from typing import NamedTuple

from msgspec.structs import replace

from notifier import codec
from notifier.backends.base import Change
from notifier.envelope import seal
from notifier.model import CloudEvent, Delivery, Instant, Look, State
from notifier.routing.route import route
from notifier.service.orders import Order
from notifier.service.runtime import OrderSource, Runtime
from notifier.tracking.advance import Step, advance

SURELY_FITS = codec.MOST_BYTES // 2
"""Bytes before packing; what is larger is packed to see whether the backend could keep it."""


class Followed(NamedTuple):
    """`change` is None when there is nothing to make durable; `packed` is the state either way."""

    step: Step
    packed: bytes
    change: Change | None


def follow(order: Order, look: Look, source: OrderSource, runtime: Runtime, now: Instant) -> Followed:
    """What follows from a look. TooLarge when it could not be stored, and whatever a fault of ours raises.

    `now` by this process's clock: where what is recorded is ahead of it, what is to be sent is not due any later.
    """
    stored = codec.unpack_state(order.state)
    # A clock that was put back must not make a change end before it could begin.
    was = replace(stored, last_ok=None if order.last_ok is None else min(order.last_ok, look.began))
    step = advance(was, look, source.adapter.lifecycle, source.tracking)
    watch = codec.unpack_watch(order.watch)
    sealed = [(event, seal(event, watch, runtime.personal_data)) for event in step.events]
    routed = route(sealed, runtime.rules, watch, step.state, runtime.channels, look.ended)
    failed = look.reason is not None
    state = replace(
        step.state,
        told=routed.told,
        failures=order.failures + 1 if failed else 0,
        failing_since=(was.failing_since or look.began) if failed else None,
        last_error=look.reason,
        not_before=look.not_before,
    )
    packed = codec.pack_state(state)
    step = step._replace(state=state)
    if not sealed and _insignificant(was, state):
        return Followed(step, packed, None)
    events = tuple(cloud for _, cloud in sealed)
    deliveries = routed.deliveries
    if (ahead := look.ended - now) > 0:
        deliveries = tuple(each if each.due is None else replace(each, due=each.due - ahead) for each in deliveries)
    _check_sizes(events, deliveries)
    return Followed(step, packed, Change(key=order.key, state=packed, events=events, deliveries=deliveries))


def _insignificant(was: State, state: State) -> bool:
    """Equal in all that must survive a restart: begin and end of a run of failures count, its length does not."""
    missing = was.misses and state.misses
    return was == replace(
        state,
        last_ok=was.last_ok,
        digest=was.digest,
        failures=was.failures if was.failures and state.failures else state.failures,
        misses=was.misses if missing else state.misses,
        missed_at=was.missed_at if missing else state.missed_at,
    )


def _check_sizes(events: tuple[CloudEvent, ...], deliveries: tuple[Delivery, ...]) -> None:
    """TooLarge here is this order's failed look; found out by the commit, it would be everybody's.

    A published event is one record as it stands, and an open delivery one with its event in it.
    """
    for event in events:
        if len(event.data) > codec.MOST_BYTES:
            raise codec.TooLarge("event", len(event.data))
        if len(event.data) > SURELY_FITS:
            codec.pack_event(event)
    for delivery in deliveries:
        if len(delivery.facts or b"") + len(delivery.event.data) > SURELY_FITS:
            codec.pack_delivery(delivery)
