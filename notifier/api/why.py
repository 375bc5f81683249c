"""Why was somebody told, or not: the whole way of one order, from its polls to each attempt to tell of it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from notifier.api import shapes
from notifier.api.answers import find
from notifier.api.desk import Desk, Live
from notifier.api.waits import waits
from notifier.backends.base import DeliveryQuery, EventQuery, Order
from notifier.instants import optional_text, to_text
from notifier.model import CloudEvent, Delivery, State

MOST = 5000  # of each kind; `complete` says whether that was all


async def why(desk: Desk, order: Order) -> shapes.Json:
    """What is polled, the order's state, each event with the deliveries it led to, and what is held back now."""
    key = order.watch.key
    events, all_events = await _newest_events(desk, key)
    deliveries, all_deliveries = await _deliveries(desk, key)
    waiting = await waits(desk, deliveries)
    of_event: dict[str, list[shapes.Json]] = defaultdict(list)
    shown = [(delivery, shapes.delivery(delivery, waiting.get(delivery.id))) for delivery in deliveries]
    for delivery, shape in shown:
        of_event[delivery.event.id].append(shape)
    return {
        "watch": shapes.watch(order.watch),
        "polled": _polled(desk.live(key), order.state),
        "state": shapes.progress(order.state),
        "events": [_event(event, of_event[event.id]) for event in events],
        "held_back": [shape for delivery, shape in shown if delivery.open],
        "skipped": [shape for delivery, shape in shown if delivery.state == "skipped"],
        "complete": all_events and all_deliveries,
    }


def _polled(live: Live | None, state: State | None) -> shapes.Json:
    """From memory where this replica holds the order; else as of the order's last commit, without its looks."""
    if live is None:
        return {
            "last_ok_at": optional_text(state.last_ok if state else None),
            "next_poll_at": None,
            "failures": state.failures if state else 0,
            "last_error": state.last_error if state else None,
            "looks": [],
        }
    return {
        "last_ok_at": optional_text(live.last_ok_at),
        "next_poll_at": optional_text(live.next_poll_at),
        "failures": live.failures,
        "last_error": live.last_error,
        "looks": [
            {
                "began": to_text(look.began),
                "ended": optional_text(look.ended),
                "outcome": look.outcome,
                "detail": look.detail,
            }
            for look in live.looks
        ],
    }


def _event(event: CloudEvent, deliveries: Sequence[shapes.Json]) -> shapes.Json:
    data: dict[str, Any] = orjson.loads(event.data)
    return {
        "id": event.id,
        "type": event.attributes["type"],
        "sequence": event.sequence,
        "time": event.attributes["time"],
        **{name: data.get(name) for name in ("before", "after", "status", "phase", "occurred", "inferred", "late")},
        "deliveries": deliveries,
    }


async def _newest_events(desk: Desk, key: str) -> tuple[list[CloudEvent], bool]:
    events: list[CloudEvent] = []
    cursor, dropped = None, False
    while True:
        page = await find(desk, EventQuery(key=key, limit=1000, cursor=cursor))
        events += page.items
        dropped = dropped or len(events) > MOST
        del events[:-MOST]
        if (cursor := page.next) is None:
            return events, not dropped


async def _deliveries(desk: Desk, key: str) -> tuple[list[Delivery], bool]:
    """Oldest first, the newest if they are too many."""
    deliveries: list[Delivery] = []
    cursor = None
    while len(deliveries) < MOST:
        page = await find(desk, DeliveryQuery(key=key, limit=1000, cursor=cursor))
        deliveries += page.items
        if (cursor := page.next) is None:
            break
    return deliveries[::-1], cursor is None
