"""What a commit's changes become: records of one transaction, and what the owner remembers once it is durable. Pure."""

from collections.abc import Iterable
from typing import TypeVar

import structlog

from notifier import codec, dead_letters
from notifier.backends.base import Change
from notifier.backends.commits import told
from notifier.backends.kafka.finished import finished_record
from notifier.backends.kafka.image import Image
from notifier.backends.kafka.intake import Done, Intake
from notifier.backends.kafka.records import (
    CURSORS_KEY,
    Headers,
    Kept,
    Outgoing,
    delivery_key,
    event_record,
    number_header,
    pack_cursors,
    pack_delivery,
    pack_kept,
    state_key,
    watch_key,
)
from notifier.backends.kafka.topics import Topics
from notifier.model import CloudEvent, Command, Delivery, Instant

log = structlog.get_logger()


class Memory:
    """What the owner of a shard remembers of what is durable.

    `watches` of the orders that are followed, packed. `marks` are the life and sequence of their last events: one that
    is stored already is not published again. `ended` are hashes of the keys of orders that are retired or removed: of
    these, and of no others that are not followed, there is more in the topics. `open` are the ids of the deliveries
    that are in the topic `shards`.
    """

    def __init__(self) -> None:
        self.watches: dict[str, bytes] = {}
        self.marks: dict[str, tuple[int, int]] = {}
        self.ended: set[int] = set()
        self.open: set[str] = set()
        self.n = 0

    @classmethod
    def of(cls, image: Image) -> "Memory":
        memory = cls()
        memory.n = image.cursors.n
        memory.open.update(image.open)
        memory.marks.update(image.marks)
        memory.ended.update(map(hash, image.retired))
        for key, kept in image.kept.items():
            if kept.removed_at is not None:
                memory.ended.add(hash(key))
            elif key not in image.retired:
                memory.watches[key] = kept.watch
        return memory

    def new(self, key: str) -> bool:
        """Nothing is stored of this order."""
        return key not in self.watches and key not in self.marks and hash(key) not in self.ended


class Batch:
    """One transaction. `add` all of it, then `records`; and `settle` when it is durable."""

    def __init__(self, topics: Topics, memory: Memory, intake: Intake, now: Instant) -> None:
        self._topics = topics
        self._memory = memory
        self._intake = intake
        self._now = now
        self._n = memory.n + 1
        self._number: Headers = number_header(self._n)
        self._shard: dict[bytes, bytes | None] = {}
        self._finished: dict[bytes, Outgoing] = {}
        self._others: list[tuple[str, Outgoing]] = []
        self._commands: list[Command] = []
        self._done = Done()
        # What will be remembered; None: nothing of it any more.
        self._watches: dict[str, bytes | None] = {}
        self._marks: dict[str, tuple[int, int] | None] = {}
        self._ended: dict[str, bool] = {}
        self._open: dict[str, bool] = {}

    def add(self, change: Change) -> None:
        """BackendError, TooLarge: what cannot be stored."""
        for command in change.done:
            self._finish(command)
        for event in change.events:
            self._event(event)
        if change.state is not None:
            self._state(change.key, change.state)
        for delivery in change.deliveries:
            self._delivery(delivery)

    def also(self, topic: str, record: Outgoing) -> None:
        self._others.append((topic, record))

    def done(self, done: Done) -> None:
        """Beside the commands of the changes."""
        self._done = done

    def forget(self, key: str, deliveries: Iterable[str]) -> None:
        """The order with all that is its, but for its watch in `watches`."""
        self._shard[watch_key(key)] = self._shard[state_key(key)] = None
        for id in deliveries:
            self._unfinish(id.encode())
            if self._is_open(id):
                self._close(id)
        self._watches[key] = self._marks[key] = None
        self._ended[key] = False

    @property
    def number(self) -> Headers:
        return self._number

    def records(self) -> list[tuple[str, Outgoing]]:
        """Each with its topic."""
        done = self._whole()
        self._shard[CURSORS_KEY] = pack_cursors(self._intake.cursors(self._n, done))
        stored = [(self._topics.shards, Outgoing(key, value, self._number)) for key, value in self._shard.items()]
        finished = [(self._topics.deliveries, record) for record in self._finished.values()]
        return [*self._others, *stored, *finished]

    def settle(self) -> None:
        """It is durable."""
        memory = self._memory
        memory.n = self._n
        for key, watch in self._watches.items():
            _put(memory.watches, key, watch)
        for key, mark in self._marks.items():
            _put(memory.marks, key, mark)
        for key, ended in self._ended.items():
            (memory.ended.add if ended else memory.ended.discard)(hash(key))
        for id, is_open in self._open.items():
            (memory.open.add if is_open else memory.open.discard)(id)
        self._intake.finish(self._whole())

    def _whole(self) -> Done:
        ours = self._intake.done(self._commands)
        return Done(ours.watches | self._done.watches, ours.commands | self._done.commands, ours.gone | self._done.gone)

    # --- one change ------------------------------------------------------------------------------------------------

    def _event(self, event: CloudEvent) -> None:
        life, _ = told(event)
        last = self._marks.get(event.key) or self._memory.marks.get(event.key)
        if last is not None and (life, event.sequence) <= last:
            log.error("event_published_before")  # what is published stands
            return
        self._others.append((self._topics.events, event_record(event)))

    def _state(self, key: str, state: bytes) -> None:
        peek = codec.peek_state(state)
        self._shard[state_key(key)] = state
        ended = peek.retired_at is not None
        self._marks[key] = None if ended else (peek.life, peek.sequence)
        if ended:
            self._watches[key] = None
        self._ended[key] = ended

    def _delivery(self, delivery: Delivery) -> None:
        key, id = delivery_key(delivery.id), delivery.id.encode()
        packed = pack_delivery(delivery)
        if delivery.open:
            if delivery.retried and not self._is_open(delivery.id):
                self._unfinish(id)
            self._shard[key] = packed
            self._open[delivery.id] = True
            return
        self._finished[id] = finished_record(delivery, packed, self._number)
        if self._is_open(delivery.id):
            self._close(delivery.id)
        if delivery.state == "dead":
            letter = dead_letters.of_delivery(delivery, self._now)
            self.also(self._topics.dead_letters, Outgoing(delivery.key.encode(), letter))

    def _unfinish(self, id: bytes) -> None:
        self._finished[id] = Outgoing(id, None, self._number)

    def _is_open(self, id: str) -> bool:
        return self._open.get(id, id in self._memory.open)

    def _close(self, id: str) -> None:
        self._shard[delivery_key(id)] = None
        self._open[id] = False

    def _finish(self, command: Command) -> None:
        self._commands.append(command)
        if command.kind == "retry":
            return
        watch = self._intake.watch_of(command)
        if watch is None:
            return  # done before
        removed_at = command.at if command.kind == "remove" else None
        kept = Kept(offset=command.number, removed_at=removed_at, watch=watch)
        self._shard[watch_key(command.key)] = pack_kept(kept)
        self._watches[command.key] = watch if removed_at is None else None
        self._ended[command.key] = removed_at is not None


V = TypeVar("V")


def _put(memory: dict[str, V], key: str, value: V | None) -> None:
    if value is None:
        memory.pop(key, None)
    else:
        memory[key] = value
