"""Is the stream of events what it promises to be? Fed with every record in its order, it names what is wrong. Pure.

Each order's events of one life count from 1 upwards without a gap, in one partition, each once, and what an event says
was before is what the one of its kind before it said is after. The owner's stored state has the sequence of the last.
"""

from collections import Counter
from typing import Any, NamedTuple

import msgspec
import orjson

from notifier.backends.partition import shard_of
from notifier.model import EventType

MOST_FINDINGS = 1_000
"""Kept in full; beyond, they are counted."""

_CHAINED = frozenset(
    {EventType.PHASE_CHANGED, EventType.SCHEDULE_CHANGED, EventType.COST_CHANGED, EventType.CANCEL_RULES_CHANGED}
)
"""Whose `before` is the `after` of the last of their type. A performer's is not compared: what is shown of him may be
nothing. The status goes by what every event tells of it."""


class Finding(NamedTuple):
    """`kind`: lost, doubled, reordered, forked, misplaced, unreadable. `place` is where: `events[3]@17`."""

    kind: str
    key: str
    life: int
    sequence: int
    place: str
    detail: str


class _Order(msgspec.Struct):
    key: str
    life: int


class _Data(msgspec.Struct):
    """The part of a published event's data that the audit reads (INTERFACE, 'Event')."""

    id: str
    order: _Order
    sequence: int
    before: Any = None
    after: Any = None
    status: str | None = None
    phase: str | None = None
    late: bool = False


class _Life:
    """What is known of one life of an order: the ids by sequence are kept until the next life begins."""

    __slots__ = ("highest", "ids", "last", "marked", "missing", "status")

    def __init__(self) -> None:
        self.highest = 0
        self.marked = 0
        self.missing: set[int] = set()
        self.ids: dict[int, tuple[str, int]] = {}  # sequence: id, hash of its bytes
        self.last: dict[str, Any] = {}  # `after` by type
        self.status: str | None = None


class Audit:
    """Of one topic, or one file. `partitions` 0: keys are in no partitions."""

    def __init__(self, name: str = "events", partitions: int = 0) -> None:
        self._name = name
        self._partitions = partitions
        self._lives: dict[tuple[str, int], _Life] = {}
        self._cut: set[int] = set()
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.events = 0

    @property
    def orders(self) -> int:
        return len({key for key, _ in self._lives})

    def cut(self, partition: int) -> None:
        """The beginning of this partition is past its retention: lives in it need not begin at 1."""
        self._cut.add(partition)

    def event(self, partition: int, offset: int, key: str | None, type: str, data: bytes) -> None:
        """The next record of a partition. `type` as `ce_type` tells it."""
        place = f"{self._name}[{partition}]@{offset}"
        self.events += 1
        try:
            told = msgspec.json.decode(data, type=_Data)
        except msgspec.MsgspecError as error:
            self._found("unreadable", key or "", 0, 0, place, f"not the data of an event: {error}")
            return
        at = (told.order.key, told.order.life, told.sequence, place)
        if key != told.order.key:
            self._found("misplaced", *at, "its key is not its order's")
        if self._partitions and shard_of(told.order.key, self._partitions) != partition:
            self._found("misplaced", *at, f"belongs to partition {shard_of(told.order.key, self._partitions)}")
        self._follow(at, partition, told, type, hash(data))

    def _follow(self, at: tuple[str, int, int, str], partition: int, told: _Data, type: str, digest: int) -> None:
        key, number, sequence, _ = at
        life = self._lives.get((key, number))
        if life is None:
            life = self._lives[key, number] = _Life()
            if partition in self._cut:
                life.highest = sequence - 1
        if known := life.ids.get(sequence):
            same = known == (told.id, digest)
            self._found(
                "doubled" if same else "forked",
                *at,
                "the same event once more" if same else "another event has this sequence too",
            )
            return
        life.ids[sequence] = told.id, digest
        if sequence > life.highest:
            life.missing.update(range(life.highest + 1, sequence))
            life.highest = sequence
        elif sequence in life.missing:
            life.missing.discard(sequence)
            self._found("reordered", *at, f"comes after sequence {life.highest}")
        self._chain(at, life, told, type)

    def _chain(self, at: tuple[str, int, int, str], life: _Life, told: _Data, type: str) -> None:
        name = type.removeprefix("notifier.order.").rpartition(".v")[0]
        if name == EventType.TRACKED:
            # Seen anew: what changed while nobody looked is not told.
            life.last = {EventType.PHASE_CHANGED: {"phase": told.phase}}
        elif not told.late and told.sequence == life.highest and told.sequence - 1 in life.ids:
            if name == EventType.STATUS_CHANGED:
                self._begins(at, told.before, {"status": life.status})
            elif name in life.last:
                self._begins(at, told.before, life.last[name])
        if told.sequence == life.highest:
            if name in _CHAINED:
                life.last[name] = told.after
            life.status = told.status

    def _begins(self, at: tuple[str, int, int, str], before: Any, last: Any) -> None:
        if before is not None and before != last:
            self._found("forked", *at, f"begins at {_short(before)}, but the one before ended at {_short(last)}")

    def mark(self) -> None:
        """The states that are told from now on were read after the events so far: none of these may be beyond them."""
        for life in self._lives.values():
            life.marked = life.highest

    def state(self, partition: int, key: str, number: int, sequence: int, place: str) -> None:
        """An order's stored state; after all events. Where they begin late, they may all be past their retention."""
        life = self._lives.get((key, number))
        highest = life.highest if life else 0
        at = (key, number, sequence, place)
        if highest < sequence and (life is not None or partition not in self._cut):
            self._found("lost", *at, f"the state is at {sequence}, the events end at {highest}")
        elif life is not None and life.marked > sequence:
            self._found("forked", *at, f"the state is at {sequence}, the events were at {life.marked} before")

    def forked_shard(self, place: str, detail: str) -> None:
        """Two owners wrote one shard."""
        self._found("forked", "", 0, 0, place, detail)

    def finish(self) -> list[Finding]:
        """Everything found, gaps included; after the last record."""
        for (key, number), life in self._lives.items():
            for sequence in sorted(life.missing):
                self._found("lost", key, number, sequence, self._name, "no event has this sequence")
        return self.findings

    def _found(self, kind: str, key: str, life: int, sequence: int, place: str, detail: str) -> None:
        self.counts[kind] += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind, key, life, sequence, place, detail))


def _short(value: Any) -> str:
    return orjson.dumps(value).decode()[:80]
