"""An order's life beside its looks: it begins, ends, is taken up again."""

from typing import Literal

import msgspec

from notifier.model import Instant, State

Retirement = Literal["terminal", "given_up", "removed"]


def begin(key: str, life: Instant) -> State:
    """Kept for the first time, at `life`."""
    return State(key=key, life=life, since=life, changed_at=life)


def retire(state: State, at: Instant, how: Retirement) -> State:
    """Not polled from now on, readable for as long as it is retained."""
    return msgspec.structs.replace(state, retired_at=at, retirement=how)


def resume(state: State, at: Instant) -> State:
    """A retired order, added again: polled for another `retire_after`, its changes go on where they stood."""
    return msgspec.structs.replace(
        _revived(state), changed_at=at, terminal_since=None if state.terminal_since is None else at
    )


def readd(state: State, at: Instant) -> State:
    """A removed order, added again: the next good look gives a new `tracked`, under the next sequence.

    What is known stays known: entries, values, deviations that were reported, whom it was told.
    """
    return msgspec.structs.replace(
        _revived(state), tracked=False, changed_at=at, terminal_since=None, digest=b"", doubt=None, doubted_at=None
    )


def calm(state: State) -> bool:
    """Is an answer with an equal digest news of nothing? Only a calm order may skip reading it."""
    return state.tracked and not (state.doubt or state.misses or state.lost or state.stalled)


def _revived(state: State) -> State:
    """Runs of failures ended with the polling: the next ones are counted from anew."""
    return msgspec.structs.replace(
        state,
        retired_at=None,
        retirement=None,
        misses=0,
        missing_since=None,
        missed_at=None,
        lost=False,
        lost_since=None,
        stalled=False,
        failures=0,
        failing_since=None,
        last_error=None,
        not_before=None,
    )
