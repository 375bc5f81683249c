"""`track_trace`: one delivery with its log and its history (document 'Gets order').

Orders differ in what the document leaves open: `time` as ISO (schema) or as JavaScript text (example), with or without
`timestamp` beside it, entries oldest or newest first, the time window as `time_window` (ISO or JavaScript text), as an
ISO `time_interval`, or only as one of the clock formats.
"""

from collections.abc import Sequence
from typing import Any

from notifier.simulator.apis.base import MOSCOW, Api, Ask, Refusal, moment_of, order_of_path
from notifier.simulator.lives.draw import number
from notifier.simulator.lives.model import HistoryEntry, Life, Moment, Schedule
from notifier.simulator.lives.track_trace import interval_form

# 'T - T' or 'T-T', T being HH, HH:MM or HH:MM:SS (`time_interval`).
_CLOCKS = (("%H:%M", " - "), ("%H:%M:%S", "-"), ("%H", " - "), ("%H:%M", "-"))


def refuse(ask: Ask) -> Refusal | None:
    """Both ids are integers; the ids that spell a life are let in all the same."""
    company, order = ask.path["company"], ask.path["order"]
    if not company.isdecimal() or not (order.isdecimal() or order.startswith("sim-")):
        return Refusal(422, "UnprocessableEntity", "company_id and order_id must be integers")
    if ask.clients is not None and company not in ask.clients:
        return Refusal(403, "Forbidden", "The user doesn't have the rights to access the object")
    return None


def error(refusal: Refusal) -> object:
    """The document gives no error body."""
    return {"error": refusal.code, "message": refusal.message}


def iso(ms: int) -> str:
    """`2019-05-27T14:18:52.000Z`."""
    return moment_of(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def javascript(ms: int) -> str:
    """`Mon May 27 2019 17:18:52 GMT+0300 (Moscow Standard Time)`: whole seconds only."""
    return moment_of(ms, MOSCOW).strftime("%a %b %d %Y %H:%M:%S GMT%z (Moscow Standard Time)")


def render(life: Life, moment: Moment, ask: Ask) -> dict[str, Any]:
    """Every field of the document; what is not known is null, as in its example."""
    target = life.route[1]
    order_id = life.order_id
    draw = (life.seed, life.api, order_id)
    newest_first = life.share("order of entries") < 0.15
    history: Sequence[HistoryEntry] = moment.history[::-1] if newest_first else moment.history
    log = moment.status_log[::-1] if newest_first else moment.status_log
    return {
        "id": int(order_id) if order_id.isdecimal() else number(*draw, "id"),
        "company_id": int(ask.path["company"]),
        "number": f"N-{number(*draw, 'number', digits=6)}",
        "status": moment.status,
        "address": target.address,
        "lat": target.lat,
        "lon": target.lon,
        "amount": moment.cost.amount if moment.cost else None,
        "comments": "Leave at the door",
        "customer_name": life.person.name,
        "customer_number": life.person.id[:8],
        "phone": life.person.phone,
        "description": "",
        "payment_type": "card" if life.share("payment") < 0.5 else None,
        "payment_status": "paid" if life.share("payment") < 0.5 else "unpaid",
        "route_id": number(*draw, "route", digits=7),
        "service_duration_s": 600,
        "shared_service_duration_s": 0,
        "volume": 0,
        "weight": 1.5,
        "mark_delivered_radius": None,
        "eta_type": None,
        "refined_lat": None,
        "refined_lon": None,
        "shared_with_company_ids": [],
        "shared_with_companies": [],
        "confirmed_at": iso(moment.confirmed_at) if moment.confirmed_at is not None else None,
        "delivered_at": iso(moment.delivered_at) if moment.delivered_at is not None else None,
        "history": [_item(entry, life) for entry in history],
        "status_log": [
            {"status": e.status, "timestamp": e.at / 1_000, "point": {"lat": e.point.lat, "lon": e.point.lon}}
            for e in log
        ],
        "order_status_comments": [comment._asdict() for comment in moment.comment],
        **_window(moment.schedule, life),
    }


def _item(entry: HistoryEntry, life: Life) -> dict[str, Any]:
    form = life.share("entry time")
    text = javascript(entry.at) if form < 0.4 else iso(entry.at)
    item: dict[str, Any] = {"event": entry.event, "timestamp": entry.at / 1_000, "time": text}
    if form > 0.9:
        del item["timestamp"]
    elif form > 0.8:
        del item["time"]
    if entry.position:
        item["position"] = {"lat": entry.position.lat, "lon": entry.position.lon, "time": text}
        item["used_mark_delivered_radius"] = entry.radius
    if entry.initiator:
        item["source"] = {"initiator": entry.initiator}
    return item


def _window(schedule: Schedule | None, life: Life) -> dict[str, Any]:
    if schedule is None or schedule.start is None or schedule.end is None:
        return {}
    start, end = (moment_of(ms, MOSCOW) for ms in (schedule.start, schedule.end))
    form = interval_form(life.share("interval"))
    clock, dash = _CLOCKS[int(life.share("clock") * len(_CLOCKS))]
    interval = f"{start.strftime(clock)}{dash}{end.strftime(clock)}"
    if form == "interval_iso":
        interval = f"{start.isoformat()}/{end.isoformat()}"
    told: dict[str, Any] = {
        "time_interval": interval,
        "time_interval_secs": [at.hour * 3_600 + at.minute * 60 + at.second for at in (start, end)],
    }
    if form in ("window_iso", "window_js"):
        write = iso if form == "window_iso" else javascript
        told["time_window"] = {"start": write(schedule.start), "end": write(schedule.end)}
    return told


API = Api(
    name="track_trace",
    path="/api/v1/companies/{company}/orders/{order}",
    scheme="OAuth",
    order_id=order_of_path,
    refuse=refuse,
    render=render,
    error=error,
)
