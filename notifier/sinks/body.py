"""What a webhook carries: the Standard Webhooks payload, or the mapping that a configuration puts in its place. Pure.

Both follow from the published event alone, so every attempt carries the same bytes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from notifier.model import CloudEvent
from notifier.sinks import placeholders


def payload(event: CloudEvent) -> bytes:
    """`{"type", "timestamp", "data"}` (Standard Webhooks 1.0.0, 'Payload structure'); the event's data verbatim."""
    return orjson.dumps(
        {
            "type": event.attributes["type"],
            "timestamp": event.attributes["time"],
            "data": orjson.Fragment(event.data),
        }
    )


def check(template: Any) -> None:
    """ValueError where a configured body is not JSON, or a text of it holds a placeholder that does not exist."""
    try:
        orjson.dumps(template)
    except TypeError as error:
        raise ValueError(f"cannot be written as JSON ({error}): use texts, numbers, lists and mappings") from None
    placeholders.check(template, PLACEHOLDERS)


def asks_for_text(template: Any) -> bool:
    return "text" in placeholders.names(template)


def filled(template: Mapping[str, Any], event: CloudEvent, text: str = "") -> bytes:
    """A configured body as JSON. `text` stands for {text} where a message has been rendered."""
    data = orjson.loads(event.data)
    values = {name: value(event, data) for name, value in PLACEHOLDERS.items()}
    if text:
        values["text"] = text
    return orjson.dumps(placeholders.fill(template, values))


def sentence(event: CloudEvent, data: Mapping[str, Any]) -> str:
    """The event in one plain English sentence, from what may leave the house."""
    after = data["after"] or {}
    said: Mapping[str, Callable[[], str]] = {
        "tracked": lambda: f"is followed from now on, in phase {data['phase']}",
        "status_changed": lambda: f"has the status {after['status']} now",
        "phase_changed": lambda: f"is {after['phase'].replace('_', ' ')} now",
        "history_added": lambda: f"tells {after['event']}",
        "performer_changed": lambda: "has another performer" if data["before"] else "has a performer now",
        "schedule_changed": lambda: "has another schedule" if data["before"] else "has a schedule now",
        "cost_changed": lambda: "has another cost" if data["before"] else "has a cost now",
        "cancel_rules_changed": lambda: "has other rules for cancelling",
        "location_changed": lambda: "has moved",
        "lost": lambda: "is no longer found",
        "stalled": lambda: "has not been heard of for a while",
        "contract_violated": lambda: f"did what its API does not document: {after['kind']}",
    }
    return f"Order {event.key} {said.get(event.type, lambda: 'has changed')()}."


PLACEHOLDERS: Mapping[str, Callable[[CloudEvent, Mapping[str, Any]], str]] = {
    "text": sentence,
    "type": lambda event, _: event.attributes["type"],
    "key": lambda event, _: event.key,
    "status": lambda _, data: data["status"] or "",
    "phase": lambda _, data: data["phase"],
}
