"""Configurations of the replicas."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.outside.configs import EVERYTHING, source, webhook
from tests.outside.order_api import OrderApi
from tests.outside.receiver import Receiver

SHARDS = 12
SESSION = 6.0  # seconds: the least that brokers allow


def config(
    servers: Sequence[str],
    prefix: str,
    api: OrderApi,
    hook: Receiver,
    number: int,
    sink: Mapping[str, Any],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Of one replica; its token to the order API tells who asks."""
    own = {"token": f"t{number}", "poll": {"default": "300ms"}, **more}
    kind = own.pop("kind", "business_v2")
    return {
        "backend": {
            "type": "kafka",
            "bootstrap_servers": list(servers),
            "topic_prefix": prefix,
            "partitions": SHARDS,
            "replication_factor": 1,
            "session_timeout": f"{SESSION:g}s",
        },
        "sources": {"trips": source(kind, api, **own)},
        "sinks": {"hook": webhook(hook, **sink)},
        "rules": [EVERYTHING],
    }
