"""`business_v2`: the whole ride with its cost (document 'Order information', 2.0).

The document writes http://; a token does not travel in clear text, so the default is https. `due_date` is when the ride
begins. On completion `performer.phone` and `cancel_rules` vanish, `finished_date` and the cost come only then.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from notifier.model import Person, Schedule, Snapshot
from notifier.net.fetch import Request, Response
from notifier.sources import refusals, rides
from notifier.sources.base import ACCEPT, SourceSettings, salt_of
from notifier.sources.checks import header_text
from notifier.sources.ids import encoded
from notifier.sources.lifecycles import TAXI
from notifier.sources.reading import as_instant, as_status, as_text, decode_object
from notifier.tracking.lifecycle import Lifecycle

VERSION = 1
CLIENT_HEADER = "X-YaTaxi-Selected-Corp-Client-Id"
ADVICE: Mapping[str, str] = {  # 'Response codes', 403
    "SELECT_CLIENT_HEADER_REQUIRED": "several clients go with this token, give account.client_id of the source",
    "SELECTED_CLIENT_ACCESS_DENIED": "this login has no access to the client_id, correct it or the secret",
}


class BusinessV2Settings(SourceSettings):
    """Without a client_id its header is left out: it is required only where the token goes with several clients."""

    errand = "ride"
    default_base_url: ClassVar[str | None] = "https://b2b-api.go.yandex.ru"
    default_auth_scheme: ClassVar[str] = "Bearer"
    account_ids: ClassVar[tuple[str, ...]] = ("client_id",)
    optional_ids: ClassVar[frozenset[str]] = frozenset({"client_id"})

    type: Literal["business_v2"]


class BusinessV2:
    lifecycle: Lifecycle = TAXI

    def __init__(self, settings: BusinessV2Settings) -> None:
        self.salt = salt_of(VERSION, settings, "language")
        self._url = f"{settings.address}/integration/2.0/orders/info?order_id="
        self._headers = (ACCEPT,) if settings.language is None else (ACCEPT, ("Accept-Language", settings.language))
        self._zone = settings.zone

    def request(self, ids: Mapping[str, str], /) -> Request:
        headers = self._headers
        if "client_id" in ids:
            headers = (*headers, (CLIENT_HEADER, header_text(ids["client_id"])))
        return Request(self._url + encoded(ids, "order_id"), headers)

    def read(self, body: bytes, /) -> Snapshot:
        order = decode_object(body)
        starts = as_instant(order.get("due_date"), self._zone, "due_date")
        user_id = as_text(order.get("user_id"), "user_id")
        return Snapshot(
            status=as_status(order.get("status"), "status"),
            performer=rides.performer(order),
            route=rides.route(order),
            schedule=None if starts is None else Schedule(start=starts),
            finished_at=as_instant(order.get("finished_date"), self._zone, "finished_date"),
            cost=rides.cost(order),
            cancel_rules=rides.cancel_rules(order),
            person=None if user_id is None else Person(id=user_id),
            tariff=as_text(order.get("class"), "class"),
            cost_centers=rides.cost_centers(order),
        )

    def refusal(self, response: Response, /) -> str:
        return refusals.describe(response.body, ADVICE)
