"""What a view puts together at its beginning is what it would have come to record by record. No broker."""

import random
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from aiokafka import TopicPartition
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notifier import codec
from notifier.backends.kafka.apply import Tables, schema
from notifier.backends.kafka.fetching import Answer, decode
from notifier.backends.kafka.filling import Deliveries, Events, Filling
from notifier.backends.kafka.finished import finished_record
from notifier.backends.kafka.history import FAREWELL
from notifier.backends.kafka.records import (
    Kept,
    Outgoing,
    Plain,
    Read,
    delivery_key,
    event_record,
    number_header,
    pack_delivery,
    pack_kept,
    state_key,
    watch_key,
)
from notifier.backends.kafka.scratch import Scratch
from notifier.backends.kafka.topics import Topics
from notifier.errors import Refused
from notifier.model import Delivery
from tests.backends.kafka.logs import log_of
from tests.backends.kafka.replicas import SHARDS, parse
from tests.contracts.records import KEYS, T, a_delivery, a_state, a_watch, an_event

TOPICS = Topics("t")
SHARD, DONE, TOLD = (TopicPartition(topic, 0) for topic in (TOPICS.shards, TOPICS.deliveries, TOPICS.events))

Unread: TypeAlias = list[int]


def finished(delivery: Delivery, n: int, header: bool = True) -> Outgoing:
    record = finished_record(delivery, pack_delivery(delivery), number_header(n))
    return record if header else record._replace(headers=number_header(n))


def gone(id: str, n: int) -> Outgoing:
    return Outgoing(id.encode(), None, number_header(n))


def done(id: str, n: int, sequence: int = 1, sink: str = "hook") -> Outgoing:
    delivery = a_delivery(sequence=sequence, id=id, sink=sink, state="delivered", due=None, finished_at=T + n)
    return finished(delivery, n)


async def filled(path: Path, content: Deliveries | Events, answers: Sequence[Answer]) -> sqlite3.Connection:
    filling = Filling(path, content, schema)
    try:
        await filling.open()
        for each in answers:
            await filling.add(each)
        await filling.finish()
    finally:
        await filling.close()
    return sqlite3.connect(path)


def rows(connection: sqlite3.Connection, what: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT {what} ORDER BY 1, 2").fetchall()


@pytest.fixture
def unread() -> Unread:
    return []


@pytest.fixture
def deliveries(unread: Unread) -> Deliveries:
    return Deliveries(TOPICS.deliveries, lambda record, error: unread.append(record.offset))


@pytest.fixture
def events(unread: Unread) -> Events:
    return Events(TOPICS.events, 40, lambda record, error: unread.append(record.offset))


# --- one table -------------------------------------------------------------------------------------------------------


async def test_the_newest_of_a_delivery_is_there_once(tmp_path: Path, deliveries: Deliveries) -> None:
    log = [
        done("a", 1),
        done("b", 2),
        done("a", 5, sink="newer"),
        done("c", 3),
        gone("c", 4),
        gone("b", 2),
        done("a", 4),
    ]
    made = await filled(tmp_path / "f", deliveries, [log_of(DONE, log, 2)])
    assert rows(made, "id, n, sink FROM deliveries") == [("a", 5, "newer"), ("b", 2, "hook")]
    made.close()


async def test_what_lists_ask_by_is_in_a_header_or_else_looked_for(tmp_path: Path, deliveries: Deliveries) -> None:
    each = a_delivery(sequence=7, id="a", state="dead", to="a@example.org", sink="mail", due=None)
    log = [finished(each, 4), finished(msgspec.structs.replace(each, id="b"), 4, header=False)]
    made = await filled(tmp_path / "f", deliveries, [log_of(DONE, log)])
    what = "key, state, sink, recipient, created_at, finished_at, n, sequence FROM deliveries"
    [first, second] = rows(made, what)
    assert first == second == (each.key, "dead", "mail", "a@example.org", T + 7, None, 4, 7)
    made.close()


async def test_an_event_that_was_published_twice_is_there_once(tmp_path: Path, events: Events) -> None:
    log = [event_record(an_event(sequence=sequence)) for sequence in (1, 2, 2, 3)]
    made = await filled(tmp_path / "f", events, [log_of(TOLD, log)])
    assert rows(made, "number, sequence, offset FROM events") == [(41, 1, 0), (42, 2, 1), (44, 3, 3)]
    assert events.number == 44
    made.close()


async def test_it_has_the_indexes_of_a_view(tmp_path: Path, events: Events, deliveries: Deliveries) -> None:
    view = sqlite3.connect(":memory:")
    schema(view)
    for content in (events, deliveries):
        made = await filled(tmp_path / content.table, content, [])
        of = f"name, sql FROM sqlite_schema WHERE tbl_name = '{content.table}'"
        assert rows(made, of) == rows(view, of)
        made.close()
    view.close()


async def test_what_is_damaged_hides_nothing_else(
    tmp_path: Path, events: Events, deliveries: Deliveries, unread: Unread
) -> None:
    log = [Outgoing(b"x", b""), done("a", 1), Outgoing(b"\xff", b"?"), Outgoing(b"y", b"\x01\x00damaged")]
    made = await filled(tmp_path / "d", deliveries, [log_of(DONE, log)])
    assert (rows(made, "id, n FROM deliveries"), unread) == ([("a", 1)], [0, 2, 3])
    made.close()
    unread.clear()
    log = [Outgoing(b"x", b"{}"), event_record(an_event()), event_record(an_event())._replace(value=b"no json")]
    made = await filled(tmp_path / "e", events, [log_of(TOLD, log)])
    assert (rows(made, "number, sequence FROM events"), unread) == ([(41, 1)], [0, 2])
    made.close()


@pytest.mark.parametrize("headers", [(), done("x", 1).headers])
async def test_a_newer_format_is_refused(
    tmp_path: Path, deliveries: Deliveries, headers: Sequence[tuple[str, bytes]]
) -> None:
    with pytest.raises(Refused, match="newer release"):
        await filled(tmp_path / "f", deliveries, [log_of(DONE, [Outgoing(b"x", b"\x02\x00..", headers)])])


async def test_a_reading_that_was_broken_off_leaves_nothing(tmp_path: Path, deliveries: Deliveries) -> None:
    first = Filling(tmp_path / "f", deliveries, schema)
    await first.open()
    await first.add(log_of(DONE, [done("a", 1)]))
    await first.close()
    made = await filled(tmp_path / "f", deliveries, [log_of(DONE, [done("b", 1)])])
    assert rows(made, "id, n FROM deliveries") == [("b", 1)]
    made.close()


# --- the whole -------------------------------------------------------------------------------------------------------

IDS = ("a", "b", "c")


class Log:
    """What a shard's owner writes: each step goes to one or two topics."""

    def __init__(self) -> None:
        self.of: dict[TopicPartition, list[Outgoing]] = {SHARD: [], DONE: [], TOLD: []}
        self._open: set[str] = set()
        self._n = 0
        self._sequence = 0

    def step(self, what: str, id: str) -> None:
        self._n += 1
        n = number_header(self._n)
        if what == "open":
            delivery = a_delivery(id=id, sequence=IDS.index(id) + 1)
            if id not in self._open:
                self.of[DONE].append(gone(id, self._n))
            self._open.add(id)
            self.of[SHARD].append(Outgoing(delivery_key(id), pack_delivery(delivery), n))
        elif what == "finished":
            self.of[DONE].append(done(id, self._n, sequence=IDS.index(id) + 1))
            if id in self._open:
                self._open.remove(id)
                self.of[SHARD].append(Outgoing(delivery_key(id), None, n))
        elif what == "event":
            self._sequence += 1
            self.of[TOLD].append(event_record(an_event(sequence=self._sequence)))
        elif what == "state":
            self.of[SHARD].append(Outgoing(state_key(KEYS[0]), codec.pack_state(a_state(sequence=self._n)), n))
        elif what == "watch":
            kept = Kept(offset=self._n, watch=codec.pack_watch(a_watch(labels={"n": str(self._n)})))
            self.of[SHARD].append(Outgoing(watch_key(KEYS[0]), pack_kept(kept), n))
        elif what == "watch gone":  # a compaction has taken what stood behind it
            self.of[SHARD].append(Outgoing(watch_key(KEYS[0]), None, n))
        elif what == "state gone":
            self.of[SHARD].append(Outgoing(state_key(KEYS[0]), None, n))
        elif what == "forgotten":
            self.of[SHARD] += [Outgoing(key(KEYS[0]), None, n) for key in (watch_key, state_key)]
            for each in IDS:
                self.of[DONE].append(gone(each, self._n))
                if each in self._open:
                    self.of[SHARD].append(Outgoing(delivery_key(each), None, n))
            self._open.clear()


def live(records: Sequence[Outgoing], place: TopicPartition, first: int) -> list[Read]:
    return [
        Read(place.topic, place.partition, offset, T, record.key, record.value, record.headers)
        for offset, record in enumerate(records, first)
    ]


SHOWN = (
    "key, watch, state, phase, retired_at, removed_at, shown, owned FROM orders",
    "id, key, state, n, sequence, record FROM deliveries",
    "offset, part, key, life, sequence, observed_at, record FROM events",
)

WHAT = ["open", "finished", "event", "state", "watch", "forgotten"]
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.sampled_from(IDS)), max_size=25)
CUT_SHORT = st.tuples(st.sampled_from([*WHAT, "watch gone", "state gone"]), st.sampled_from(IDS))


@given(steps=st.lists(CUT_SHORT, min_size=10, max_size=25), seed=st.integers(0, 1_000))
@example(steps=[("watch", "a"), ("state", "a"), ("event", "a"), ("watch gone", "a")], seed=1)
@settings(deadline=None, max_examples=60)
def test_portions_of_any_size_come_to_the_same_as_one_record_after_the_other(
    steps: list[tuple[str, str]], seed: int
) -> None:
    log = Log()
    for step in steps:
        log.step(*step)
    chance = random.Random(seed)
    left = {place: live(records, place, 0) for place, records in log.of.items() if records}
    portions: list[list[Read]] = []
    while left:
        place = chance.choice(sorted(left))
        size = chance.randint(1, 8)
        portions.append(left[place][:size])
        left = {each: records[size:] if each == place else records for each, records in left.items()}
        left = {each: records for each, records in left.items() if records}

    shown = []
    for batches in (portions, [[record] for portion in portions for record in portion]):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        tables = Tables(TOPICS, SHARDS, parse)
        tables.create(connection)
        for some in [batches] if batches is portions else [[batch] for batch in batches]:
            tables.apply(connection, some, 0.0)
        tables.apply(connection, [], FAREWELL + 1)
        early = "key, state, phase, retired_at FROM early"
        shown.append([sorted(connection.execute(f"SELECT {each}")) for each in (*SHOWN, early)])
    assert shown[0] == shown[1]


@given(first=STEPS, meanwhile=STEPS, later=STEPS)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_it_is_what_it_would_have_come_to_record_by_record(
    first: list[tuple[str, str]], meanwhile: list[tuple[str, str]], later: list[tuple[str, str]]
) -> None:
    log = Log()
    ends: list[dict[TopicPartition, int]] = []
    for steps in (first, meanwhile, later):
        for step in steps:
            log.step(*step)
        ends.append({place: len(records) for place, records in log.of.items()})
    start, joined, _ = ends

    # One after the other, as a view does that was there from the beginning.
    plain = sqlite3.connect(":memory:", isolation_level=None)
    tables = Tables(TOPICS, SHARDS, parse)
    tables.create(plain)
    for place in (SHARD, DONE, TOLD):
        tables.apply(plain, [live(log.of[place][: start[place]], place, 0)], 0.0)
    for place in (SHARD, DONE, TOLD):
        tables.apply(plain, [live(log.of[place][start[place] :], place, start[place])], FAREWELL + 1)
    tables.apply(plain, [], 2 * FAREWELL + 2)

    # All at once up to `start`; while that is put together, the shard's records go on.
    scratch = Scratch((began := Tables(TOPICS, SHARDS, parse)).create)
    await scratch.open()
    began.history.begin(filling=True)

    def told(record: object, error: Exception) -> None:
        raise AssertionError("everything can be read")

    deliveries, events = Deliveries(TOPICS.deliveries, told), Events(TOPICS.events, 0, told)
    contents: tuple[tuple[Deliveries | Events, TopicPartition], ...] = ((deliveries, DONE), (events, TOLD))
    try:
        newest: dict[bytes, Plain] = {}
        for records in decode(log_of(SHARD, log.of[SHARD][: start[SHARD]])):
            newest.update({record.key or b"": record for record in records})
        await scratch.write(lambda connection: began.fill(connection, 0, newest))
        for content, place in contents:
            answer = log_of(place, log.of[place][: start[place]])
            (await filled(scratch.folder / content.table, content, [answer])).close()
        between = live(log.of[SHARD][start[SHARD] : joined[SHARD]], SHARD, start[SHARD])
        await scratch.write(lambda connection: began.apply(connection, [between], 0.0))
        await scratch.write(lambda connection: began.apply(connection, [], FAREWELL + 1))
        await scratch.attach({f"loaded_{each.table}": scratch.folder / each.table for each, _ in contents})
        schemas = {each.table: f"loaded_{each.table}" for each, _ in contents}
        await scratch.write(lambda connection: began.history.join(connection, schemas, events.number))
        rest = [
            live(log.of[place][done:], place, done)
            for place, done in ((SHARD, joined[SHARD]), (DONE, start[DONE]), (TOLD, start[TOLD]))
        ]
        await scratch.write(lambda connection: began.apply(connection, rest, FAREWELL + 2))
        await scratch.write(lambda connection: began.apply(connection, [], 2 * FAREWELL + 3))
        for what in SHOWN:
            assert await scratch.read(partial(rows, what=what)) == rows(plain, what)
        assert began.events >= await scratch.read(_last)
    finally:
        await scratch.close()
        plain.close()


def _last(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT ifnull(max(number), 0) FROM events").fetchone()
    return int(number)
