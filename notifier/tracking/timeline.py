"""The timeline's events: tracked, status_changed, phase_changed, history_added, and what deviates from the documents.

Items are played one after the other. The phase is that of the last one which carries a phase; once the current status
is terminal, it is that status's (PHASES, 'Track & trace').
"""

from notifier import instants
from notifier.model import TERMINAL, Entry, EventType, Instant, Phase, State
from notifier.tracking.course import Course, Item, Past, in_order, predecessor, reaches
from notifier.tracking.tape import UNTOLD, Tape, Told


def past_of(state: State) -> Past:
    """Nothing before the first good look, nor before the first one after a removal."""
    if not state.tracked or state.snapshot is None:
        return Past()
    snapshot = state.snapshot
    return Past(
        status=snapshot.status,
        updated_at=snapshot.updated_at,
        phase=state.phase,
        entries=snapshot.entries,
        newest=state.newest,
        unlogged=state.unlogged,
        status_at=state.status_at,
        phase_at=state.phase_at,
    )


def play(state: State, course: Course, tape: Tape) -> Instant | None:
    """An order that is followed: every item is an event. The place of what gives the phase, for `State.phase_at`."""
    if not course.items:
        return state.phase_at
    player = _Player(tape, course, past_of(state))
    player.all()
    return player.phase_at


def start(state: State, status: str, course: Course, tape: Tape, backlog: bool) -> Instant | None:
    """The first good look: one `tracked`. Entries already there are known, with `backlog` told too, each as late."""
    tape.rewind()
    player = _Player(tape, course, Past())
    player.all()
    tape.quiet = False
    tape.note(EventType.TRACKED, None, {"status": status, "phase": tape.phase.value})
    player.check_status(status, UNTOLD)
    if backlog:
        known = {entry.identity for entry in state.snapshot.entries} if state.snapshot else set()
        for item in course.items:
            if item.entry is not None and item.entry.identity not in known:
                player.aside(item.entry)
    return player.phase_at


class _Player:
    """Moves the tape along the items and notes what each one tells. `mark`: the last history entry with a phase."""

    def __init__(self, tape: Tape, course: Course, past: Past) -> None:
        self.tape, self.lifecycle, self.course = tape, tape.lifecycle, course
        self.phase_at, self.status_at = past.phase_at, past.status_at
        self.mark: Entry | None = None
        for entry in in_order(past.entries):
            if self._carried(entry) is not None:
                self.mark = entry
        # The phase is that of a status which stands where it was seen, not where an entry puts it.
        self.floating = self._of_status and all(entry.at != past.phase_at for entry in past.entries)

    def all(self) -> None:
        if self.course.settled:
            if self._of_status:
                self.phase_at = self.course.held_at
            self.status_at = self.course.held_at
        stood, held = self.phase_at, self.tape.status
        for item in self.course.items:
            if item.status is None:
                self._history(item)
            elif item.moves:
                self._status(item, stood)
            elif item.tells and item.entry is not None:
                self.aside(item.entry)
        if self.course.settled and not self._ended:
            self._settle(self.tape.status == held)

    def aside(self, entry: Entry) -> None:
        """An entry that comes too late to move anything."""
        told = Told(entry.at, late=True)
        if entry.kind == "history":
            self._add(entry, told)
            return
        before = predecessor(self.course.log, entry)
        if before != entry.value:
            shape = None if before is None else {"status": before}
            self.tape.note(EventType.STATUS_CHANGED, shape, {"status": entry.value}, told)
            self.check_status(entry.value, told)

    def check_status(self, status: str, told: Told) -> None:
        if status not in self.lifecycle.statuses:
            self.tape.deviates("unknown_status", status, told)

    def _status(self, item: Item, stood: Instant | None) -> None:
        assert item.status is not None
        told = Told(item.at, late=item.late)
        for status in item.between or ():
            # Somewhere within the window: an entry that this look brought is the newer one.
            self._move(status, stood, Told(inferred=True))
        self._move(item.status, item.place, told, tells=item.tells, logged=item.entry is not None)
        if item.tells:
            self.check_status(item.status, told)
        if item.between is None:
            self.tape.deviates("illegal_transition", item.status, told)

    def _move(
        self, status: str, place: Instant | None, told: Told, *, tells: bool = True, logged: bool = False
    ) -> None:
        tape, phase = self.tape, self.lifecycle.statuses.get(status)
        before, former, reopened = tape.status, tape.phase, self._ended and phase not in TERMINAL
        tape.status, tape.certain = status, phase is not None
        follows = self._of_status or not self.lifecycle.timeline or reaches(place, self.phase_at)
        self.status_at = place
        if phase is not None and (phase in TERMINAL or follows):
            tape.enter(phase, told)
            self.phase_at, self.floating = place, False
            if reopened and self._outlives(place, logged):
                self._follow_mark(told)  # it came later, while the order counted as over
        if tells:
            shape = None if before is None else {"status": before}
            tape.note(EventType.STATUS_CHANGED, shape, {"status": status}, told)
        tape.turned(former, told)

    def _history(self, item: Item) -> None:
        entry = item.entry
        assert entry is not None
        told, former = Told(entry.at, late=item.late), self.tape.phase
        phase = self._carried(entry)
        if phase is not None:
            if self.mark is None or entry.at >= self.mark.at:
                self.mark = entry
            if self.mark is entry and not self._ended and (reaches(entry.at, self.phase_at) or self._adrift(phase)):
                self.phase_at, self.floating = entry.at, False
                self.tape.enter(phase, told)
        self._add(entry, told)
        self.tape.turned(former, told)

    def _settle(self, unmoved: bool) -> None:
        """The status had counted as the newest entry. Its own entry tells its place: is another one the last now?"""
        former, told = self.tape.phase, Told(self.course.held_at, late=True)
        phase = self.lifecycle.statuses.get(self.tape.status or "")
        if unmoved and phase is not None and reaches(self.course.held_at, self.phase_at):
            self.phase_at = self.course.held_at
            self.tape.enter(phase, told)
        if self.mark is not None and reaches(self.mark.at, self.phase_at):
            told = Told(self.mark.at, late=True)
            self._follow_mark(told)
        self.tape.turned(former, told)

    def _outlives(self, place: Instant | None, logged: bool) -> bool:
        """Is the mark behind a status? At equal times behind its log entry, but not behind what counts as newest."""
        return self.mark is not None and reaches(self.mark.at, place) and (logged or self.mark.at != place)

    def _follow_mark(self, told: Told) -> None:
        if self.mark is not None and (phase := self._carried(self.mark)) is not None:
            self.phase_at = self.mark.at
            self.tape.enter(phase, told)

    def _add(self, entry: Entry, told: Told) -> None:
        after = {
            "event": entry.value,
            "at": instants.to_text(entry.at),
            "initiator": entry.initiator,
            "status": self.course.status_of(entry) if entry.value == self.lifecycle.status_entry else None,
        }
        self.tape.note(EventType.HISTORY_ADDED, None, after, told)
        if self.lifecycle.entries and entry.value not in self.lifecycle.entries:
            self.tape.deviates("unknown_entry", entry.value, told)

    def _carried(self, entry: Entry) -> Phase | None:
        if entry.kind != "history" or not self.lifecycle.timeline:
            return None
        return self.lifecycle.entries.get(entry.value)

    def _adrift(self, phase: Phase) -> bool:
        """With an empty log nothing says where the status stands: any new entry may follow it, but for the creation."""
        return self.floating and not self.course.log and phase is not Phase.CREATED

    @property
    def _of_status(self) -> bool:
        """Is the phase that of the status, not of an entry behind it?"""
        return self.phase_at == self.status_at

    @property
    def _ended(self) -> bool:
        return self.tape.status is not None and self.lifecycle.statuses.get(self.tape.status) in TERMINAL
