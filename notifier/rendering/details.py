"""What a mail lists below its sentence: one row for each fact that is known. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from notifier.model import EventType, Phase
from notifier.rendering.shapes import View
from notifier.rendering.speech import Speech

_BAD = frozenset({Phase.CANCELLED, Phase.FAILED, EventType.LOST, EventType.STALLED, EventType.CONTRACT_VIOLATED})
_GOOD = frozenset({Phase.ARRIVED, Phase.READY, Phase.COMPLETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`link` is where a click leads: a number to call."""

    name: str
    label: str
    value: str
    link: str | None = None


def rows(view: View, labels: Mapping[str, str], speech: Speech) -> tuple[Row, ...]:
    return tuple(
        Row(name=name, label=labels.get(name, name), value=value, link=link)
        for name, value, link in _known(view, speech)
        if value
    )


def _known(view: View, speech: Speech) -> Iterator[tuple[str, str | None, str | None]]:
    order, driver, event = view.order, view.driver, view.event
    yield "order", order.number or order.id, None
    yield "person", order.person, None
    yield "courier" if order.kind in ("delivery", "food") else "driver", driver.name, None
    yield "phone", driver.phone, driver.dial and f"tel:{driver.dial}"
    yield "car", driver.car, None
    yield "origin", order.origin, None
    yield "destination", order.destination, None
    yield "schedule", speech.span(order.start, order.end), None
    yield "cost", None if order.amount is None else speech.money(order.amount), None
    yield "with_vat", None if order.with_vat is None else speech.money(order.with_vat), None
    if event.type == EventType.STATUS_CHANGED or not order.certain:
        yield "status", order.status, None
    yield "time" if event.exact else "noticed", speech.when(event.time), None


def tone(view: View) -> Literal["good", "bad", "plain"]:
    """The colour of a mail's edge."""
    words = {view.order.phase, view.event.type}
    return "bad" if words & _BAD else "good" if words & _GOOD else "plain"
