"""What a replica may work on just now, and until when: from the group's assignments and its answers to heartbeats."""

from collections.abc import Callable

import structlog

from notifier.clock import Clock

log = structlog.get_logger()

SILENT = 0.8  # session time-outs without an answer after which nothing is owned any more


class Ownership:
    """`owned` survives a rebalance as long as the group still answers that nobody else can have got any of it. It is
    empty from the moment at which the group has not vouched for it for 0.8 session time-outs, by the monotonic clock,
    so that this replica falls silent before another one takes over.

    `changed` is called whenever `owned` is another one than before.
    """

    def __init__(self, session: float, clock: Clock, changed: Callable[[], None]) -> None:
        """`session` in seconds."""
        self.owned: frozenset[int] = frozenset()
        self.generation = -1
        """Of the group, as far as this replica is in it."""
        self.given = -1
        """The generation that said what this replica owns, be it nothing; -1: none has."""
        self.last: tuple[int, tuple[int, ...]] = (-1, ())
        """What was assigned last, and by which generation: what the group's leader is told."""
        self.vouched = float("-inf")
        """When the group last vouched for it, monotonic."""
        self._session = session
        self._clock = clock
        self._changed = changed
        self._assigned: frozenset[int] = frozenset()
        self._trouble = "not yet a member of the group"

    def trouble(self) -> str | None:
        """Why nothing is owned just now; None when all is well."""
        return None if self.owned else self._trouble

    def begin(self) -> None:
        """The first answer of the group is waited for."""
        self.vouched = self._clock.monotonic()

    def fresh(self) -> bool:
        """Whether the group vouches for what is owned. Asked before each look and each send, it must not wait."""
        return bool(self.owned) and self._clock.monotonic() - self.vouched < SILENT * self._session

    def expire(self) -> bool:
        """Nothing is owned if the group no longer vouches for it; whether that is so just now."""
        if not self.owned or self.fresh():
            return False
        self.lose(f"the group has not answered for {SILENT * self._session:g} s")
        return True

    def assign(self, assigned: frozenset[int]) -> None:
        """By the generation that this replica is in."""
        self._assigned, self.given = assigned, self.generation
        self.last = (self.generation, tuple(sorted(assigned)))
        self.vouched = self._clock.monotonic()
        log.info("shards_assigned", shards=sorted(assigned), generation=self.generation)
        if not assigned:
            self.note("there are more replicas than shards: this one waits for another to go")
        self._own(assigned)

    def vouch(self, generation: int, sent: float) -> None:
        """An answer to a heartbeat sent then: if the last assignment is ours, nobody else had any of it by then."""
        if generation == self.given == self.generation:
            self.vouched = max(self.vouched, sent)
            if self._assigned and not self.owned:
                self._own(self._assigned)

    def leave(self, why: str) -> None:
        """The group has gone on without this replica."""
        self.generation = self.given = -1
        self._assigned = frozenset()
        self.lose(why)

    def lose(self, why: str, asked: bool = False) -> None:
        """`asked`: by us, who stop; else it is something to look at."""
        if self.owned:
            (log.info if asked else log.warning)("shards_given_up", shards=sorted(self.owned), reason=why)
        self.note(why)
        self._own(frozenset())

    def note(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.info("group_trouble", reason=trouble)
            self._trouble = trouble

    def _own(self, owned: frozenset[int]) -> None:
        if owned != self.owned:
            self.owned = owned
            self._changed()
