"""`restaurant`: the status that the partner's own system tells (document 'Get the order status in the restaurant
system').

`updatedAt` has microseconds and offsets as odd as the example's +00:20; 400, 404 and 500 carry an array of
`{code, description}`, 401 an object `{reason}`.
"""

from datetime import UTC, timedelta, timezone
from typing import Any

from notifier.simulator.apis.base import Api, Ask, Refusal, moment_of, order_of_path
from notifier.simulator.lives.model import Life, Moment

_OFFSETS = (20, 180, -210, 345, 0)  # minutes
_COMMENTS = {
    "NEW": "New order",
    "ACCEPTED_BY_RESTAURANT": "Принят рестораном",
    "COOKING": "Two cooks are on it",
    "READY": "Ready at the counter",
    "TAKEN_BY_COURIER": "Taken",
    "DELIVERED": "Приятного аппетита",
    "CANCELLED": "Out of dough",
}


def refuse(_ask: Ask) -> Refusal | None:
    """Any id may be one of the partner's."""
    return None


def error(refusal: Refusal) -> object:
    """As the document's response tables."""
    if refusal.status == 401:
        return {"reason": refusal.message}
    return [{"code": 100, "description": refusal.message}]


def render(life: Life, moment: Moment, _ask: Ask) -> dict[str, Any]:
    """`updatedAt` is when the status began; its last digits (below half a millisecond) are drawn."""
    zone = timezone(timedelta(minutes=_OFFSETS[int(life.share("offset") * len(_OFFSETS))]))
    digits = int(life.share(f"digits {moment.step}") * 500) if life.share("microseconds") < 0.5 else 0
    at = moment_of(moment.since, zone) + timedelta(microseconds=digits)
    updated = at.isoformat(timespec="microseconds")
    if zone == UTC:
        updated = updated.replace("+00:00", "Z")
    body: dict[str, Any] = {"status": moment.status, "updatedAt": updated}
    if life.share("comment") < 0.7:
        body["comment"] = _COMMENTS.get(moment.status or "", "")
    return body


API = Api(
    name="restaurant",
    path="/order/{order}/status",
    scheme="Bearer",
    order_id=order_of_path,
    refuse=refuse,
    render=render,
    error=error,
)
