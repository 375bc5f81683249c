"""Builders for the routing tests: one order, its events, and channels of each kind."""

from dataclasses import dataclass
from typing import Any, Literal

from notifier.envelope import seal
from notifier.model import (
    CloudEvent,
    Delivery,
    Event,
    EventType,
    Performer,
    Phase,
    Recipient,
    Snapshot,
    State,
    Vehicle,
    Watch,
)
from notifier.routing.rules import Rule, Send, When

T = 1_795_258_800_000
KEY = "trips/885e"
ANN = Recipient(email="ann@example.org", phone="+79120000001", webhook="https://ann.example/h", locale="ru")
BEN = Recipient(email="ben@example.org", timezone="Europe/Moscow")
IVAN = Performer(
    name="Ivan", phone="+79120995513,,95576", vehicle=Vehicle(model="Kia Rio", plate="A123BC", color="white")
)


@dataclass(frozen=True)
class Line:
    """A channel: what routing must know of a sink."""

    people: bool = False
    address: Literal["email", "phone", "webhook"] | None = None

    def endpoint(self, to: str | None, /) -> str:
        return to or "own"


CHANNELS = {
    "mail": Line(people=True, address="email"),
    "text": Line(people=True, address="phone"),
    "hook": Line(address="webhook"),
    "out": Line(),
}


def watch(*recipients: Recipient, **labels: str) -> Watch:
    return Watch(
        key=KEY,
        source="trips",
        ids={"order_id": "885e"},
        recipients=recipients,
        labels=labels,
        created_at=T,
        updated_at=T,
    )


def state(**fields: Any) -> State:
    return State(key=KEY, life=T, **fields)


def event(type: EventType = EventType.PHASE_CHANGED, sequence: int = 1, **fields: Any) -> Event:
    """By default: the order was seen to enter the phase `arrived`, at a time nobody told."""
    told: dict[str, Any] = {
        "before": {"phase": "assigned"},
        "after": {"phase": "arrived"},
        "status": "waiting",
        "phase": Phase.ARRIVED,
        "certain": True,
        "at": None,
        "not_before": T - 5_000,
        "not_after": T,
        "observed_at": T,
        "snapshot": Snapshot(status="waiting", performer=IVAN),
    }
    return Event(key=KEY, life=T, sequence=sequence, type=type, **(told | fields))


def sealed(*events: Event, about: Watch | None = None) -> list[tuple[Event, CloudEvent]]:
    return [(each, seal(each, about or watch(), personal_data=False)) for each in events]


def rule(*sends: Send, name: str = "r", when: When | None = None, **fields: Any) -> Rule:
    return Rule(name=name, when=when or When(), sends=sends, **fields)


def delivery(made: Event | None = None, **fields: Any) -> Delivery:
    """One pending delivery to the webhook sink's own address."""
    told: dict[str, Any] = {
        "id": "d",
        "key": KEY,
        "rule": "r",
        "sink": "hook",
        "endpoint": "hook:own",
        "due": T,
        "created_at": T,
        "facts": b"f",
    }
    return Delivery(event=seal(made or event(), watch(), False), **(told | fields))
