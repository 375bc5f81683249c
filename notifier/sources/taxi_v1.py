"""`taxi_v1`: the whole ride (document 'Детальная информация о заказе', 1.0).

The table makes `status` an object {full}, the example shows a text (`finished`, which the table lacks). Times come
without an offset. `due_date` is when the ride must end.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from notifier.model import Person, Schedule, Snapshot
from notifier.net.fetch import Request, Response
from notifier.sources import refusals, rides
from notifier.sources.base import ACCEPT, SourceSettings, salt_of
from notifier.sources.ids import encoded
from notifier.sources.lifecycles import TAXI
from notifier.sources.reading import Object, as_instant, as_object, as_status, as_text, decode_object
from notifier.tracking.lifecycle import Lifecycle

VERSION = 1


class TaxiV1Settings(SourceSettings):
    """The bare OAuth token is sent. `show_cancel_text` asks for `cancel_rules`; the API's default is no."""

    errand = "ride"
    default_base_url: ClassVar[str | None] = "https://business.taxi.yandex.ru"
    account_ids: ClassVar[tuple[str, ...]] = ("client_id",)

    type: Literal["taxi_v1"]
    show_cancel_text: bool = True


class TaxiV1:
    lifecycle: Lifecycle = TAXI

    def __init__(self, settings: TaxiV1Settings) -> None:
        self.salt = salt_of(VERSION, settings)
        self._base = f"{settings.address}/api/1.0/client"
        self._query = "?show_cancel_text=true" if settings.show_cancel_text else ""
        self._zone = settings.zone

    def request(self, ids: Mapping[str, str], /) -> Request:
        url = f"{self._base}/{encoded(ids, 'client_id')}/order/{encoded(ids, 'order_id')}{self._query}"
        return Request(url, (ACCEPT,))

    def read(self, body: bytes, /) -> Snapshot:
        order = decode_object(body)
        ends = as_instant(order.get("due_date"), self._zone, "due_date")
        return Snapshot(
            status=_status(order),
            performer=rides.performer(order),
            route=rides.route(order),
            schedule=None if ends is None else Schedule(end=ends),
            finished_at=as_instant(order.get("finished_date"), self._zone, "finished_date"),
            cost=rides.cost(order),
            cancel_rules=rides.cancel_rules(order),
            person=_person(order),
            tariff=as_text(order.get("class"), "class"),
            cost_centers=rides.cost_centers(order),
            created_by=as_text(order.get("created_by"), "created_by"),
        )

    def refusal(self, response: Response, /) -> str:
        return refusals.describe(response.body)


def _status(order: Object) -> str:
    status = order.get("status")
    return as_status(status.get("full"), "status.full") if type(status) is dict else as_status(status, "status")


def _person(order: Object) -> Person | None:
    user = as_object(order.get("corp_user"), "corp_user") or {}
    user_id = as_text(user.get("user_id"), "corp_user.user_id")
    return None if user_id is None else Person(id=user_id)
