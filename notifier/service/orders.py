"""An order in memory: one slots record around the packed bytes that the backend stores. Decoded on change."""

import asyncio
import sys
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from notifier import codec
from notifier.cadence import Known
from notifier.errors import LookFailed
from notifier.model import Instant, Phase, State
from notifier.net.fetch import Request
from notifier.tracking.orders import calm

if TYPE_CHECKING:
    from notifier.service.shard import Shard


Gone: TypeAlias = Literal["", "dropped", "detached"]
"""Removed or retired: an answer that arrives then no longer counts. Its shard's lease has ended: it does."""


class Trouble(NamedTuple):
    """How a look goes that has failed so far, but has not ended."""

    since: Instant
    reason: str
    detail: str


class Rare(NamedTuple):
    """What most orders have nothing of: one place in memory for all of it."""

    error: str | None = None
    terminal_since: Instant | None = None
    lost_since: Instant | None = None
    not_before: Instant | None = None
    ends: Instant | None = None
    trouble: Trouble | None = None


NOTHING = Rare()


class Order:
    """What the poller must know of an order; `last_ok`, `failures` and `error` are newer than the packed state's.

    `committing` is set while a change of it is on its way to the backend.
    """

    __slots__ = (
        "_digest", "_rare", "attended", "began", "busy", "calm", "changed_at", "committing", "due", "failures", "gone",
        "key", "last_ok", "phase", "shard", "source", "starts", "state", "target", "was_due", "watch",
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
        self._digest = None if state.digest in packed else state.digest  # once in memory is enough: see `unchanged`
        self.last_ok = state.last_ok
        self.failures = state.failures
        self.phase: Phase = state.phase
        self.changed_at = state.changed_at
        schedule = None if state.snapshot is None else state.snapshot.schedule
        self.starts = schedule.start if schedule else None
        rare = Rare(
            error=state.last_error,
            terminal_since=state.terminal_since,
            lost_since=state.lost_since,
            not_before=state.not_before,
            ends=schedule.end if schedule else None,
        )
        self._rare = NOTHING if rare == NOTHING else rare
        self.calm = calm(state)

    @property
    def error(self) -> str | None:
        """The reason of the last look, if it failed."""
        return self._rare.error

    @property
    def trouble(self) -> Trouble | None:
        """What the look under way has met with so far; for the last one to its end see `error`."""
        return self._rare.trouble if self.busy else None

    @property
    def terminal_since(self) -> Instant | None:
        return self._rare.terminal_since

    @property
    def not_before(self) -> Instant | None:
        return self._rare.not_before

    @property
    def newest(self) -> Instant:
        """The newest time that was recorded of it."""
        return max(self.last_ok or 0, self.changed_at, self._rare.lost_since or 0)

    def failed(self, reason: str) -> None:
        """A look of which nothing could be remembered but that it failed."""
        self.failures += 1
        self._rare = self._rare._replace(error=reason)

    def struggles(self, since: Instant, failure: LookFailed | None) -> None:
        """See `net.order_api.Looking`."""
        trouble = None if failure is None else Trouble(since, failure.reason, failure.detail)
        rare = self._rare._replace(trouble=trouble)
        self._rare = NOTHING if rare == NOTHING else rare

    def unchanged(self, digest: bytes) -> bool:
        """Is an answer of this digest the last accepted one, and no news? A short packed state holds it as it is."""
        same = digest in self.state if self._digest is None else digest == self._digest
        return same and self.calm and not self.failures and self.committing is None

    def put_back(self, by: int) -> None:
        """See `agenda.Due`. The last good look is then still before the next one."""
        self.attended -= by
        self.began = None if self.began is None else self.began - by
        self.last_ok = None if self.last_ok is None else self.last_ok - by
        if self.not_before is not None:
            self._rare = self._rare._replace(not_before=self.not_before - by)

    def ids(self) -> Mapping[str, str]:
        return codec.unpack_watch(self.watch).ids

    def known(self) -> Known:
        error, terminal_since, lost_since, not_before, ends, _ = self._rare
        return Known(  # by place, in a third of the time: each look ends here
            self.phase,
            spread(self.key),
            self.began,
            self.starts,
            ends,
            self.failures,
            error,
            terminal_since,
            self.changed_at,
            lost_since,
            not_before,
        )


def spread(key: str) -> float:
    """A hash of the key in [0, 1): the same in every process."""
    return zlib.crc32(key.encode()) / 2**32
