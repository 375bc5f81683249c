"""`progress`: status and car of an order (document 'Track an order', 1.0).

The table lists `location` beside `vehicle` as a string, the example shows it inside as [latitude, longitude]; the
example's status, `finished`, is not in the table, which has `complete`. All of these are read.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from notifier.model import Place, Snapshot
from notifier.net.fetch import Request, Response
from notifier.sources import refusals
from notifier.sources.base import ACCEPT, SourceSettings, salt_of
from notifier.sources.ids import encoded
from notifier.sources.lifecycles import TAXI
from notifier.sources.reading import as_object, as_pair, as_place, as_status, decode_object
from notifier.tracking.lifecycle import Lifecycle

VERSION = 1


class ProgressSettings(SourceSettings):
    """The bare OAuth token is sent ('Request headers')."""

    errand = "ride"
    default_base_url: ClassVar[str | None] = "https://business.taxi.yandex.ru"
    account_ids: ClassVar[tuple[str, ...]] = ("client_id",)

    type: Literal["progress"]


class Progress:
    lifecycle: Lifecycle = TAXI

    def __init__(self, settings: ProgressSettings) -> None:
        self.salt = salt_of(VERSION, settings)
        self._base = f"{settings.address}/api/1.0/client"

    def request(self, ids: Mapping[str, str], /) -> Request:
        url = f"{self._base}/{encoded(ids, 'client_id')}/order/{encoded(ids, 'order_id')}/progress"
        return Request(url, (ACCEPT,))

    def read(self, body: bytes, /) -> Snapshot:
        order = decode_object(body)
        vehicle = as_object(order.get("vehicle"), "vehicle") or {}
        return Snapshot(
            status=as_status(order.get("status"), "status"),
            location=_location(vehicle.get("location"), "vehicle.location")
            or _location(order.get("location"), "location"),
        )

    def refusal(self, response: Response, /) -> str:
        return refusals.describe(response.body)


def _location(value: object, where: str) -> Place | None:
    """Latitude first, in a list or in a text."""
    lat, lon = as_pair(value.replace(",", " ").split() if isinstance(value, str) else value, where)
    return as_place(lat, lon, where)
