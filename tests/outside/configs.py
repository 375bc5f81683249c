"""Configurations of the tests: every interval short, everything sent to one webhook."""

from collections.abc import Mapping
from typing import Any

from tests.outside.order_api import OrderApi
from tests.outside.receiver import SECRET, Receiver

FAST = {"requests_per_second": 1000, "concurrency": 50}
EVERYTHING = {"name": "everything", "when": {}, "send": [{"sink": "hook"}]}


def source(kind: str, api: OrderApi, **more: Any) -> dict[str, Any]:
    account = {
        "progress": {"client_id": "a2d"},
        "taxi_v1": {"client_id": "a2d"},
        "business_v2": {"client_id": "a2d"},
        "track_trace": {"company_id": "5"},
    }
    settings: dict[str, Any] = {
        "type": kind,
        "base_url": api.url,
        "token": "t0ken",
        "poll": {"default": "60ms"},
        "budget": FAST,
        "timeout": "5s",
        "retry_for": "0s",
    }
    if kind in account:
        settings["account"] = account[kind]
    if kind == "json":
        settings |= {"url": "/v1/o/{order_id}", "status": "state"}
    return {name: value for name, value in (settings | more).items() if value is not None}


def webhook(receiver: Receiver | None, **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "type": "webhook",
        "secret": SECRET,
        "allow_networks": ["127.0.0.0/8"],
        "retries": ["100ms", "200ms", "400ms", "1s", "1s", "1s", "2s", "2s"],
        "timeout": "5s",
    }
    if receiver is not None:
        settings["url"] = receiver.url
    return {name: value for name, value in (settings | more).items() if value is not None}


def config(
    orders: OrderApi, hook: Receiver | None, /, kind: str = "business_v2", name: str = "trips", **more: Any
) -> dict[str, Any]:
    """One source, one webhook, everything sent."""
    own: Mapping[str, Any] = more.pop("source", {})
    whole: dict[str, Any] = {"sources": {name: source(kind, orders, **own)}}
    if hook is not None:
        whole |= {"sinks": {"hook": webhook(hook, **more.pop("sink", {}))}, "rules": [EVERYTHING]}
    return whole | more
