"""What a template may see: values by documented names (docs/messages.md). Pure.

Every text is clean and short, what is not known is None, times are local ones of the reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class Labels(dict[str, str]):
    """A label that this order lacks is empty: other orders may have it."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientView:
    """`own_zone` says that the zone is the reader's own, not the source's."""

    locale: str
    language: str
    timezone: str
    own_zone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """`exact` says that the API told the time; `since` is when the order was last known to be otherwise."""

    type: str
    time: datetime
    exact: bool
    since: datetime | None
    inferred: bool
    late: bool
    entry: str | None
    initiator: str | None
    kind: str | None
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverView:
    """`car` is color, model and plate in one text; `dial` the phone as a link can hold it."""

    name: str | None = None
    phone: str | None = None
    dial: str | None = None
    car: str | None = None
    model: str | None = None
    color: str | None = None
    plate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    key: str
    id: str
    number: str | None
    name: str
    source: str
    kind: str
    phase: str
    status: str | None
    certain: bool
    tariff: str | None
    person: str | None
    person_phone: str | None
    start: datetime | None
    end: datetime | None
    finished: datetime | None
    amount: float | None
    with_vat: float | None
    can_cancel: bool | None
    cancel_state: str | None
    cancel_title: str | None
    cancel_message: str | None
    origin: str | None
    destination: str | None
    stops: tuple[str, ...]
    lat: float | None
    lon: float | None
    labels: Mapping[str, str]
    comments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldView:
    """What was so before the event, where it tells it."""

    status: str | None = None
    phase: str | None = None
    driver: DriverView = DriverView()
    start: datetime | None = None
    end: datetime | None = None
    amount: float | None = None
    with_vat: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    recipient: RecipientView
    event: EventView
    order: OrderView
    driver: DriverView
    old: OldView
