"""`json`: any order API that answers with JSON (INTERFACE, 'json source').

Every value is found by a JMESPath expression of the configuration. `phases` is the whole of its documentation: native
status to phase, null where it carries none; with a status_log it covers the events of `history`, too. Any step between
statuses is legal, none is inferred.
"""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from functools import partial
from itertools import chain
from typing import Literal
from urllib.parse import quote

from notifier.expressions import Query
from notifier.model import Cost, Entry, Performer, Schedule, Snapshot, Vehicle
from notifier.net.fetch import Request, Response
from notifier.sources import checks, refusals
from notifier.sources.base import ACCEPT, salt_of
from notifier.sources.entries import numbered
from notifier.sources.json_settings import JsonSettings
from notifier.sources.reading import as_instant, as_list, as_number, as_status, as_text, decode, unreadable
from notifier.sources.templates import Template
from notifier.tracking.lifecycle import Lifecycle

VERSION = 1


class JsonApi:
    def __init__(self, settings: JsonSettings) -> None:
        fields = ("status", "updated_at", "schedule", "cost", "performer", "history", "status_log", "phases")
        self.salt = salt_of(VERSION, settings, *fields)
        timeline = settings.status_log is not None
        self.lifecycle = Lifecycle(
            statuses=settings.phases,
            entries=settings.phases if timeline else {},  # without a timeline they carry no phase: none is undocumented
            steps=None,
            timeline=timeline,
        )
        self._base = settings.address
        self._url = Template(settings.url)
        self._headers = tuple((name, Template(text)) for name, text in settings.headers.items())
        self._accept = () if any(name.lower() == "accept" for name in settings.headers) else (ACCEPT,)
        self._zone = settings.zone
        self._status = Query(settings.status, "status")
        self._updated_at = Query(settings.updated_at, "updated_at")
        self._start = Query(settings.schedule.start, "schedule.start")
        self._end = Query(settings.schedule.end, "schedule.end")
        self._cost = Query(settings.cost, "cost")
        self._name = Query(settings.performer.name, "performer.name")
        self._phone = Query(settings.performer.phone, "performer.phone")
        self._vehicle = Query(settings.performer.vehicle, "performer.vehicle")
        self._lists: list[_List] = []
        if log := settings.status_log:
            self._lists.append(_List("status", "status_log", log.items, log.status, log.at))
        if history := settings.history:
            self._lists.append(_List("history", "history", history.items, history.event, history.at))

    def request(self, ids: Mapping[str, str], /) -> Request:
        headers = tuple((name, template.fill(ids, checks.header_text)) for name, template in self._headers)
        return Request(self._base + self._url.fill(ids, partial(quote, safe="")), (*self._accept, *headers))

    def read(self, body: bytes, /) -> Snapshot:
        order = decode(body)
        return Snapshot(
            status=_native(self._status(order), "status"),
            updated_at=as_instant(self._updated_at(order), self._zone, "updated_at"),
            performer=self._performer(order),
            schedule=self._schedule(order),
            cost=_cost(self._cost(order)),
            entries=numbered(chain.from_iterable(found.entries(order, self._zone) for found in self._lists)),
        )

    def refusal(self, response: Response, /) -> str:
        return refusals.describe(response.body)

    def _performer(self, order: object) -> Performer | None:
        told = Performer(
            name=as_text(self._name(order), "performer.name"),
            phone=as_text(self._phone(order), "performer.phone"),
            vehicle=_vehicle(self._vehicle(order)),
        )
        return told if told != Performer() else None

    def _schedule(self, order: object) -> Schedule | None:
        start = as_instant(self._start(order), self._zone, "schedule.start")
        end = as_instant(self._end(order), self._zone, "schedule.end")
        return None if start is None and end is None else Schedule(start=start, end=end)


class _List:
    """One list of entries: where it is, and what of each item is its value and its time."""

    def __init__(self, kind: Literal["status", "history"], where: str, items: str, value: str, at: str) -> None:
        self._kind = kind
        self._where = where
        self._items = Query(items, f"{where}.items")
        self._value = Query(value, f"{where}.{'event' if kind == 'history' else 'status'}")
        self._at = Query(at, f"{where}.at")

    def entries(self, order: object, zone: tzinfo) -> Iterator[Entry]:
        for number, item in enumerate(as_list(self._items(order), self._where)):
            if item is None:
                continue
            where = f"{self._where}[{number}]"
            at = as_instant(self._at(item), zone, where)
            if at is None:
                unreadable(where, "an entry without a time")
            yield Entry(kind=self._kind, value=_native(self._value(item), where), at=at)


def _native(value: object, where: str) -> str:
    """A status or event; some APIs number them."""
    return str(value) if type(value) is int else as_status(value, where)


def _cost(value: object) -> Cost | None:
    """A number is the amount; an object tells amount and with_vat."""
    parts = value if type(value) is dict else {"amount": value}
    amount = as_number(parts.get("amount"), "cost")
    with_vat = as_number(parts.get("with_vat"), "cost")
    return None if amount is None and with_vat is None else Cost(amount=amount, with_vat=with_vat)


def _vehicle(value: object) -> Vehicle | None:
    """An object {model, plate, color}, or the whole car in one text."""
    where = "performer.vehicle"
    if type(value) is not dict:
        model = as_text(value, where)
        return None if model is None else Vehicle(model=model, combined=True)
    told = Vehicle(
        model=as_text(value.get("model"), where),
        plate=as_text(value.get("plate"), where),
        color=as_text(value.get("color"), where),
    )
    return told if told != Vehicle() else None
