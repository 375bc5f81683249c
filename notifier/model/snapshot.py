"""An order as its API told it, normalised; and what it is made of."""

from typing import Literal

from notifier.model.words import ByPlace, Instant


class Place(ByPlace, frozen=True, kw_only=True):
    """A point in degrees (WGS 84), with its address where the API tells one."""

    lat: float | None = None
    lon: float | None = None
    address: str | None = None


class Vehicle(ByPlace, frozen=True, kw_only=True):
    """`combined` says that the API tells the whole car as one text, plate included, and that `model` holds it."""

    model: str | None = None
    plate: str | None = None
    color: str | None = None
    combined: bool = False


class Performer(ByPlace, frozen=True, kw_only=True):
    """Driver or courier. For taxi_v1 the whole `car` text stands in `vehicle.model`."""

    name: str | None = None
    phone: str | None = None
    vehicle: Vehicle | None = None


class Schedule(ByPlace, frozen=True, kw_only=True):
    start: Instant | None = None
    end: Instant | None = None


class Cost(ByPlace, frozen=True, kw_only=True):
    """In the currency of the source (roubles)."""

    amount: float | None = None
    with_vat: float | None = None


class CancelRules(ByPlace, frozen=True, kw_only=True):
    can_cancel: bool | None = None
    state: str | None = None
    title: str | None = None
    message: str | None = None


class Person(ByPlace, frozen=True, kw_only=True):
    """Whose order it is."""

    id: str | None = None
    name: str | None = None
    phone: str | None = None


class CostCenter(ByPlace, frozen=True, kw_only=True):
    id: str | None = None
    title: str | None = None
    value: str | None = None


class Comment(ByPlace, frozen=True, kw_only=True):
    status: str | None = None
    text: str | None = None


class Entry(ByPlace, frozen=True, kw_only=True):
    """One line of an order's past, told by the API.

    Its identity is (kind, value, at, nth); `nth` counts equal ones within a snapshot, from 0.
    `value` is the native event name (`history`) or the native status (`status`).
    """

    kind: Literal["status", "history"]
    value: str
    at: Instant
    nth: int = 0
    initiator: str | None = None
    place: Place | None = None

    @property
    def identity(self) -> tuple[str, str, Instant, int]:
        return (self.kind, self.value, self.at, self.nth)


class Snapshot(ByPlace, frozen=True, kw_only=True):
    """An order as its API told it, normalised, without a phase. What the API does not tell is None or empty."""

    status: str
    updated_at: Instant | None = None
    performer: Performer | None = None
    location: Place | None = None
    route: tuple[Place, ...] = ()
    schedule: Schedule | None = None
    finished_at: Instant | None = None
    cost: Cost | None = None
    cancel_rules: CancelRules | None = None
    entries: tuple[Entry, ...] = ()
    person: Person | None = None
    number: str | None = None
    tariff: str | None = None  # the documents' `class`
    cost_centers: tuple[CostCenter, ...] = ()
    created_by: str | None = None
    comments: tuple[Comment, ...] = ()
    comment: str | None = None
