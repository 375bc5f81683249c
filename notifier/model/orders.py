"""What is kept of an order: who watches it, one look at it, and all that is remembered."""

from collections.abc import Mapping
from typing import Any, Literal

from notifier.model.snapshot import Place, Snapshot
from notifier.model.words import ByPlace, Instant, Phase, Value


class Recipient(ByPlace, frozen=True, kw_only=True):
    """Who is told. `phone` is E.164, `locale` BCP 47, `timezone` an IANA name (None: the source's)."""

    email: str | None = None
    phone: str | None = None
    webhook: str | None = None
    locale: str = "en"
    timezone: str | None = None


class Watch(ByPlace, frozen=True, kw_only=True):
    """'Follow this order.' `ids` are texts by the names that the source's API wants; the account is resolved."""

    key: str
    source: str
    ids: Mapping[str, str]
    recipients: tuple[Recipient, ...] = ()
    labels: Mapping[str, str] = {}
    created_at: Instant
    updated_at: Instant
    extra: Mapping[str, Any] = {}  # fields of a newer release, kept and written back by codec


class Look(Value, frozen=True, kw_only=True):
    """One poll of an order, retries included: a snapshot or a reason.

    `began` is the start, `ended` the arrival of the answer. `attended` is when this replica took the order over
    (or began to watch it): `stalled` counts from the later of it and the last good look. `not_before` is when the
    API asked to come again at the earliest.
    """

    began: Instant
    ended: Instant
    snapshot: Snapshot | None = None
    reason: "str | None" = None
    detail: str = ""
    digest: bytes = b""
    attended: Instant = 0
    not_before: Instant | None = None


class State(ByPlace, frozen=True, kw_only=True):
    """All that is remembered of an order. `tracking.advance` is the only writer of the part above the line.

    `snapshot` is the accepted one, with the last told value of what it does not tell any more; its entries are all the
    known ones. `last_ok` is the start of the last *accepted* look. `since` is when the phase was entered (a time that
    was told, else when it was seen), `changed_at` when the last change was seen, `terminal_since` when a terminal phase
    was. `reported` are the deviations already told (`unknown_status:<value>`).
    `doubt` are illegal steps seen once ('waiting → driving'), at the look begun at `doubted_at`; `missed_at` is the
    begin of the last look that counted as a miss: so a look that is applied again counts once.
    `unlogged` are statuses already emitted whose status_log entry has not shown up yet; `status_at` and `phase_at` are
    the places on the timeline of what gave the current status and phase; `newest` is the time of the newest entry.
    `located` is the location last told by an event.
    """

    key: str
    life: Instant
    sequence: int = 0
    snapshot: Snapshot | None = None
    phase: Phase = Phase.UNKNOWN
    certain: bool = False
    since: Instant = 0
    tracked: bool = False
    last_ok: Instant | None = None
    digest: bytes = b""
    doubt: str | None = None
    misses: int = 0
    missing_since: Instant | None = None
    lost: bool = False
    lost_since: Instant | None = None
    stalled: bool = False
    reported: frozenset[str] = frozenset()
    unlogged: tuple[str, ...] = ()
    newest: Instant | None = None
    changed_at: Instant = 0
    terminal_since: Instant | None = None
    doubted_at: Instant | None = None
    missed_at: Instant | None = None
    status_at: Instant | None = None
    phase_at: Instant | None = None
    located: Place | None = None
    # --- the service's part -------------------------------------------------------------------------------------
    watch_number: int = 0
    told: frozenset[str] = frozenset()
    failures: int = 0
    failing_since: Instant | None = None
    last_error: str | None = None
    not_before: Instant | None = None
    retired_at: Instant | None = None
    retirement: Literal["terminal", "given_up", "removed"] | None = None
    extra: Mapping[str, Any] = {}  # fields of a newer format, kept and written back by codec
