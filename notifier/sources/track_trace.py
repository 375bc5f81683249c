"""`track_trace`: a delivery with its status log and history (document 'Gets order', companies/{}/orders/{}).

`timestamp` (epoch seconds) wins over `time` (ISO in the schema, JavaScript's text in the example). `delivered_at` is
when the information was recorded and `confirmed_at` when the order was agreed: neither is when a status began. The
positions in entries are the courier's of that moment, not of now, so there is no `location`.
"""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from itertools import chain
from typing import ClassVar, Literal

from notifier.model import Comment, Cost, Entry, Instant, Person, Place, Schedule, Snapshot
from notifier.net.fetch import Request, Response
from notifier.sources import refusals, times
from notifier.sources.base import ACCEPT, SourceSettings, salt_of
from notifier.sources.entries import numbered
from notifier.sources.ids import encoded
from notifier.sources.lifecycles import TRACK_TRACE
from notifier.sources.reading import (
    Object,
    as_instant,
    as_number,
    as_object,
    as_objects,
    as_place,
    as_status,
    as_text,
    decode_object,
    unreadable,
)
from notifier.tracking.lifecycle import Lifecycle

VERSION = 1


class TrackTraceSettings(SourceSettings):
    """The OAuth token goes as `OAuth <token>`."""

    errand = "delivery"
    default_base_url: ClassVar[str | None] = "https://courier.yandex.ru"
    default_auth_scheme: ClassVar[str] = "OAuth"
    account_ids: ClassVar[tuple[str, ...]] = ("company_id",)

    type: Literal["track_trace"]


class TrackTrace:
    lifecycle: Lifecycle = TRACK_TRACE

    def __init__(self, settings: TrackTraceSettings) -> None:
        self.salt = salt_of(VERSION, settings)
        self._base = f"{settings.address}/api/v1/companies"
        self._zone = settings.zone

    def request(self, ids: Mapping[str, str], /) -> Request:
        url = f"{self._base}/{encoded(ids, 'company_id')}/orders/{encoded(ids, 'order_id')}"
        return Request(url, (ACCEPT,))

    def read(self, body: bytes, /) -> Snapshot:
        order = decode_object(body)
        amount = as_number(order.get("amount"), "amount")
        return Snapshot(
            status=as_status(order.get("status"), "status"),
            route=_route(order),
            schedule=_schedule(order, self._zone),
            cost=None if amount is None else Cost(amount=amount),
            entries=numbered(chain(_logged(order, self._zone), _happened(order, self._zone))),
            person=_person(order),
            number=as_text(order.get("number"), "number"),
            comments=tuple(_comments(order)),
        )

    def refusal(self, response: Response, /) -> str:
        return refusals.describe(response.body)


def _logged(order: Object, zone: tzinfo) -> Iterator[Entry]:
    """`status_log`: who changed it is not told, where is."""
    for number, item in enumerate(as_objects(order.get("status_log"), "status_log")):
        where = f"status_log[{number}]"
        yield Entry(
            kind="status",
            value=as_status(item.get("status"), where),
            at=_at(item, zone, where),
            place=_point(item.get("point"), where),
        )


def _happened(order: Object, zone: tzinfo) -> Iterator[Entry]:
    """`history`; the status of a STATUS_UPDATE is not in it but in `status_log`, at the same time."""
    for number, item in enumerate(as_objects(order.get("history"), "history")):
        where = f"history[{number}]"
        source = as_object(item.get("source"), where) or {}
        yield Entry(
            kind="history",
            value=as_status(item.get("event"), where),
            at=_at(item, zone, where),
            initiator=as_text(source.get("initiator"), where),
            place=_point(item.get("position"), where),
        )


def _at(item: Object, zone: tzinfo, where: str) -> Instant:
    """An entry without a time has no identity: such an answer is not whole."""
    at = as_instant(item.get("timestamp"), zone, where)
    if at is None:
        at = as_instant(item.get("time"), zone, where)
    return unreadable(where, "an entry without a time") if at is None else at


def _point(value: object, where: str) -> Place | None:
    point = as_object(value, where) or {}
    return as_place(point.get("lat"), point.get("lon"), where)


def _route(order: Object) -> tuple[Place, ...]:
    """The delivery point, as the courier refined it where both its coordinates are told."""
    address = as_text(order.get("address"), "address")
    point = as_place(order.get("refined_lat"), order.get("refined_lon"), "refined_lat, refined_lon", address)
    if point is None or point.lat is None:
        point = as_place(order.get("lat"), order.get("lon"), "lat, lon", address)
    return () if point is None else (point,)


def _schedule(order: Object, zone: tzinfo) -> Schedule | None:
    """`time_window`; where it tells nothing, a `time_interval` with dates."""
    window = as_object(order.get("time_window"), "time_window") or {}
    start = as_instant(window.get("start"), zone, "time_window.start")
    end = as_instant(window.get("end"), zone, "time_window.end")
    if start is not None or end is not None:
        return Schedule(start=start, end=end)
    interval = as_text(order.get("time_interval"), "time_interval")
    return None if interval is None else times.parse_interval(interval, zone)


def _person(order: Object) -> Person | None:
    told = Person(
        id=as_text(order.get("customer_number"), "customer_number"),
        name=as_text(order.get("customer_name"), "customer_name"),
        phone=as_text(order.get("phone"), "phone"),
    )
    return told if told != Person() else None


def _comments(order: Object) -> Iterator[Comment]:
    """`order_status_comments`: why a status was set."""
    for number, item in enumerate(as_objects(order.get("order_status_comments"), "order_status_comments")):
        where = f"order_status_comments[{number}]"
        comment = Comment(status=as_text(item.get("status"), where), text=as_text(item.get("comment"), where))
        if comment != Comment():
            yield comment
