"""One look of one order: what is remembered, the answer, and what follows. Pure; called for every changed answer."""

from typing import Any, NamedTuple

import msgspec

from notifier.model import Event, Look, Snapshot, State
from notifier.tracking import fields, timeline
from notifier.tracking.course import Course, follow
from notifier.tracking.judge import doubt_of, judge
from notifier.tracking.keep import merge
from notifier.tracking.lifecycle import Lifecycle, Tracking, Verdict
from notifier.tracking.presence import present
from notifier.tracking.tape import Note, Tape


class Step(NamedTuple):
    """What follows from a look. Events carry the sequence numbers that follow `state` of before."""

    state: State
    events: tuple[Event, ...]
    verdict: Verdict


def advance(state: State, look: Look, lifecycle: Lifecycle, settings: Tracking) -> Step:
    """judge → timeline → fields → presence → number.

    A look without a snapshot has failed. Applied once more, a look changes nothing and gives no event.
    """
    tape = Tape(state, lifecycle, look.ended)
    changes: dict[str, Any] = {}
    verdict: Verdict = "failed"
    if look.snapshot is not None:
        course = follow(timeline.past_of(state), look.snapshot, lifecycle, look.ended)
        verdict = judge(state, look, look.snapshot, course)
        if verdict == "accepted":
            changes = _accept(state, look, look.snapshot, course, settings, tape)
        elif verdict == "doubtful":
            changes = {"doubt": doubt_of(course), "doubted_at": look.began}
    changes |= present(state, look, verdict, settings, tape)
    if verdict == "accepted" and tape.notes:
        changes["changed_at"] = look.ended
    after = msgspec.structs.replace(state, **changes, sequence=state.sequence + len(tape.notes))
    return Step(after, _number(state, look, tape.notes, after.snapshot), verdict)


def _accept(state: State, look: Look, told: Snapshot, course: Course, settings: Tracking, tape: Tape) -> dict[str, Any]:
    """timeline → fields, and all that is remembered of a good look."""
    kept = merge(state.snapshot, told, tape.lifecycle)
    if state.tracked and state.snapshot is not None:
        phase_at = timeline.play(state, course, tape)
        located = fields.compare(state.snapshot, kept, state.located, settings.least_distance, tape)
    else:
        phase_at = timeline.start(state, told.status, course, tape, settings.backlog)
        located = kept.location
    terminal_since = state.terminal_since if state.phase.terminal else None
    if terminal_since is None:
        terminal_since = look.ended
    return {
        "snapshot": kept,
        "phase": tape.phase,
        "certain": tape.certain,
        "since": tape.since,
        "tracked": True,
        "last_ok": look.began,
        "digest": look.digest,
        "doubt": None,
        "doubted_at": None,
        "reported": tape.reported,
        "unlogged": course.unlogged,
        "status_at": course.status_at,
        "phase_at": phase_at,
        "newest": course.newest,
        "located": located,
        "terminal_since": terminal_since if tape.phase.terminal else None,
    }


def _number(state: State, look: Look, notes: list[Note], snapshot: Snapshot | None) -> tuple[Event, ...]:
    """Numbers without a gap, and the window of both looks where no time was told."""
    return tuple(
        Event(
            key=state.key,
            life=state.life,
            sequence=sequence,
            type=note.type,
            before=note.before,
            after=note.after,
            status=note.status,
            phase=note.phase,
            certain=note.certain,
            at=note.at,
            not_before=state.last_ok if note.at is None else None,
            not_after=look.ended if note.at is None else None,
            observed_at=look.ended,
            inferred=note.inferred,
            late=note.late,
            snapshot=snapshot,
        )
        for sequence, note in enumerate(notes, state.sequence + 1)
    )
