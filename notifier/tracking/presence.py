"""Is the order still there, is its API still telling anything? Misses, `lost`, `stalled`.

- A miss is a 404. Other failures neither count nor reset; any readable answer, believed or not, ends the run.
- `lost` and `stalled` are each told once until the next good look. Good is accepted: a stale or doubtful answer is no
  news of the order, so `stalled` may be told with it.
"""

from typing import Any

from notifier.errors import Reason
from notifier.model import EventType, Look, State
from notifier.tracking.lifecycle import Tracking, Verdict
from notifier.tracking.tape import Tape

Fields = dict[str, Any]


def present(state: State, look: Look, verdict: Verdict, settings: Tracking, tape: Tape) -> Fields:
    """The changed fields of the state; `lost` and `stalled` go on the tape."""
    if verdict == "accepted":
        return {
            "misses": 0,
            "missing_since": None,
            "missed_at": None,
            "lost": False,
            "lost_since": None,
            "stalled": False,
        }
    if verdict != "failed":
        fields: Fields = {"misses": 0, "missing_since": None, "missed_at": None}
    elif look.reason == Reason.NOT_FOUND and look.began != state.missed_at:
        fields = _missed(state, look, settings, tape)
    else:
        fields = {}
    if not state.stalled and look.ended - _last_good(state, look) >= settings.stalled_after:
        tape.note(EventType.STALLED, None, None)
        fields["stalled"] = True
    return fields


def _missed(state: State, look: Look, settings: Tracking, tape: Tape) -> Fields:
    misses = state.misses + 1
    since = look.ended if state.missing_since is None else state.missing_since
    fields: Fields = {"misses": misses, "missing_since": since, "missed_at": look.began}
    if not state.lost and misses >= settings.lost_looks and look.ended - since >= settings.lost_after:
        tape.note(EventType.LOST, None, None)
        fields |= {"lost": True, "lost_since": look.ended}
    return fields


def _last_good(state: State, look: Look) -> int:
    """An order that this replica has just taken over, or just begun to watch, has not stalled yet."""
    return max(state.life, look.attended, state.last_ok or 0)
