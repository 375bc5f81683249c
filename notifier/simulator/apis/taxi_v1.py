"""`taxi_v1`: the whole ride (document 'Детальная информация о заказе').

Where the document contradicts itself, orders differ: `status` is a text (example) or `{full}` (table), the new cost
centers are `cost_centers` (example) or `cost_center_values` (table), times come without an offset (example, in the
server's zone) or with one (table). Coordinates are [lon, lat] as texts; `performer.car` is one text with the plate.
"""

from typing import Any

from notifier.simulator.apis.base import Api, Ask, client_of_path, compact, moment_of, order_of_path, plain_error
from notifier.simulator.apis.texts import CANCEL_TEXTS, CLASSES, chosen
from notifier.simulator.lives.model import Life, Moment, Place


def render(life: Life, moment: Moment, ask: Ask) -> dict[str, Any]:
    """`cancel_rules` only with `show_cancel_text=true`; cost and `finished_date` when they are known."""
    source, destination = life.route
    body: dict[str, Any] = {
        "_id": life.order_id,
        "status": {"full": moment.status} if life.share("status") < 0.4 else moment.status,
        "corp_user": {"user_id": life.person.id},
        "source": _place(source),
        "destination": _place(destination),
        "class": chosen(CLASSES, life.share("class")),
        "cost_center": "some cost center",
        "cost_centers" if life.share("cost centers") < 0.5 else "cost_center_values": [
            {"id": "cost_center", "title": "Центр затрат", "value": "командировка"},
            {"id": "0123456789abcdef0123456789abcde1", "title": "Цель поездки", "value": f"цель {life.person.id[:4]}"},
        ],
        "created_by": life.person.name,
    }
    if moment.schedule and moment.schedule.end is not None:
        body["due_date"] = _time(moment.schedule.end, life, ask)
    if moment.finished_at is not None:
        body["finished_date"] = _time(moment.finished_at, life, ask)
    if driver := moment.performer:
        car = f"{driver.model} {driver.color} {driver.plate}"
        body["performer"] = {"car": car, "fullname": driver.name, "phone": driver.phone}
    if moment.cancel_rules and ask.query.get("show_cancel_text") == "true":
        title, message = CANCEL_TEXTS["ru"][moment.cancel_rules.state]
        body["cancel_rules"] = {**moment.cancel_rules._asdict(), "title": title, "message": message}
    if moment.cost:
        body |= {"cost": moment.cost.amount, "cost_with_vat": moment.cost.with_vat}
    return body


def _place(place: Place) -> dict[str, Any]:
    return {"fullname": place.address, "geopoint": [str(place.lon), str(place.lat)]}


def _time(ms: int, life: Life, ask: Ask) -> str:
    if life.share("offset") < 0.3:
        return compact(ms)
    return moment_of(ms, ask.zone).strftime("%Y-%m-%dT%H:%M:%S")


API = Api(
    name="taxi_v1",
    path="/api/1.0/client/{client}/order/{order}",
    scheme="",
    order_id=order_of_path,
    refuse=client_of_path,
    render=render,
    error=plain_error,
)
