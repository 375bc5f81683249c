"""Orders, answers and looks for the tests of tracking. Times are small numbers of ms."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from notifier.model import Entry, Event, Look, Place, Snapshot, State
from notifier.sources.lifecycles import TAXI
from notifier.tracking import Lifecycle, Step, Tracking, advance, begin
from tests.oracle import Expected

LATENCY = 5  # ms from a look's start to its answer
SETTINGS = Tracking(lost_looks=3, lost_after=100, stalled_after=10_000)


def snap(status: str, *entries: Entry, **fields: Any) -> Snapshot:
    return Snapshot(status=status, entries=entries, **fields)


def logged(value: str, at: int, nth: int = 0) -> Entry:
    return Entry(kind="status", value=value, at=at, nth=nth)


def happened(value: str, at: int, nth: int = 0, initiator: str | None = None, place: Place | None = None) -> Entry:
    return Entry(kind="history", value=value, at=at, nth=nth, initiator=initiator, place=place)


def look(began: int, answer: Snapshot | str, digest: bytes = b"", attended: int = 0) -> Look:
    """A text is the reason of a failed one."""
    if isinstance(answer, str):
        return Look(began=began, ended=began + LATENCY, reason=answer, attended=attended)
    return Look(began=began, ended=began + LATENCY, snapshot=answer, digest=digest, attended=attended)


class Order:
    """An order under test: looks go in, events come out; the clock moves on by 10 ms with each look."""

    def __init__(self, lifecycle: Lifecycle = TAXI, settings: Tracking = SETTINGS, state: State | None = None) -> None:
        self.lifecycle, self.settings = lifecycle, settings
        self.state = state or begin("a/1", 1)
        self.now = 1_000
        self.last: Step | None = None

    def see(self, answer: Snapshot | str, at: int | None = None, attended: int = 0) -> list[Event]:
        self.now = self.now + 10 if at is None else at
        return self.apply(look(self.now, answer, digest=b"d%d" % self.now, attended=attended))

    def apply(self, one: Look) -> list[Event]:
        self.last = advance(self.state, one, self.lifecycle, self.settings)
        self.state = self.last.state
        return list(self.last.events)

    @property
    def verdict(self) -> str:
        assert self.last is not None
        return self.last.verdict


class Brief(NamedTuple):
    """What most tests say of an event."""

    type: str
    after: Any
    flags: str = ""


def brief(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """('status_changed', 'search > driving'), with 'inferred' or 'late' behind it where they are set."""
    return [_brief(event) for event in events]


def _brief(event: Event) -> tuple[Any, ...]:
    flags = tuple(name for name in ("inferred", "late") if getattr(event, name))
    before, after = event.before or {}, event.after or {}
    match event.type.value:
        case "status_changed":
            return ("status", f"{before.get('status')} > {after['status']}", *flags)
        case "phase_changed":
            return ("phase", f"{before['phase']} > {after['phase']}", *flags)
        case "history_added":
            return ("history", after["event"], *flags)
        case "contract_violated":
            return ("violated", after["kind"], after["value"], *flags)
        case other:
            return (other, *flags)


def expected(event: Event) -> Expected:
    """An event in the oracle's words."""
    return Expected(
        event.type.value, event.before, event.after, event.status or "", event.phase.value, event.certain, event.at,
        event.not_before, event.not_after, event.inferred, event.late,
    )  # fmt: skip
