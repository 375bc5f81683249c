"""Watches, orders and deliveries as the JSON of INTERFACE, 'HTTP'. What is not told is null or an empty list."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import orjson

from notifier.api.desk import Live
from notifier.backends.base import Order
from notifier.envelope import structured
from notifier.errors import Reason
from notifier.instants import optional_text, to_text
from notifier.masks import masked
from notifier.model import (
    Attempt,
    CloudEvent,
    Delivery,
    Entry,
    Instant,
    Performer,
    Phase,
    Place,
    Snapshot,
    State,
    Watch,
)
from notifier.routing.line import Wait

Json: TypeAlias = dict[str, Any]


def page(items: Iterable[Any], next: str | None) -> Json:
    return {"items": list(items), "next": next}


def watch(it: Watch) -> Json:
    return {
        "key": it.key,
        "source": it.source,
        "ids": dict(it.ids),
        "recipients": [
            {
                "email": recipient.email,
                "phone": recipient.phone,
                "webhook": recipient.webhook,
                "locale": recipient.locale,
                "timezone": recipient.timezone,
            }
            for recipient in it.recipients
        ],
        "labels": dict(it.labels),
        "created_at": to_text(it.created_at),
        "updated_at": to_text(it.updated_at),
    }


def order(it: Order, live: Live | None, configured: bool, as_of: Instant) -> Json:
    """`configured` says whether the configuration names its source: else nobody polls it, and that is the error."""
    state = it.state
    snapshot = state.snapshot if state else None
    error = live.last_error if live else state.last_error if state else None
    return {
        "key": it.watch.key,
        "source": it.watch.source,
        "id": it.watch.key.rpartition("/")[2],
        "labels": dict(it.watch.labels),
        "life": state.life if state else it.watch.created_at,
        "sequence": state.sequence if state else 0,
        "status": snapshot.status if snapshot else None,
        "phase": (state.phase if state else Phase.UNKNOWN).value,
        "phase_certain": state.certain if state else False,
        "snapshot": _snapshot(snapshot, state.phase) if state and snapshot else None,
        "last_ok_at": optional_text(live.last_ok_at if live else state.last_ok if state else None),
        "next_poll_at": optional_text(live.next_poll_at if live else None),
        "last_error": error if configured or it.removed else Reason.UNKNOWN_SOURCE.value,
        "retired": retirement(it),
        "as_of": to_text(as_of),
    }


def retirement(it: Order) -> str | None:
    """Why it is no longer polled: removed, terminal, given_up; None while it is."""
    if it.removed:
        return "removed"
    return it.state.retirement or "terminal" if it.state and it.state.retired_at is not None else None


def _snapshot(it: Snapshot, phase: Phase) -> Json:
    rules = it.cancel_rules
    return {
        "status": it.status,
        "phase": phase.value,
        "updated_at": optional_text(it.updated_at),
        "performer": _performer(it.performer) if it.performer else None,
        "location": _point(it.location) if it.location else None,
        "route": [{"address": place.address, **_point(place)} for place in it.route],
        "schedule": {"start": optional_text(it.schedule.start), "end": optional_text(it.schedule.end)}
        if it.schedule
        else None,
        "finished_at": optional_text(it.finished_at),
        "cost": {"amount": it.cost.amount, "with_vat": it.cost.with_vat} if it.cost else None,
        "cancel_rules": {
            "can_cancel": rules.can_cancel,
            "state": rules.state,
            "title": rules.title,
            "message": rules.message,
        }
        if rules
        else None,
        "history": [
            {"event": entry.value, "at": to_text(entry.at), "initiator": entry.initiator, **_where(entry)}
            for entry in it.entries
            if entry.kind == "history"
        ],
        "status_log": [
            {"status": entry.value, "at": to_text(entry.at), **_where(entry)}
            for entry in it.entries
            if entry.kind == "status"
        ],
        "person": {"id": it.person.id, "name": it.person.name, "phone": it.person.phone} if it.person else None,
        "number": it.number,
        "class": it.tariff,
        "cost_centers": [{"id": center.id, "title": center.title, "value": center.value} for center in it.cost_centers],
        "created_by": it.created_by,
        "comments": [{"status": comment.status, "text": comment.text} for comment in it.comments],
        "comment": it.comment,
    }


def _performer(it: Performer) -> Json:
    vehicle = it.vehicle
    return {
        "name": it.name,
        "phone": it.phone,
        "vehicle": {"model": vehicle.model, "plate": vehicle.plate, "color": vehicle.color} if vehicle else None,
    }


def _point(it: Place) -> Json:
    return {"lat": it.lat, "lon": it.lon}


def _where(it: Entry) -> Json:
    return _point(it.place) if it.place else {"lat": None, "lon": None}


def delivery(it: Delivery, wait: Wait | None = None) -> Json:
    """`wait`: what a pending one waits for, where more is known of it than it says itself."""
    wait = wait or Wait(it.due if it.state == "pending" else None, it.held if it.open else it.reason)
    return {
        "id": it.id,
        "state": it.state,
        "key": it.key,
        "event_id": it.event.id,
        "sequence": it.event.sequence,
        "type": it.event.attributes["type"],
        "rule": it.rule,
        "sink": it.sink,
        "to": masked(it.to),
        "attempts": [_attempt(attempt) for attempt in it.attempts],
        "next_attempt_at": optional_text(wait.until),
        "reason": wait.reason,
        "message": it.message,
        "created_at": to_text(it.created_at),
        "finished_at": optional_text(it.finished_at),
    }


def _attempt(it: Attempt) -> Json:
    return {"at": to_text(it.at), "status": code(it.status), "reason": it.reason, "ms": it.ms}


def code(status: str | None) -> int | str | None:
    """The other side's code: a number where it is one (HTTP, SMTP), else its text."""
    return int(status) if status and status.isascii() and status.isdigit() else status


def event(it: CloudEvent) -> orjson.Fragment:
    """Structured CloudEvents JSON."""
    return orjson.Fragment(structured(it))


def progress(it: State | None) -> Json:
    """What is remembered of an order besides its snapshot, for `why`."""
    state = it or State(key="", life=0)
    return {
        "status": state.snapshot.status if state.snapshot else None,
        "phase": state.phase.value,
        "phase_certain": state.certain,
        "since": optional_text(state.since or None),
        "tracked": state.tracked,
        "doubt": state.doubt,
        "misses": state.misses,
        "missing_since": optional_text(state.missing_since),
        "lost": state.lost,
        "stalled": state.stalled,
        "changed_at": optional_text(state.changed_at or None),
        "terminal_since": optional_text(state.terminal_since),
        "retired_at": optional_text(state.retired_at),
        "not_before": optional_text(state.not_before),
    }
