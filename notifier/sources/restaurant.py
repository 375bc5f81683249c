"""`restaurant`: what a partner's own system tells (document 'Get the order status in the restaurant system').

The endpoint is implemented by each partner, so its address and authorization differ. `updatedAt` is when the status
began, with microseconds and offsets as odd as +00:20.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import ConfigDict

from notifier.model import Snapshot
from notifier.net.fetch import Request, Response
from notifier.sources import refusals
from notifier.sources.base import ACCEPT, SourceSettings, salt_of
from notifier.sources.ids import encoded
from notifier.sources.lifecycles import RESTAURANT
from notifier.sources.reading import as_instant, as_status, as_text, decode_object
from notifier.tracking.lifecycle import Lifecycle

VERSION = 1


class RestaurantSettings(SourceSettings):
    """`base_url` is required; the secret may be missing, since the document says nothing of how it is given."""

    errand = "food"
    model_config = ConfigDict(json_schema_extra={"required": ["type", "base_url"]})
    default_auth_scheme: ClassVar[str] = "Bearer"
    needs_secret: ClassVar[bool] = False

    type: Literal["restaurant"]


class Restaurant:
    lifecycle: Lifecycle = RESTAURANT

    def __init__(self, settings: RestaurantSettings) -> None:
        self.salt = salt_of(VERSION, settings)
        self._base = f"{settings.address}/order"
        self._zone = settings.zone

    def request(self, ids: Mapping[str, str], /) -> Request:
        return Request(f"{self._base}/{encoded(ids, 'order_id')}/status", (ACCEPT,))

    def read(self, body: bytes, /) -> Snapshot:
        order = decode_object(body)
        return Snapshot(
            status=as_status(order.get("status"), "status"),
            updated_at=as_instant(order.get("updatedAt"), self._zone, "updatedAt"),
            comment=as_text(order.get("comment"), "comment"),
        )

    def refusal(self, response: Response, /) -> str:
        return refusals.describe(response.body)
