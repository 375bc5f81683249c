"""The events of one look while they are written: notes without numbers, and the order as it stands after each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from notifier.model import EventType, Instant, Phase, State
from notifier.tracking.lifecycle import Lifecycle


class Note(NamedTuple):
    """An event before it has a number and a window. `status`, `phase` and `certain` are those after it."""

    type: EventType
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    status: str | None
    phase: Phase
    certain: bool
    at: Instant | None = None
    inferred: bool = False
    late: bool = False


class Told(NamedTuple):
    """What a change shares with its consequences: a time that the API told, and whether it is a guess or late."""

    at: Instant | None = None
    inferred: bool = False
    late: bool = False


UNTOLD = Told()


class Tape:
    """Where an order stands within one look, and what was noted on the way. `quiet`: it moves, but nothing is noted."""

    __slots__ = ("certain", "lifecycle", "notes", "observed", "phase", "quiet", "reported", "since", "status")

    def __init__(self, state: State, lifecycle: Lifecycle, observed: Instant) -> None:
        self.lifecycle = lifecycle
        self.observed = observed
        self.status = state.snapshot.status if state.snapshot else None
        self.phase = state.phase
        self.certain = state.certain
        self.since = state.since
        self.reported = state.reported
        self.notes: list[Note] = []
        self.quiet = False

    def rewind(self) -> None:
        """To before the first status; from here on nothing is noted until `quiet` ends."""
        self.status, self.quiet = None, True

    def note(
        self, type: EventType, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, told: Told = UNTOLD
    ) -> None:
        if not self.quiet:
            self.notes.append(Note(type, before, after, self.status, self.phase, self.certain, *told))

    def enter(self, phase: Phase, told: Told) -> Phase:
        """Moves to a phase without a note, since its cause comes first; the former phase, for `turned`."""
        former = self.phase
        if phase is not former:
            self.phase = phase
            self.since = self.observed if told.at is None else told.at
        return former

    def turned(self, former: Phase, told: Told) -> None:
        """`phase_changed`, right after its cause."""
        if former is not self.phase:
            self.note(EventType.PHASE_CHANGED, {"phase": former.value}, {"phase": self.phase.value}, told)

    def deviates(self, kind: str, value: str, told: Told) -> None:
        """`contract_violated`; what is undocumented once for each order and value, an illegal transition each time."""
        if self.quiet:
            return
        if kind != "illegal_transition":
            mark = f"{kind}:{value}"
            if mark in self.reported:
                return
            self.reported |= {mark}
        self.note(EventType.CONTRACT_VIOLATED, None, {"kind": kind, "value": value}, told)
