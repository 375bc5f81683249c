"""The six adapters as the contract wants them: with their fixtures."""

from collections.abc import Mapping
from pathlib import Path

from tests.contracts.source import Adapter

FIXTURES = Path(__file__).parent / "fixtures"


def answers(source: str) -> dict[str, bytes]:
    """The answers to a 200, by name."""
    found = sorted((FIXTURES / source).glob("*.json"))
    return {path.stem: path.read_bytes() for path in found if not path.stem.startswith("refusal_")}


def refusals(source: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((FIXTURES / source).glob("refusal_*.json"))}


JSON_KEYS = {
    "type": "json",
    "base_url": "https://shop.example",
    "url": "/v1/{region}/o/{order_id}",
    "status": "order.state",
    "updated_at": "order.changed",
    "schedule": {"start": "order.window.from", "end": "order.window.to"},
    "cost": "order.price",
    "performer": {"name": "order.courier.first", "phone": "order.courier.phone", "vehicle": "order.courier.car"},
    "history": {"items": "log", "event": "what", "at": "when"},
    "status_log": {"items": "states", "status": "state", "at": "since"},
    "phases": {"packing": "preparing", "on_the_way": "in_progress", "3": "completed", "packed": None},
    "account": {"region": "eu"},
    "timezone": "Europe/Moscow",
}


def _adapter(source: str, ids: Mapping[str, object], keys: Mapping[str, object], *status: str) -> Adapter:
    return Adapter(
        keys={"type": source, **keys},
        ids=ids,
        bodies=tuple(answers(source).values()),
        status=status or ("status",),
        refusals=tuple(refusals(source).values()),
    )


TAXI = {"token": "t", "account": {"client_id": "a2d4"}, "timezone": "Europe/Moscow"}
ADAPTERS = {
    "progress": _adapter("progress", {"order_id": "8b8432"}, TAXI),
    "taxi_v1": _adapter("taxi_v1", {"order_id": "8b8432"}, TAXI),
    "business_v2": _adapter("business_v2", {"order_id": "8857f2e"}, {**TAXI, "language": "en"}),
    "track_trace": _adapter("track_trace", {"order_id": 7}, {"token": "t", "account": {"company_id": 503}}),
    "restaurant": _adapter("restaurant", {"order_id": "R-1"}, {"base_url": "https://pos.example/api/"}),
    "json": _adapter("json", {"order_id": 42}, JSON_KEYS, "order", "state"),
}
