"""What is asked of a shard: records of `watches` and `commands` become commands, each offered until it is done.

Nothing here waits: records come in their order, and what must be written because of them (a bad record's report, a
watch that the end of retention overlooked) is a chore for the lease.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import structlog

from notifier import codec, dead_letters
from notifier.backends.bell import Bell
from notifier.backends.kafka.inputs import BadRecord, Parse, read_command, read_input, watch_record
from notifier.backends.kafka.progress import Progress
from notifier.backends.kafka.records import Cursors, Kept, Outgoing, Record
from notifier.backends.kafka.topics import Topics
from notifier.model import Command, Instant, Watch

log = structlog.get_logger()


class Chore(NamedTuple):
    """A record to be written because of the record at `offset` of the input topic `source`. `reason` of a bad one."""

    source: str
    offset: int
    topic: str
    record: Outgoing
    reason: str | None = None


class Followed(NamedTuple):
    """The watch of an order. `live`: neither removed nor about to be, as far as its owner knows.

    `offset` is that of its record in `watches`, where it is known.
    """

    watch: Watch
    live: bool = True
    offset: int = -1


class Done(NamedTuple):
    """What a transaction finishes: offsets in the input topics, and orders whose removal nobody asked for any more."""

    watches: frozenset[int] = frozenset()
    commands: frozenset[int] = frozenset()
    gone: frozenset[str] = frozenset()


class Intake:
    """`log` has every command in the order in which it came, None once it is done; `bell` rings for new ones."""

    def __init__(self, topics: Topics, shard: int, shards: int, parse: Parse, cursors: Cursors) -> None:
        self.log: list[Command | None] = []
        self.bell = Bell()
        self.chores: list[Chore] = []
        self.watches = Progress(cursors.watches, cursors.told)
        self.commands = Progress(cursors.commands, cursors.done)
        self._topics = topics
        self._shard = shard
        self._shards = shards
        self._parse = parse
        self._places: dict[tuple[bool, int], int] = {}  # in the log, by topic (is it a retry?) and number
        self._asked: dict[str, list[tuple[int, Followed]]] = {}  # of each order, what is not done yet
        self._gone: set[str] = set()
        self._retiring: set[str] | None = None  # None: everything may be
        self._last: dict[str, int] = {}  # the newest records of those

    # --- what is asked ---------------------------------------------------------------------------------------------

    def asked(self, key: str) -> Followed | None:
        """What is followed once all is done that is asked of the order; None: nothing is asked."""
        asked = self._asked.get(key)
        return asked[-1][1] if asked else None

    def watch_of(self, command: Command) -> bytes | None:
        """The watch that a put brings or a removal is about; None: it is done already."""
        followed = dict(self._asked.get(command.key, ())).get(command.number)
        return None if followed is None else codec.pack_watch(followed.watch)

    def followed(self, kept: Mapping[str, Kept]) -> dict[str, bytes]:
        """The watches that are followed, packed: kept ones, and what is asked but not yet done."""
        watches = {key: each.watch for key, each in kept.items() if each.removed_at is None}
        for key in self._asked:
            followed = self.asked(key)
            if followed is not None and followed.live:
                watches[key] = codec.pack_watch(followed.watch)
            else:
                watches.pop(key, None)
        return watches

    # --- records ---------------------------------------------------------------------------------------------------

    def watch(self, record: Record, known: Followed | None) -> None:
        """A record of `watches`. `known` of its order before anything was asked that is not done yet."""
        if not self.watches.read(record.offset):
            return
        key = (record.key or b"").decode(errors="replace")
        before = self.asked(key) or known
        try:
            said = read_input(record, self._shards, before and before.watch, self._parse)
        except BadRecord as bad:
            self._reject(record, bad, self.watches)
            return
        if said.retires is not None:
            last = max(self._last.pop(key, -1), known.offset if known else -1)
            if last > said.retires and before is not None and before.live:
                self._again(record, before.watch)
            return
        if self._retiring is None or key in self._retiring:
            self._last[key] = record.offset
        if known is not None and record.offset <= known.offset:
            return  # done, under a former lease
        if said.watch is not None:
            command = Command(kind="put", key=key, watch=said.watch, at=said.at, number=record.offset)
            self._ask(command, Followed(said.watch))
        elif before is not None and before.live:
            command = Command(kind="remove", key=key, at=said.at, number=record.offset)
            self._ask(command, before._replace(live=False))

    def gone(self, key: str, kept: Kept, now: Instant) -> None:
        """A live order without a record in `watches`: it was removed so long ago that nothing is left of that."""
        self._gone.add(key)
        followed = Followed(codec.unpack_watch(kept.watch), live=False)
        self._asked.setdefault(key, []).append((kept.offset, followed))
        self._offer(Command(kind="remove", key=key, at=now, number=kept.offset))

    def command(self, record: Record) -> None:
        """A record of `commands`."""
        if not self.commands.read(record.offset):
            return
        try:
            command = read_command(record, self._shards)
        except BadRecord as bad:
            self._reject(record, bad, self.commands)
            return
        self.commands.open(record.offset, keep=True)
        self._offer(command)

    # --- the end of retention --------------------------------------------------------------------------------------

    def up_to_date(self) -> None:
        """Former owners' records are all read: only what `retire` announces will be retired from now on."""
        self._retiring = set()
        self._last.clear()

    def retire(self, keys: Iterable[str]) -> int:
        """These are about to be retired: the offset in `watches` up to which all that is asked of them is known."""
        if self._retiring is not None:
            self._retiring.update(keys)
        return self.watches.position - 1

    def is_retiring(self, key: str) -> bool:
        return bool(self._retiring) and key in (self._retiring or ())

    # --- done ------------------------------------------------------------------------------------------------------

    def done(self, commands: Iterable[Command]) -> Done:
        """What is done with by these: of an order also what was asked of it before."""
        watches: set[int] = set()
        retries: set[int] = set()
        gone: set[str] = set()
        for command in commands:
            if command.kind == "retry":
                retries.add(command.number)
                continue
            watches.update(number for number, _ in self._asked.get(command.key, ()) if number <= command.number)
            if command.key in self._gone:
                gone.add(command.key)
        return Done(frozenset(watches), frozenset(retries), frozenset(gone))

    def cursors(self, n: int, done: Done) -> Cursors:
        """As they are when that is done, too."""
        watches, told = self.watches.after(done.watches)
        commands, beyond = self.commands.after(done.commands)
        return Cursors(
            n=n, watches=watches, told=told, commands=commands, done=beyond, gone=len(self._gone - done.gone)
        )

    def finish(self, done: Done) -> None:
        self.watches.finish(done.watches)
        self.commands.finish(done.commands)
        for number in done.watches:
            self._strike(False, number)
        for number in done.commands:
            self._strike(True, number)
        self._gone -= done.gone

    def _strike(self, retry: bool, number: int) -> None:
        place = self._places.pop((retry, number), None)
        command = None if place is None else self.log[place]
        if place is None or command is None:
            return
        self.log[place] = None
        if not retry:
            left = [each for each in self._asked.pop(command.key, ()) if each[0] != number]
            if left:
                self._asked[command.key] = left

    # --- inside ----------------------------------------------------------------------------------------------------

    def _ask(self, command: Command, followed: Followed) -> None:
        self.watches.open(command.number, keep=False)
        self._asked.setdefault(command.key, []).append((command.number, followed))
        self._offer(command)

    def _offer(self, command: Command) -> None:
        self._places[command.kind == "retry", command.number] = len(self.log)
        self.log.append(command)
        self.bell.reach(len(self.log))

    def _again(self, record: Record, watch: Watch) -> None:
        """What lies between is newer than what was retired, but compaction would drop it for the tombstone."""
        again = watch_record(watch, watch.updated_at)
        self.watches.open(record.offset, keep=True)
        self.chores.append(Chore(self._topics.watches, record.offset, self._topics.watches, again))
        log.warning("watch_written_again", shard=self._shard, offset=record.offset)

    def _reject(self, record: Record, bad: BadRecord, progress: Progress) -> None:
        progress.open(record.offset, keep=True)
        letter = dead_letters.of_input(
            bad.key,
            bad.reason,
            bad.detail,
            record.timestamp,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )
        about = Outgoing(record.key or b"", letter)
        self.chores.append(Chore(record.topic, record.offset, self._topics.dead_letters, about, bad.reason))


def of_chores(chores: Collection[Chore], watches: str) -> Done:
    """What is done with by having written these."""
    return Done(
        frozenset(chore.offset for chore in chores if chore.source == watches),
        frozenset(chore.offset for chore in chores if chore.source != watches),
    )
