"""An order in memory: one slots record around the packed bytes that the backend stores. Decoded on change."""

import asyncio
import sys
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from notifier import codec
from notifier.cadence import Known
from notifier.model import Instant, Phase, State
from notifier.net.fetch import Request
from notifier.tracking.orders import calm

if TYPE_CHECKING:
    from notifier.service.shard import Shard


Gone: TypeAlias = Literal["", "dropped", "detached"]
"""Removed or retired: an answer that arrives then no longer counts. Its shard's lease has ended: it does."""


class Order:
    """What the poller must know of an order; `last_ok`, `failures` and `error` are newer than the packed state's.

    `committing` is set while a change of it is on its way to the backend.
    """

    __slots__ = (
        "attended", "began", "busy", "calm", "changed_at", "committing", "digest", "due", "ends", "error", "failures",
        "gone", "key", "last_ok", "lost_since", "not_before", "phase", "shard", "source", "starts", "state", "target",
        "terminal_since", "was_due", "watch",
    )  # fmt: skip

    def __init__(self, key: str, source: str, watch: bytes, state: bytes, shard: "Shard", attended: Instant) -> None:
        self.key = key
        self.source = sys.intern(source)  # one text for all orders of a source
        self.watch = watch
        self.shard = shard
        self.target: Request | None = None
        self.due: Instant | None = None
        self.was_due: Instant = 0
        self.began: Instant | None = None
        self.busy = False
        self.committing: asyncio.Future[None] | None = None
        self.gone: Gone = ""
        self.attended = attended
        self.remember(state, codec.unpack_state(state))

    def remember(self, packed: bytes, state: State) -> None:
        """Takes over a state, given both packed and readable."""
        self.state = packed
        self.digest = state.digest
        self.last_ok = state.last_ok
        self.failures = state.failures
        self.error = state.last_error
        self.phase: Phase = state.phase
        self.terminal_since = state.terminal_since
        self.changed_at = state.changed_at
        self.lost_since = state.lost_since
        self.not_before = state.not_before
        schedule = None if state.snapshot is None else state.snapshot.schedule
        self.starts = schedule.start if schedule else None
        self.ends = schedule.end if schedule else None
        self.calm = calm(state)

    def put_back(self, by: int) -> None:
        """See `agenda.Due`. The last good look is then still before the next one."""
        self.attended -= by
        self.began = None if self.began is None else self.began - by
        self.last_ok = None if self.last_ok is None else self.last_ok - by
        self.not_before = None if self.not_before is None else self.not_before - by

    def ids(self) -> Mapping[str, str]:
        return codec.unpack_watch(self.watch).ids

    def known(self) -> Known:
        return Known(
            phase=self.phase,
            spread=spread(self.key),
            began=self.began,
            starts=self.starts,
            ends=self.ends,
            failures=self.failures,
            error=self.error,
            terminal_since=self.terminal_since,
            changed_at=self.changed_at,
            lost_since=self.lost_since,
            not_before=self.not_before,
        )


def spread(key: str) -> float:
    """A hash of the key in [0, 1): the same in every process."""
    return zlib.crc32(key.encode()) / 2**32
