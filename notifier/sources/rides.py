"""What taxi v1 and business v2 tell alike: driver, route, rules, costs.

The two documents differ in names and contradict themselves in others, so each form is read in both:
`performer.car` (taxi v1: one text with the plate in it) and `performer.vehicle` {model, number, color} (business v2);
`cost_center_values` (both tables), `cost_centers` (the example of taxi v1), `cost_center` (its old form, one text).
Points are [longitude, latitude], as texts or numbers: so the examples of both, and against the words of business v2.
"""

from notifier.model import CancelRules, Cost, CostCenter, Performer, Place, Vehicle
from notifier.sources.reading import (
    Object,
    as_flag,
    as_number,
    as_object,
    as_objects,
    as_pair,
    as_place,
    as_text,
)


def performer(order: Object) -> Performer | None:
    found = as_object(order.get("performer"), "performer")
    if not found:
        return None
    told = Performer(
        name=as_text(found.get("fullname"), "performer.fullname"),
        phone=as_text(found.get("phone"), "performer.phone"),
        vehicle=_vehicle(found),
    )
    return told if told != Performer() else None


def _vehicle(found: Object) -> Vehicle | None:
    parts = as_object(found.get("vehicle"), "performer.vehicle") or {}
    car = as_text(found.get("car"), "performer.car")
    model = as_text(parts.get("model"), "performer.vehicle.model")
    told = Vehicle(
        model=model or car,
        plate=as_text(parts.get("number"), "performer.vehicle.number"),
        color=as_text(parts.get("color"), "performer.vehicle.color"),
        combined=model is None and car is not None,
    )
    return told if told != Vehicle() else None


def route(order: Object) -> tuple[Place, ...]:
    """`source`, `interim_destinations` (an object in the table, several by its name), `destination`."""
    between = order.get("interim_destinations")
    points = [
        _point(as_object(order.get("source"), "source"), "source"),
        *(
            _point(point, "interim_destinations")
            for point in as_objects([between] if type(between) is dict else between, "interim_destinations")
        ),
        _point(as_object(order.get("destination"), "destination"), "destination"),
    ]
    return tuple(point for point in points if point is not None)


def _point(point: Object | None, where: str) -> Place | None:
    if not point:
        return None
    lon, lat = as_pair(point.get("geopoint"), where)
    return as_place(lat, lon, where, as_text(point.get("fullname"), where))


def cost(order: Object) -> Cost | None:
    """Only completed orders tell one."""
    amount = as_number(order.get("cost"), "cost")
    with_vat = as_number(order.get("cost_with_vat"), "cost_with_vat")
    return None if amount is None and with_vat is None else Cost(amount=amount, with_vat=with_vat)


def cancel_rules(order: Object) -> CancelRules | None:
    found = as_object(order.get("cancel_rules"), "cancel_rules")
    if not found:
        return None
    told = CancelRules(
        can_cancel=as_flag(found.get("can_cancel"), "cancel_rules.can_cancel"),
        state=as_text(found.get("state"), "cancel_rules.state"),
        title=as_text(found.get("title"), "cancel_rules.title"),
        message=as_text(found.get("message"), "cancel_rules.message"),
    )
    return told if told != CancelRules() else None


def cost_centers(order: Object) -> tuple[CostCenter, ...]:
    """The old single text only where no list tells more."""
    for name in ("cost_center_values", "cost_centers"):
        if found := as_objects(order.get(name), name):
            return tuple(_cost_center(item, name) for item in found)
    old = as_text(order.get("cost_center"), "cost_center")
    return () if old is None else (CostCenter(value=old),)


def _cost_center(item: Object, where: str) -> CostCenter:
    """An empty `value` is one that was left empty: it is in the examples."""
    value = item.get("value")
    return CostCenter(
        id=as_text(item.get("id"), where),
        title=as_text(item.get("title"), where),
        value="" if value == "" else as_text(value, where),
    )
