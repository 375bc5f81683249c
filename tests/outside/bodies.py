"""Native answers: the documents' examples as they stand, and timelines made from them."""

import json
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "examples"

Body = dict[str, Any]


def example(name: str) -> str:
    """The document's example, byte for byte."""
    return (FOLDER / f"{name}.json").read_text()


def business(status: str, **more: Any) -> Body:
    """The active order of business v2's document; None takes a field away."""
    body: Body = json.loads(example("business_v2.active")) | {"status": status} | more
    if status in ("search", "scheduling") and "performer" not in more:
        del body["performer"]
    return {name: value for name, value in body.items() if value is not None}


def driver(name: str, plate: str, model: str = "Nissan Qashqai", color: str = "green") -> Body:
    return {
        "vehicle": {"model": model, "number": plate, "color": color},
        "fullname": name,
        "phone": "+79120995513,,95576",
    }


def completed() -> Body:
    body: Body = json.loads(example("business_v2.completed"))
    return body


def taxi(status: str, **more: Any) -> Body:
    """taxi v1: the example without its end."""
    body: Body = json.loads(example("taxi_v1")) | {"status": status} | more
    if status not in ("complete", "finished"):
        for name in ("finished_date", "cost", "cost_with_vat"):
            if name not in more:
                body.pop(name)
    if status == "search":
        body.pop("performer")
    return {name: value for name, value in body.items() if value is not None}


def progress(status: str, lat: float | None = None, lon: float | None = None) -> Body:
    return {"status": status} if lat is None else {"status": status, "vehicle": {"location": [lat, lon]}}


def restaurant(status: str, updated_at: str | None = None, comment: str | None = None) -> Body:
    body = {"status": status, "updatedAt": updated_at, "comment": comment}
    return {name: value for name, value in body.items() if value is not None}


NOON = 1_795_255_200.0  # 2026-11-21T10:00:00Z


def log(status: str, at: float) -> Body:
    return {"status": status, "timestamp": NOON + at, "point": {"lat": 55.7, "lon": 37.6}}


def item(event: str, at: float, **more: Any) -> Body:
    return {"event": event, "timestamp": NOON + at} | more


def track(status: str, status_log: list[Body], history: list[Body], **more: Any) -> Body:
    """Track & trace."""
    return {
        "id": 7,
        "company_id": 5,
        "number": "A-7",
        "status": status,
        "status_log": status_log,
        "history": history,
        "customer_number": "C-1",
        "customer_name": "Anna Personal",
        "phone": "+79990001122",
        "address": "Secret street 1",
    } | more


def iso(at: float) -> str:
    """RFC 3339 with microseconds, as the restaurant's document has it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{whole}.{int(at % 1 * 1e6):06d}+00:00"
