"""Is an answer to be believed? Accepted, dropped as stale, or put aside until a second look shows the same (PHASES)."""

from typing import Literal

from notifier.model import Look, Snapshot, State
from notifier.tracking.course import Course

_SEPARATOR = "; "


def judge(state: State, look: Look, snapshot: Snapshot, course: Course) -> Literal["accepted", "stale", "doubtful"]:
    """Stale: provably older than what is held. Doubtful: an illegal step that the look before did not show.

    'The look before' is the last one that told anything: failed and stale looks in between say nothing, so they neither
    confirm a doubt nor end it. The same look, applied again after a lost commit, is no second one.
    """
    if state.snapshot is not None and _older(snapshot, state.snapshot):
        return "stale"
    if not state.tracked:
        return "accepted"  # nothing is held that a step could lead from
    illegal = course.illegal
    if illegal and (look.began == state.doubted_at or not set(illegal) <= set(_doubted(state))):
        return "doubtful"
    return "accepted"


def doubt_of(course: Course) -> str:
    """The text of `State.doubt`: each illegal step, 'waiting → driving'."""
    return _SEPARATOR.join(course.illegal)


def _doubted(state: State) -> list[str]:
    return state.doubt.split(_SEPARATOR) if state.doubt else []


def _older(snapshot: Snapshot, held: Snapshot) -> bool:
    if snapshot.updated_at is not None and held.updated_at is not None and snapshot.updated_at < held.updated_at:
        return True
    if not held.entries:
        return False
    told = {entry.identity for entry in snapshot.entries}
    return any(entry.identity not in told for entry in held.entries)
