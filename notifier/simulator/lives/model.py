"""What an order's life is made of: changes in the order in which its API tells them, and the moments between them.

The changes are the truth; a moment is what they add up to. So whatever an API renders agrees with the timeline.
All times are wall time in ms since the epoch, UTC. Coordinates are degrees.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

from notifier.simulator.lives.draw import fraction

Kind = Literal[
    "status", "performer", "schedule", "cost", "cancel_rules", "finished_at", "confirmed_at", "delivered_at",
    "history", "status_log", "comment", "fault",
]  # fmt: skip


class Place(NamedTuple):
    """A point, with its address where it has one."""

    lat: float
    lon: float
    address: str = ""


class Performer(NamedTuple):
    """The driver and the car."""

    name: str
    phone: str
    model: str
    color: str
    plate: str


class Schedule(NamedTuple):
    """When the order is due, as far as its API tells: taxi_v1 only the end, business_v2 only the start."""

    start: int | None
    end: int | None


class Cost(NamedTuple):
    """Roubles; track & trace tells only the amount."""

    amount: float
    with_vat: float | None


class CancelRules(NamedTuple):
    """`state` is free, minimal or paid (taxi v1, field table); None is told as an absent block."""

    can_cancel: bool
    state: str


class HistoryEntry(NamedTuple):
    """An OrderHistoryItem of track & trace."""

    event: str
    at: int
    initiator: str | None = None
    position: Place | None = None
    radius: float | None = None


class LogEntry(NamedTuple):
    """A StatusLog item of track & trace."""

    status: str
    at: int
    point: Place


class Comment(NamedTuple):
    """An OrderStatusUpdateComment of track & trace."""

    id: int
    status: str
    comment: str


class Person(NamedTuple):
    """Who rides, receives or eats."""

    id: str
    name: str
    phone: str


class Leg(NamedTuple):
    """The vehicle's way from one place to the next."""

    begins: int
    ends: int
    origin: Place
    destination: Place


class Change(NamedTuple):
    """From `time_ms` on the API tells `value`. An entry's own time may be earlier (late, or a log that lags).

    value by kind: status, fault: text (fault: None when it is over) · performer, schedule, cost, cancel_rules: the type
    of that name, or None · finished_at, confirmed_at, delivered_at: ms · history: HistoryEntry · status_log: LogEntry ·
    comment: Comment.
    """

    time_ms: int
    kind: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Moment:
    """An order as it stands; `step` counts its statuses, `since` is when the present one began."""

    step: int = -1
    since: int = 0
    status: str | None = None
    performer: Performer | None = None
    schedule: Schedule | None = None
    cost: Cost | None = None
    cancel_rules: CancelRules | None = None
    finished_at: int | None = None
    confirmed_at: int | None = None
    delivered_at: int | None = None
    history: tuple[HistoryEntry, ...] = ()
    status_log: tuple[LogEntry, ...] = ()
    comment: tuple[Comment, ...] = ()
    fault: str | None = None

    def after(self, change: Change) -> "Moment":
        """The moment that `change` begins."""
        if change.kind == "status":
            return replace(self, status=change.value, step=self.step + 1, since=change.time_ms)
        value = change.value
        if change.kind in ("history", "status_log", "comment"):
            value = (*getattr(self, change.kind), value)
        told: dict[str, Any] = {change.kind: value}
        return replace(self, **told)


def in_full(_step: int) -> bool:
    """Hide no step."""
    return False


@dataclass(frozen=True)
class Life:
    """An order from birth to end. `told` are the kinds that its API lets anyone see; `changes` are sorted by time."""

    api: str
    order_id: str
    seed: int
    born: int
    speed: float
    changes: tuple[Change, ...]
    told: frozenset[Kind]
    route: tuple[Place, ...]
    person: Person
    legs: tuple[Leg, ...] = ()
    habits: tuple[tuple[str, int], ...] = ()

    @cached_property
    def _moments(self) -> tuple[tuple[int, ...], tuple[Moment, ...]]:
        times, moments = [self.born], [Moment(since=self.born)]
        for change in self.changes:
            times.append(change.time_ms)
            moments.append(moments[-1].after(change))
        return tuple(times), tuple(moments)

    def moment(self, now: int, hidden: Callable[[int], bool] = in_full) -> Moment:
        """The order at `now`, never before its birth; a `hidden` step is told as the one before it.

        The first and the last status are told in any case.
        """
        times, moments = self._moments
        index = max(bisect_right(times, now) - 1, bisect_right(times, self.born) - 1)
        last = moments[-1].step
        while 0 < moments[index].step < last and hidden(moments[index].step):
            index -= 1
        return moments[index]

    def timeline(self, until: int | None = None) -> tuple[Change, ...]:
        """What the API tells, in order; `until` leaves out what is still to come."""
        return tuple(c for c in self.changes if c.kind in self.told and (until is None or c.time_ms <= until))

    def statuses(self, until: int | None = None) -> tuple[tuple[int, str], ...]:
        """(time_ms, native status) of each status, in order."""
        return tuple((c.time_ms, c.value) for c in self.timeline(until) if c.kind == "status")

    @property
    def ends(self) -> int:
        """The time of the last change."""
        return self.changes[-1].time_ms if self.changes else self.born

    def habit(self, name: str) -> int | None:
        """The ms of a habit that the order's id spells (see `words`), 0 where it names no duration; else None."""
        return dict(self.habits).get(name)

    def share(self, name: str) -> float:
        """A number in [0, 1) that this order keeps for `name`: which variant of a contradiction it shows."""
        return fraction(self.seed, self.api, self.order_id, name)

    def location(self, now: int) -> Place | None:
        """Where the vehicle is; None before there is one. It reports every ten seconds of the order's time."""
        leg = next((leg for leg in reversed(self.legs) if leg.begins <= now), None)
        if leg is None:
            return None
        tick = max(1, round(10_000 / self.speed))
        driven = (now - leg.begins) // tick * tick
        done = 1.0 if leg.ends <= now else driven / (leg.ends - leg.begins)
        lat = leg.origin.lat + (leg.destination.lat - leg.origin.lat) * done
        lon = leg.origin.lon + (leg.destination.lon - leg.origin.lon) * done
        return Place(round(lat, 6), round(lon, 6))
