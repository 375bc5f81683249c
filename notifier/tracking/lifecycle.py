"""A source's table from native status and entry to phase, and its legal steps (PHASES)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from notifier.model import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """`statuses` and `entries` list what is documented; a value of None is documented but carries no phase (`expired`).

    `steps` are the legal single steps from native status to native status, or None: any step is legal and none is
    inferred. `fallbacks` are steps that are legal alone but never part of an inferred path (driving -> search).
    `timeline` says that status_log and history, merged by time, carry the phase (track & trace), not the status alone.
    """

    statuses: Mapping[str, Phase | None]
    entries: Mapping[str, Phase | None] = field(default_factory=dict)
    steps: Mapping[str, frozenset[str]] | None = None
    fallbacks: frozenset[tuple[str, str]] = frozenset()
    timeline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """The settings of one source's tracking. Durations in ms, `least_distance` in metres (None: location is off)."""

    lost_looks: int = 3
    lost_after: int = 600_000
    stalled_after: int = 900_000
    backlog: bool = False
    least_distance: float | None = None


Verdict = Literal["accepted", "stale", "doubtful", "failed"]
