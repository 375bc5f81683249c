"""PHASES written down a second time, in the most naive way: which events does a true native life give, polled so?

It shares no code with notifier.tracking or notifier.sources. It may be naive because it is omniscient: it knows the
whole life, so an entry that shows up late is recognised by its number in the life, not by what the answers tell.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

TAXI = {
    "scheduling": "created", "scheduled": "scheduled", "search": "searching", "driving": "assigned",
    "waiting": "arrived", "transporting": "in_progress", "complete": "completed", "finished": "completed",
    "cancelled": "cancelled", "failed": "failed", "expired": None,
}  # fmt: skip
TRACK = {
    "new": "created", "confirmed": "accepted", "finished": "completed", "partially_finished": "partially_completed",
    "postponed": "postponed", "cancelled": "cancelled",
}  # fmt: skip
RESTAURANT = {
    "NEW": "created", "ACCEPTED_BY_RESTAURANT": "accepted", "COOKING": "preparing", "READY": "ready",
    "TAKEN_BY_COURIER": "in_progress", "DELIVERED": "completed", "CANCELLED": "cancelled",
}  # fmt: skip
STATUSES: dict[str, dict[str, str | None]] = {"taxi": {**TAXI}, "track": {**TRACK}, "restaurant": {**RESTAURANT}}
ENTRIES = {
    "ORDER_CREATED": "created", "START": None, "ORDER_BECAME_NEXT": "assigned", "STATUS_UPDATE": None,
    "INTERVAL_UPDATE": None, "ARRIVAL": "arrived", "ORDER_VISIT": None, "DEPARTURE": None,
}  # fmt: skip
OVER = ("completed", "partially_completed", "cancelled", "failed")

FORWARD = {
    "taxi": """scheduling>scheduled scheduled>driving scheduling>search search>driving driving>waiting
        waiting>transporting transporting>complete transporting>finished complete>finished finished>complete""",
    "track": """new>confirmed confirmed>finished confirmed>partially_finished new>postponed postponed>new
        confirmed>postponed postponed>confirmed""",
    "restaurant": """NEW>ACCEPTED_BY_RESTAURANT ACCEPTED_BY_RESTAURANT>COOKING COOKING>READY READY>TAKEN_BY_COURIER
        TAKEN_BY_COURIER>DELIVERED""",
}
LIVE = ("scheduling", "scheduled", "search", "driving", "waiting", "transporting")
ALONE = {  # legal single steps that nothing is inferred along
    "taxi": """scheduled>search driving>search waiting>search """
    + " ".join(f"{status}>{off}" for status in LIVE for off in ("cancelled", "failed", "expired"))
    + " "
    + " ".join(f"expired>{status}" for status in TAXI if status != "expired"),
    "track": " ".join(f"{status}>cancelled" for status in TRACK if status != "cancelled")
    + " finished>new finished>confirmed finished>postponed"
    + " partially_finished>new partially_finished>confirmed partially_finished>postponed",
    "restaurant": " ".join(f"{status}>CANCELLED" for status in RESTAURANT if status not in ("DELIVERED", "CANCELLED")),
}


class Row(NamedTuple):
    """A line of status_log or history: its own time, and from when on the API shows it."""

    kind: str
    value: str
    at: int
    shown: int
    number: int  # which status of the life it tells; for history its place in the list


class Life(NamedTuple):
    """An order's true life. `statuses`: (from when on, status)."""

    api: str
    statuses: tuple[tuple[int, str], ...]
    rows: tuple[Row, ...] = ()


class Poll(NamedTuple):
    """A look, and the time whose answer it gets: an earlier one than now is a stale replica's."""

    began: int
    ended: int
    shows: int


class Expected(NamedTuple):
    type: str
    before: Any
    after: Any
    status: str
    phase: str
    certain: bool
    at: int | None
    not_before: int | None
    not_after: int | None
    inferred: bool = False
    late: bool = False


def predict(life: Life, polls: list[Poll]) -> list[list[Expected]]:
    """The events of each poll."""
    order = _TrackOrder(life) if life.api == "track" else _PlainOrder(life)
    return [order.look(poll) for poll in polls]


def steps_between(api: str, before: str, after: str) -> list[str] | None:
    """On every legal path: all paths are walked and compared. None: there is no way forward.

    A way that falls back is none to infer (waiting, search, driving), but proves that another one is not the only one.
    """
    if before not in STATUSES[api] or after not in STATUSES[api]:
        return []
    forward, legal = FORWARD[api].split(), (FORWARD[api] + " " + ALONE[api]).split()
    if f"{before}>{after}" in legal:
        return []
    ways = list(_paths(forward, [before], after))
    if not ways:
        return None
    detours = list(_paths([step for step in legal if "expired" not in step], [before], after))
    return [status for status in ways[0] if all(status in path for path in ways + detours)]


def _paths(steps: list[str], path: list[str], goal: str) -> Iterator[list[str]]:
    for step in steps:
        start, end = step.split(">")
        if start != path[-1] or end in path:
            continue
        if end == goal:
            yield path[1:]
        else:
            yield from _paths(steps, [*path, end], goal)


class _Order:
    def __init__(self, life: Life) -> None:
        self.life, self.table = life, STATUSES[life.api]
        self.status, self.phase, self.tracked = "", "unknown", False
        self.number = -1  # of the status in the life
        self.last_ok: int | None = None
        self.doubt: Any = None
        self.reported: set[str] = set()
        self.events: list[Expected] = []
        self.poll = Poll(0, 0, 0)

    def tell(self, type: str, before: Any, after: Any, at: int | None, inferred: bool, late: bool) -> None:
        low, high = (self.last_ok, self.poll.ended) if at is None else (None, None)
        certain = self.table.get(self.status) is not None
        self.events.append(
            Expected(type, before, after, self.status, self.phase, certain, at, low, high, inferred, late)
        )

    def tell_tracked(self) -> None:
        self.tracked = True
        self.tell("tracked", None, {"status": self.status, "phase": self.phase}, None, False, False)
        self.tell_unknown("unknown_status", self.status, self.table, None, False)

    def tell_status(self, status: str, phase: str, at: int | None, inferred: bool = False, late: bool = False) -> None:
        old_status, old_phase = self.status, self.phase
        self.status, self.phase = status, phase
        if old_status != status:
            self.tell("status_changed", {"status": old_status}, {"status": status}, at, inferred, late)
        if old_phase != phase:
            self.tell("phase_changed", {"phase": old_phase}, {"phase": phase}, at, inferred, late)
        if old_status != status:
            self.tell_unknown("unknown_status", status, self.table, at, late)

    def tell_unknown(self, kind: str, value: str, documented: Any, at: int | None, late: bool) -> None:
        if value not in documented and kind + value not in self.reported:
            self.reported.add(kind + value)
            self.tell("contract_violated", None, {"kind": kind, "value": value}, at, False, late)

    def tell_illegal(self, value: str, at: int | None) -> None:
        self.tell("contract_violated", None, {"kind": "illegal_transition", "value": value}, at, False, False)

    def take(self) -> list[Expected]:
        events, self.events = self.events, []
        return events


class _PlainOrder(_Order):
    """Taxi and restaurant: the status is all there is; the restaurant's `updatedAt` is when it began."""

    def look(self, poll: Poll) -> list[Expected]:
        self.poll = poll
        number = max(n for n, (time, _) in enumerate(self.life.statuses) if time <= poll.shows)
        status = self.life.statuses[number][1]
        at = self.life.statuses[number][0] if self.life.api == "restaurant" else None
        if at is not None and number < self.number:
            return []
        if not self.tracked:
            self.status, self.phase = status, self.table.get(status) or "unknown"
            self.tell_tracked()
        elif status != self.status:
            between = steps_between(self.life.api, self.status, status)
            if between is None and self.doubt != (self.status, status):
                self.doubt = (self.status, status)
                return []
            for step in between or []:
                self.tell_status(step, self.table[step] or self.phase, None, inferred=True)
            self.tell_status(status, self.table.get(status) or self.phase, at)
            if between is None:
                self.tell_illegal(status, at)
        self.number, self.doubt, self.last_ok = number, None, poll.began
        return self.take()


class _TrackOrder(_Order):
    """Track & trace: one timeline. `told`: the numbers of the statuses that were told, log entry or not.

    `marks` is everything that carries a phase: (time, log before history before what has no time yet, number, phase).
    The second is 0 for the log, 1 for history, 2 for a status put somewhere, 3 for one that stands where it was seen.
    """

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.seen: set[Row] = set()
        self.told: set[int] = set()
        self.marks: list[tuple[int, int, int, str]] = []

    def look(self, poll: Poll) -> list[Expected]:
        self.poll = poll
        rows = [row for row in self.life.rows if row.shown <= poll.shows]
        if self.seen - set(rows):
            return []
        fresh = sorted(set(rows) - self.seen, key=lambda row: (row.at, row.kind == "history"))
        number = max(n for n, (time, _) in enumerate(self.life.statuses) if time <= poll.shows)
        if self.tracked:
            illegal = self.illegal(fresh, number)
            if illegal and not set(illegal) <= set(self.doubt or []):
                self.doubt = illegal
                return []
        self.play(rows, fresh, number)
        if not self.tracked:
            self.events.clear()
            self.reported.clear()
            self.tell_tracked()
        self.seen |= set(fresh)
        self.doubt, self.last_ok = None, poll.began
        return self.take()

    def illegal(self, fresh: list[Row], number: int) -> list[tuple[str, str]]:
        """The steps of this answer that no legal path allows."""
        path = [self.status]
        path += [row.value for row in fresh if row.kind == "status" and row.number > max(self.told)]
        path.append(self.life.statuses[number][1])
        return [(a, b) for a, b in pairwise(path) if a != b and steps_between("track", a, b) is None]

    def play(self, rows: list[Row], fresh: list[Row], number: int) -> None:
        newest = max((row.at for row in self.seen), default=None)
        settled = self.recognise(fresh)
        stood = max(self.marks)[0] if self.marks else -1
        for row in fresh:
            late = newest is not None and row.at < newest
            if row.kind == "history":
                self.play_history(row, rows, late)
            elif row.number in self.told:
                continue
            elif self.told and row.number < max(self.told):
                self.told.add(row.number)
                self.mark(row.at, 0, self.table.get(row.value), row.number)
                before = {"status": self.life.statuses[row.number - 1][1]} if row.number else None
                self.tell("status_changed", before, {"status": row.value}, row.at, False, True)
                self.tell_unknown("unknown_status", row.value, self.table, row.at, True)
            else:
                self.play_status(row.value, row.number, row.at, 0, row.at, late=late)
        status = self.life.statuses[number][1]
        if status != self.status:
            self.play_untimed(rows, fresh, number, stood)
        if settled and self.table.get(self.status) not in OVER:
            at, _, _, phase = max(self.marks)
            if phase != self.phase:
                old, self.phase = self.phase, phase
                self.tell("phase_changed", {"phase": old}, {"phase": phase}, at, False, True)

    def recognise(self, fresh: list[Row]) -> bool:
        """Log entries of statuses that were told before; was the current one among them?"""
        known = [row for row in fresh if row.number in self.told]
        for row in known:
            self.marks = [mark for mark in self.marks if mark[2] != row.number]
            self.mark(row.at, 0, self.table.get(row.value), row.number)
        return any(row.number == max(self.told) for row in known)

    def play_untimed(self, rows: list[Row], fresh: list[Row], number: int, stood: int) -> None:
        """The status that the log does not tell counts as the newest entry; with an empty log, as its last update."""
        status = self.life.statuses[number][1]
        place, rank = max([row.at for row in rows] + [self.poll.ended]), 3
        if not any(row.kind == "status" for row in rows):
            updates = [row.at for row in fresh if row.value in ("STATUS_UPDATE", "ORDER_CREATED")]
            if updates:
                place, rank = max(updates), 2
            elif any(ENTRIES.get(row.value) for row in fresh):
                place, rank = stood, 2
        between = steps_between("track", self.status, status) if self.tracked else []
        for step in between or []:
            candidates = [n for n, (_, value) in enumerate(self.life.statuses) if max(self.told) < n and value == step]
            self.play_status(step, candidates[0], stood, 2, None, inferred=True)
        self.play_status(status, number, place, rank, None)
        if between is None:
            self.tell_illegal(status, None)

    def play_status(
        self,
        status: str,
        number: int,
        place: int,
        rank: int,
        at: int | None,
        inferred: bool = False,
        late: bool = False,
    ) -> None:
        before, was_over = self.status, self.table.get(self.status) in OVER
        self.told.add(number)
        carried = self.table.get(status)
        if carried is not None:  # what was put somewhere gives way to the status that followed it
            self.marks = [mark for mark in self.marks if mark[1] < 2]
        self.mark(place, rank, carried, number)
        if carried is None:
            phase = self.phase
        elif carried in OVER or max(self.marks) == (place, rank, number, carried):
            phase = carried
        else:
            phase = max(self.marks)[3] if was_over else self.phase
        self.tell_status(status, phase, at, inferred, late)
        legal = not self.tracked or before == status or steps_between("track", before, status) is not None
        if at is not None and not legal:
            self.tell("contract_violated", None, {"kind": "illegal_transition", "value": status}, at, False, late)

    def play_history(self, row: Row, rows: list[Row], late: bool) -> None:
        same = [other.value for other in rows if other.kind == "status" and other.at == row.at]
        status = same[-1] if row.value == "STATUS_UPDATE" and same else None
        carried, old = ENTRIES.get(row.value), self.phase
        if carried is not None:
            floating = [mark for mark in self.marks if mark[1] == 3 and mark == max(self.marks)]
            self.mark(row.at, 1, carried, -1)
            last = row.at == max(mark[0] for mark in self.marks if mark[1] == 1)
            if floating and last and carried != "created" and not any(other.kind == "status" for other in rows):
                self.marks.remove(floating[0])  # with an empty log, history entries carry their phase
                self.mark(row.at, 0, floating[0][3], floating[0][2])
            if self.table.get(self.status) not in OVER and max(self.marks) == (row.at, 1, -1, carried):
                self.phase = carried
        after = {"event": row.value, "at": _text(row.at), "initiator": None, "status": status}
        self.tell("history_added", None, after, row.at, False, late)
        self.tell_unknown("unknown_entry", row.value, ENTRIES, row.at, late)
        if old != self.phase:
            self.tell("phase_changed", {"phase": old}, {"phase": self.phase}, row.at, False, late)

    def mark(self, place: int, rank: int, phase: str | None, number: int) -> None:
        if phase is not None:
            self.marks.append((place, rank, number, phase))


def _text(at: int) -> str:
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"
