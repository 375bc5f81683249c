"""`notifier schema asyncapi`: AsyncAPI 3.0 of the Kafka topics that other services read and write.

Made from the same models as the JSON Schemas of the events. https://www.asyncapi.com/docs/reference/specification/v3.0.0,
with the Kafka bindings 0.5.0.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from notifier.config.watches import WatchBody
from notifier.metrics import release
from notifier.model import EventType
from notifier.schemas import DeadLetter, event_models

BINDING = "0.5.0"
_SCHEMA = "#/components/schemas/{model}"
_KEY = {"type": "string", "description": "The order key.", "examples": ["trips/885e2f1c"]}


def document(prefix: str = "notifier") -> dict[str, Any]:
    """`prefix` is the configuration's `topic_prefix`."""
    models = event_models()
    references, definitions = models_json_schema(
        [
            *((model, "serialization") for model in models.values()),
            (DeadLetter, "serialization"),
            (WatchBody, "validation"),
        ],
        ref_template=_SCHEMA,
        by_alias=True,
    )
    events = {type.value: _event(type, references[model, "serialization"]) for type, model in models.items()}
    messages = {
        **events,
        "watch": _watch(references[WatchBody, "validation"]),
        "dead_letter": _dead_letter(references[DeadLetter, "serialization"]),
    }
    channels = {
        "events": _channel(
            f"{prefix}.events", "Every detected change of every order, once and in order.", tuple(events)
        ),
        "watches": _channel(
            f"{prefix}.watches", "Which orders are followed. Any service may write here.", ("watch",), ["compact"]
        ),
        "dead_letters": _channel(
            f"{prefix}.dead-letters", "Deliveries that were given up, and input that was refused.", ("dead_letter",)
        ),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order-status notifier",
            "version": release(),
            "description": "Read `events` with `isolation.level=read_committed`; ignore fields, types and phases that "
            "you do not know. The order of one order's events is that of its partition, and of `sequence`.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            "publishEvents": _operation("send", "events", tuple(events)),
            "followWatches": _operation("receive", "watches", ("watch",)),
            "publishDeadLetters": _operation("send", "dead_letters", ("dead_letter",)),
        },
        "components": {"messages": messages, "schemas": definitions["$defs"]},
    }


def _channel(topic: str, description: str, messages: tuple[str, ...], cleanup: list[str] | None = None) -> Any:
    return {
        "address": topic,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic,
                "topicConfiguration": {"cleanup.policy": cleanup or ["delete"]},
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(action: str, channel: str, messages: tuple[str, ...]) -> Any:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _event(type: EventType, payload: Mapping[str, Any]) -> Any:
    """CloudEvents 1.0, Kafka protocol binding, binary content mode."""
    attributes = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_source": {"type": "string", "format": "uri-reference", "examples": ["/sources/trips"]},
        "ce_type": {"type": "string", "const": type.full},
        "ce_subject": _KEY,
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_sequence": {"type": "string", "pattern": "^[0-9]{20}$"},
        "ce_dataschema": {"type": "string", "const": f"/schemas/{type.full}.json"},
        "content-type": {"type": "string", "const": "application/json"},
    }
    return {
        "name": type.full,
        "title": type.full,
        "contentType": "application/json",
        "headers": {"type": "object", "properties": attributes, "required": list(attributes)},
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": BINDING}},
    }


def _watch(payload: Mapping[str, Any]) -> Any:
    return {
        "name": "watch",
        "title": "Follow this order; a null value ends it",
        "contentType": "application/json",
        "description": "Partitioned by key as the Java client does (murmur2); at most 256 KiB.",
        "payload": {"anyOf": [payload, {"type": "null"}]},
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": BINDING}},
    }


def _dead_letter(payload: Mapping[str, Any]) -> Any:
    return {
        "name": "dead_letter",
        "title": "A delivery that was given up, or input that was refused",
        "contentType": "application/json",
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": BINDING}},
    }
