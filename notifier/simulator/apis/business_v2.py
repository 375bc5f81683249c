"""`business_v2`: the whole ride with its cost (document 'Order information').

`performer.phone` and `cancel_rules` vanish on completion, cost and `finished_date` come only then (both examples).
`finished_date` has fractions of a second, offsets are +03:00 (examples) or +0300 (table). Coordinates are [lon, lat],
as in the examples and against the words.
"""

from typing import Any

from notifier.simulator.apis.base import MOSCOW, Api, Ask, Refusal, compact, moment_of, plain_error
from notifier.simulator.apis.texts import CANCEL_TEXTS, CLASSES, chosen, language
from notifier.simulator.lives.model import Life, Moment, Place

CLIENT_HEADER = "x-yataxi-selected-corp-client-id"


def order_id(ask: Ask) -> str:
    """The only API that takes it as a query value."""
    return ask.query.get("order_id", "")


def refuse(ask: Ask) -> Refusal | None:
    """Both 403 codes of the document; a missing order_id is a 400, of which the document says nothing."""
    if not order_id(ask):
        return Refusal(400, "BAD_REQUEST", "order_id is required")
    client = ask.headers.get(CLIENT_HEADER)
    if ask.clients is None:
        return None
    if client is None:
        if len(ask.clients) == 1:
            return None
        message = "The request did not pass the header X-YaTaxi-Selected-Corp-Client-Id"
        return Refusal(403, "SELECT_CLIENT_HEADER_REQUIRED", message)
    if client in ask.clients:
        return None
    message = "The header X-YaTaxi-Selected-Corp-Client-Id contains a client to which this login does not have access"
    return Refusal(403, "SELECTED_CLIENT_ACCESS_DENIED", message)


def render(life: Life, moment: Moment, ask: Ask) -> dict[str, Any]:
    """Accept-Language chooses the texts of `cancel_rules`: ru, else en."""
    source, destination = life.route
    body: dict[str, Any] = {
        "id": life.order_id,
        "user_id": life.person.id,
        "class": chosen(CLASSES, life.share("class")),
        "status": moment.status,
        "source": _place(source),
        "destination": _place(destination),
        "cost_center_values": [{"id": "cost_center", "title": "Trip goal", "value": ""}],
        "toll_roads": {"user_chose_toll_road": True, "user_had_choice": True, "auto_payment": life.share("toll") < 0.5},
    }
    if life.share("interim") < 0.2:
        between = Place(
            round((source.lat + destination.lat) / 2, 6), round((source.lon + destination.lon) / 2, 6), "Moscow"
        )
        body["interim_destinations"] = [_place(between)]
    if moment.schedule and moment.schedule.start is not None:
        start = moment.schedule.start
        body["due_date"] = compact(start) if life.share("offset") < 0.25 else moment_of(start, MOSCOW).isoformat()
    completed = moment.status in ("complete", "finished")
    if completed and moment.finished_at is not None:
        body["finished_date"] = moment_of(moment.finished_at, MOSCOW).isoformat(timespec="microseconds")
    if driver := moment.performer:
        vehicle = {"model": driver.model, "number": driver.plate, "color": driver.color}
        body["performer"] = {"vehicle": vehicle, "fullname": driver.name}
        if not completed:
            body["performer"]["phone"] = driver.phone
    if moment.cancel_rules:
        title, message = CANCEL_TEXTS[language(ask.headers.get("accept-language"))][moment.cancel_rules.state]
        body["cancel_rules"] = {**moment.cancel_rules._asdict(), "title": title, "message": message}
    if completed and moment.cost:
        body |= {"cost": moment.cost.amount, "cost_with_vat": moment.cost.with_vat}
    return body


def _place(place: Place) -> dict[str, Any]:
    return {"fullname": place.address, "geopoint": [place.lon, place.lat]}


API = Api(
    name="business_v2",
    path="/integration/2.0/orders/info",
    scheme="Bearer",
    order_id=order_id,
    refuse=refuse,
    render=render,
    error=plain_error,
)
