"""Is an answer to be believed? Accepted, dropped as stale, or put aside until a second look shows the same (PHASES)."""

from typing import Literal

from notifier.instants import to_text
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


def explain(verdict: str, look: Look, state: State) -> str:
    """In a few words, for `why`: what is held against an answer; empty when nothing is. `state`: after the look."""
    if verdict == "doubtful":
        return f"{state.doubt}: no legal step, told if the next answer shows it too"
    if verdict != "stale" or look.snapshot is None or state.snapshot is None:
        return ""
    told, held = look.snapshot.updated_at, state.snapshot.updated_at
    if told is not None and held is not None and told < held:
        return f"of {to_text(told)}, older than the answer of {to_text(held)} that is known"
    missing = _missing(look.snapshot, state.snapshot)
    return f"older than what is known: {missing[0]} is missing" + (
        f", and {len(missing) - 1} more" if missing[1:] else ""
    )


def _doubted(state: State) -> list[str]:
    return state.doubt.split(_SEPARATOR) if state.doubt else []


def _older(snapshot: Snapshot, held: Snapshot) -> bool:
    if snapshot.updated_at is not None and held.updated_at is not None and snapshot.updated_at < held.updated_at:
        return True
    return bool(held.entries) and bool(_missing(snapshot, held))


def _missing(snapshot: Snapshot, held: Snapshot) -> list[str]:
    """The entries that were seen and are not there any more."""
    told = {entry.identity for entry in snapshot.entries}
    return [f"{entry.value} of {to_text(entry.at)}" for entry in held.entries if entry.identity not in told]
