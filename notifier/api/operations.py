"""What can be asked, for /openapi.json; a test holds this list against the routes."""

from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from notifier.api import models as m
from notifier.api.deliveries import RetryBody
from notifier.config.watches import WatchBody
from notifier.model import DeliveryState, Phase

Answer = type[BaseModel] | str | None
"""A model, a media type for what is no JSON of ours, or None: no body."""


class Operation(NamedTuple):
    method: str
    path: str
    name: str
    summary: str
    answers: dict[int, Answer]
    query: tuple[dict[str, Any], ...] = ()
    headers: tuple[dict[str, Any], ...] = ()
    body: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    public: bool = False


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"} | schema}


KEY = _query("key", "An order key.")
SOURCE = _query("source", "The name of a source.")
SINCE = _query("since", "From this time on.", format="date-time")
UNTIL = _query("until", "Before this time.", format="date-time")
PAGING = (
    _query("limit", "How many at most.", type="integer", minimum=1, maximum=1000, default=100),
    _query("cursor", "The `next` of the page before."),
)
LIST = (422, 503)
ONE = (404, 503)
BODY = (400, 413, 415, 422, 503)
KEYS = ("{source}/{id}", "{source}/{account}/{id}")


def _of_key(method: str, pattern: str, name: str, summary: str, **rest: Any) -> tuple[Operation, ...]:
    """The two forms of an address that holds an order key."""
    return tuple(
        Operation(method, pattern.format(key=key), name + suffix, summary, **rest)
        for key, suffix in zip(KEYS, ("", "_of_account"), strict=True)
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/v1/watches",
        "put_watch",
        "Follow an order; again: replace its recipients and labels.",
        {201: m.WatchShape, 200: m.WatchShape},
        body=WatchBody,
        errors=(*BODY, 409),
    ),
    Operation(
        "get",
        "/v1/watches",
        "list_watches",
        "The watches, by key.",
        {200: m.Listing[m.WatchShape]},
        query=(KEY, SOURCE, *PAGING),
        errors=LIST,
    ),
    *_of_key("get", "/v1/watches/{key}", "get_watch", "One watch.", answers={200: m.WatchShape}, errors=ONE),
    *_of_key(
        "delete", "/v1/watches/{key}", "remove_watch", "Follow it no longer.", answers={204: None}, errors=ONE
    ),
    Operation(
        "get",
        "/v1/orders",
        "list_orders",
        "What is known of the orders, by key.",
        {200: m.Listing[m.OrderShape]},
        query=(
            KEY,
            SOURCE,
            _query("phase", "Only those in this phase.", enum=[phase.value for phase in Phase]),
            *PAGING,
        ),
        errors=LIST,
    ),
    *_of_key("get", "/v1/orders/{key}", "get_order", "One order.", answers={200: m.OrderShape}, errors=ONE),
    *_of_key(
        "get",
        "/v1/orders/{key}/events",
        "list_order_events",
        "The events of an order, by sequence.",
        answers={200: m.Listing[m.CloudEventShape]},
        query=PAGING,
        errors=(404, 422, 503),
    ),
    *_of_key(
        "get",
        "/v1/orders/{key}/why",
        "explain_order",
        "Why somebody was told, or not.",
        answers={200: m.WhyShape},
        errors=ONE,
    ),
    Operation(
        "get",
        "/v1/deliveries",
        "list_deliveries",
        "The deliveries, newest first.",
        {200: m.Listing[m.DeliveryShape]},
        query=(
            _query("state", "Only those in this state.", enum=list(get_args(DeliveryState))),
            KEY,
            _query("sink", "The name of a sink."),
            _query("to", "An address, written in full."),
            SINCE,
            UNTIL,
            *PAGING,
        ),
        errors=LIST,
    ),
    Operation(
        "get", "/v1/deliveries/{id}", "get_delivery", "One delivery.", {200: m.DeliveryShape}, errors=ONE
    ),
    Operation(
        "post",
        "/v1/deliveries/{id}/retry",
        "retry_delivery",
        "Try again one that is dead or expired.",
        {202: m.RetriedShape},
        errors=(404, 409, 503),
    ),
    Operation(
        "post",
        "/v1/deliveries/retry",
        "retry_deliveries",
        "Try again all of a sink that ended so.",
        {202: m.CountShape},
        body=RetryBody,
        errors=BODY,
    ),
    Operation(
        "get",
        "/v1/events/stream",
        "stream_events",
        "The events of all orders, as they come: server-sent events.",
        {200: "text/event-stream"},
        query=(SINCE, SOURCE, KEY),
        headers=(
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "The id of the last event received: the stream goes on behind it.",
                "schema": {"type": "string"},
            },
        ),
        errors=(410, 422, 503),
    ),
    Operation("get", "/healthz", "alive", "Its loops run.", {200: m.AliveShape, 503: m.AliveShape}, public=True),
    Operation(
        "get", "/readyz", "ready", "Its state is open and its loops run.", {200: m.ReadyShape, 503: m.ReadyShape},
        public=True,
    ),
    Operation("get", "/metrics", "metrics", "For Prometheus.", {200: "text/plain"}, public=True),
    Operation("get", "/openapi.json", "openapi", "This document.", {200: "application/json"}, public=True),
    Operation(
        "get", "/schemas/", "list_schemas", "The schemas of the events.", {200: m.Listing[m.SchemaNameShape]},
        public=True,
    ),
    Operation(
        "get",
        "/schemas/{name}",
        "get_schema",
        "The JSON Schema of one type's data.",
        {200: "application/schema+json"},
        errors=(404,),
        public=True,
    ),
    Operation("get", "/", "dashboard", "A page for people.", {200: "text/html"}, public=True),
)  # fmt: skip
