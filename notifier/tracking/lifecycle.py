"""A source's table from native status and entry to phase, its legal steps, and what lies between two statuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from notifier.model import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """`statuses` and `entries` list what is documented; a value of None is documented but carries no phase (`expired`).

    `steps` are the legal single steps from native status to native status, or None: any step is legal and none is
    inferred. `fallbacks` are steps that are legal alone, but no unseen path leads through them (driving -> search).
    `timeline` says that status_log and history, merged by time, carry the phase (track & trace), not the status alone.
    `status_entry` is the history entry that takes its status from the log entry of the same time (STATUS_UPDATE).
    A source without a list of `entries` documents none, so that none is undocumented.
    """

    statuses: Mapping[str, Phase | None]
    entries: Mapping[str, Phase | None] = field(default_factory=dict)
    steps: Mapping[str, frozenset[str]] | None = None
    fallbacks: frozenset[tuple[str, str]] = frozenset()
    timeline: bool = False
    status_entry: str | None = None
    _between: dict[tuple[str, str], tuple[str, ...] | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def between(self, before: str, after: str) -> tuple[str, ...] | None:
        """The statuses on *every* legal path from one status to another, in their order; None: there is no such path.

        A legal single step has nothing between. A step from or to an undocumented status is never illegal: nothing is
        known of it.
        """
        if self.steps is None or before not in self.steps or after not in self.statuses:
            return ()
        if after in self.steps[before]:
            return ()
        pair = (before, after)
        if pair not in self._between:
            self._between[pair] = self._dominators(before, after)
        return self._between[pair]

    def _dominators(self, before: str, after: str) -> tuple[str, ...] | None:
        """A status lies on every path exactly if no path is left without it.

        Only forward steps make a path; but one with a fall-back in it still shows that there is another way: a reopened
        order (confirmed, finished, new) was not postponed.
        """
        distances = self._distances(before, self.fallbacks)
        if after not in distances:
            return None
        inner = sorted((status for status in distances if status not in (before, after)), key=distances.__getitem__)
        return tuple(status for status in inner if after not in self._distances(before, frozenset(), without=status))

    def _distances(self, start: str, barred: frozenset[tuple[str, str]], without: str | None = None) -> dict[str, int]:
        """Every status that can be reached from `start`, with how many steps it takes (breadth first).

        No path leads on through a status without a phase: `expired` may be followed by anything, which proves nothing.
        """
        steps = self.steps or {}
        distances, queue = {start: 0}, [start]
        for status in queue:
            if status != start and self.statuses.get(status) is None:
                continue
            for follower in sorted(steps.get(status, ())):
                if follower not in distances and follower != without and (status, follower) not in barred:
                    distances[follower] = distances[status] + 1
                    queue.append(follower)
        return distances


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """The settings of one source's tracking. Durations in ms, `least_distance` in metres (None: location is off)."""

    lost_looks: int = 3
    lost_after: int = 600_000
    stalled_after: int = 900_000
    backlog: bool = False
    least_distance: float | None = None


Verdict = Literal["accepted", "stale", "doubtful", "failed"]
