"""`progress`: status and position of the car (document 'Track an order').

Coordinates are [lat, lon] numbers inside `vehicle`, as in its example; its table lists `location` beside `vehicle`, as
a text: one order in eight shows that.
"""

from typing import Any

from notifier.simulator.apis.base import Api, Ask, client_of_path, order_of_path, plain_error
from notifier.simulator.lives.model import Life, Moment


def render(life: Life, moment: Moment, ask: Ask) -> dict[str, Any]:
    """`vehicle` is there while a car is assigned."""
    body: dict[str, Any] = {"status": moment.status}
    place = life.location(ask.now) if moment.performer else None
    if place is None:
        return body
    if life.share("location") < 0.125:
        return {**body, "vehicle": {}, "location": f"{place.lat}, {place.lon}"}
    return {**body, "vehicle": {"location": [place.lat, place.lon]}}


API = Api(
    name="progress",
    path="/api/1.0/client/{client}/order/{order}/progress",
    scheme="",
    order_id=order_of_path,
    refuse=client_of_path,
    render=render,
    error=plain_error,
)
