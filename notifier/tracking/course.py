"""What a look adds to an order's timeline: new entries in order, and the status they lead to. No events yet.

status_log and history are one timeline, by time, at equal times status_log first (PHASES, 'Track & trace'). An entry is
known by (kind, value, time, number among equals). Where the answer's `status` disagrees with its log, the status stands
at the end as an item without an entry: it counts as the newest one, and its log entry is recognised when it shows up.
"""

from collections.abc import Sequence
from typing import NamedTuple

from notifier.model import Entry, Instant, Phase, Snapshot
from notifier.tracking.lifecycle import Lifecycle

LONGEST_QUEUE = 32  # statuses without a log entry: where a log never comes, the oldest are forgotten


class Past(NamedTuple):
    """What the timeline must know of the looks before; all empty before the first."""

    status: str | None = None
    updated_at: Instant | None = None
    phase: Phase = Phase.UNKNOWN
    entries: tuple[Entry, ...] = ()
    newest: Instant | None = None
    unlogged: tuple[str, ...] = ()
    status_at: Instant | None = None
    phase_at: Instant | None = None


class Item(NamedTuple):
    """One step along the timeline.

    `place` is where it stands (None: before everything), `at` the time that the API told for it. `moves`: its status
    becomes the order's. `tells`: it is an event.
    `before` is the status before it; `between` what must have come in between, None where no legal path leads here.
    """

    entry: Entry | None
    status: str | None
    place: Instant | None
    at: Instant | None
    late: bool = False
    moves: bool = False
    tells: bool = True
    before: str | None = None
    between: tuple[str, ...] | None = ()


class Course(NamedTuple):
    """The new items in order, and what the next look must know.

    `settled`: the status held before turns out to stand at `held_at`, since its log entry is there now (or another one
    in its stead).
    """

    items: tuple[Item, ...]
    entries: tuple[Entry, ...]
    unlogged: tuple[str, ...]
    status_at: Instant | None
    newest: Instant | None
    settled: bool = False
    held_at: Instant | None = None

    @property
    def log(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "status")

    def status_of(self, update: Entry) -> str | None:
        """A STATUS_UPDATE tells no status: `status_log` does, at the same time (track & trace, OrderHistoryItem).

        Among several of one time the last ones belong together: the creation of an order has no STATUS_UPDATE.
        """
        same = [entry for entry in self.entries if entry.at == update.at]
        statuses = [entry.value for entry in same if entry.kind == "status"]
        updates = sum(entry.kind == "history" and entry.value == update.value for entry in same)
        return statuses[max(0, len(statuses) - updates + update.nth)] if statuses else None

    @property
    def illegal(self) -> tuple[str, ...]:
        return tuple(f"{item.before} → {item.status}" for item in self.items if item.between is None)


def follow(past: Past, snapshot: Snapshot, lifecycle: Lifecycle, seen: Instant) -> Course:
    """What `snapshot`, an answer that arrived at `seen`, adds to `past`."""
    entries = in_order(snapshot.entries)
    known = {entry.identity for entry in past.entries}
    fresh = [entry for entry in entries if entry.identity not in known]
    if not fresh and snapshot.status == past.status:
        return Course((), tuple(entries), past.unlogged, past.status_at, past.newest)
    log = tuple(entry for entry in entries if entry.kind == "status")
    walk = _Walk(past, snapshot, lifecycle, log, fresh, seen)
    for entry in fresh:
        walk.take(entry)
    walk.close()
    return Course(
        items=tuple(walk.items),
        entries=tuple(entries),
        unlogged=tuple(walk.unlogged[-LONGEST_QUEUE:]),
        status_at=walk.status_at,
        newest=walk.newest,
        settled=walk.settled,
        held_at=walk.held_at,
    )


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.at, entry.kind != "status"))


def reaches(place: Instant | None, other: Instant | None) -> bool:
    """Does `place` stand at `other` or behind it?"""
    return other is None or (place is not None and place >= other)


def predecessor(log: Sequence[Entry], entry: Entry) -> str | None:
    """The status of the log entry before this one."""
    index = log.index(entry)
    return log[index - 1].value if index else None


class _Walk:
    """One way through the new entries; every step knows where the last one led."""

    def __init__(
        self,
        past: Past,
        snapshot: Snapshot,
        lifecycle: Lifecycle,
        log: tuple[Entry, ...],
        fresh: Sequence[Entry],
        seen: Instant,
    ) -> None:
        self.past, self.snapshot, self.lifecycle, self.log, self.fresh = past, snapshot, lifecycle, log, fresh
        self.seen = seen
        self.settled, self.held_at = False, past.status_at
        self.items: list[Item] = []
        self.status, self.status_at = past.status, past.status_at
        self.newest = max((entry.at for entry in fresh), default=None)
        if past.newest is not None and not reaches(self.newest, past.newest):
            self.newest = past.newest
        self.unlogged = list(past.unlogged)
        self.awaited = self._awaited()

    def _awaited(self) -> frozenset[tuple[str, str, Instant, int]]:
        """Which of the new log entries tell a status that was seen before they showed up.

        If the log ends in the present status, leads there by another way, and still does not tell a status that was
        seen, it never will: that status is then waited for no longer.
        """
        if not self.unlogged:
            return frozenset()
        logged = max((entry.at for entry in self.past.entries if entry.kind == "status"), default=None)
        queue, found, strange = list(self.unlogged), set(), False
        for entry in self.fresh:
            if entry.kind != "status" or not reaches(entry.at, logged):
                continue
            if entry.value in queue:
                del queue[: queue.index(entry.value) + 1]
                found.add(entry.identity)
            elif entry.value != predecessor(self.log, entry):
                strange = True
        if queue and strange and self.log[-1].value == self.snapshot.status:
            self.unlogged = []
            self._settle(logged)
        return frozenset(found)

    def take(self, entry: Entry) -> None:
        late = self.past.newest is not None and entry.at < self.past.newest
        if entry.kind == "history":
            self.items.append(Item(entry, None, entry.at, entry.at, late))
        elif entry.identity in self.awaited:
            self._recognise(entry)
        elif self.unlogged or not reaches(entry.at, self.status_at):
            # Something newer is known already, be it a status whose own entry is still to come.
            before = predecessor(self.log, entry)
            tells = entry.value != before
            self.items.append(Item(entry, entry.value, entry.at, entry.at, late=True, tells=tells, before=before))
        else:
            between = self._between(entry.value)
            tells = entry.value != self.status
            # What the log tells as one step was one: nothing is inferred, and only the impossible is illegal.
            step = Item(entry, entry.value, entry.at, entry.at, late, True, tells, before=self.status)
            self.items.append(step._replace(between=None) if between is None else step)
            self.status, self.status_at = entry.value, entry.at

    def _recognise(self, entry: Entry) -> None:
        if entry.value in self.unlogged:
            del self.unlogged[: self.unlogged.index(entry.value) + 1]
            if not self.unlogged:
                self._settle(entry.at)
        self.items.append(Item(entry, entry.value, entry.at, entry.at, tells=False))

    def _settle(self, place: Instant | None) -> None:
        self.settled, self.held_at, self.status_at = True, place, place

    def close(self) -> None:
        """The status itself, where the log did not lead to it."""
        status = self.snapshot.status
        if status == self.status:
            return
        place, at, between = self._place(), self._told(), self._between(status)
        step = Item(None, status, place, at, moves=True, before=self.status, between=between)
        self.items.append(step)
        if at is not None:
            self.items.sort(key=lambda item: (item.at is None, item.at, item.status is None))
        if self.lifecycle.timeline:
            self.unlogged += [*(between or ()), status]
        self.status, self.status_at = status, place

    def _between(self, status: str) -> tuple[str, ...] | None:
        if self.status is None or status == self.status:
            return ()
        return self.lifecycle.between(self.status, status)

    def _place(self) -> Instant | None:
        """A status without an entry is the newest that there is: what happens after it was seen comes after it.

        But with an empty log, history entries carry the phase: it stands where the history was last told to update it,
        or before what this answer brought.
        """
        if not self.log and self.lifecycle.timeline:
            if updates := [entry.at for entry in self.fresh if self._updates(entry)]:
                return max(updates)
            if any(self.lifecycle.entries.get(entry.value) for entry in self.fresh):
                return self.past.phase_at
        return self.seen if self.newest is None else max(self.seen, self.newest)

    def _updates(self, entry: Entry) -> bool:
        return entry.value == self.lifecycle.status_entry or self.lifecycle.entries.get(entry.value) is Phase.CREATED

    def _told(self) -> Instant | None:
        """`finished_date` for completion, else a new `updatedAt`."""
        snapshot, completed = self.snapshot, Phase.COMPLETED
        if (
            snapshot.finished_at is not None
            and self.past.phase is not completed
            and self.lifecycle.statuses.get(snapshot.status) is completed
        ):
            return snapshot.finished_at
        if snapshot.updated_at is None or snapshot.updated_at == self.past.updated_at:
            return None
        return snapshot.updated_at
